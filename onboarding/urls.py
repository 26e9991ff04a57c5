"""Paths of onboarding."""

from django.urls import path

from onboarding.views import BusinessOnboarding

urlpatterns = [
    path("business/onboard", BusinessOnboarding.as_view({"post": "create"})),
    path("business/onboard/status", BusinessOnboarding.as_view({"get": "of_business"})),
    path("business/onboard/<str:onboarding_id>", BusinessOnboarding.as_view({"get": "retrieve"})),
]
