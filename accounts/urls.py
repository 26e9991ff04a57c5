"""Paths of who: tokens and sessions, locations, and the syncs."""

from django.urls import path

from accounts import sessions, views

BUSINESS = "businesses/<str:business_id>"

urlpatterns = [
    path("auth/token", sessions.Sessions.as_view({"post": "create"})),
    path("session/expire", sessions.Sessions.as_view({"post": "expire"})),
    path(f"{BUSINESS}/locations", views.Locations.as_view({"get": "list"})),
    path(f"{BUSINESS}/locations/sync", views.Locations.as_view({"post": "sync"})),
    path(f"{BUSINESS}/staffs/sync", views.StaffsSync.as_view({"post": "sync"})),
    path(f"{BUSINESS}/clients/sync", views.ClientsSync.as_view({"post": "sync"})),
]
