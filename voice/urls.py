"""Paths of calls."""

from django.urls import path

from voice import views

urlpatterns = [
    path("voice-calls/token", views.VoiceCalls.as_view({"get": "token"})),
]
