"""Paths of who: tokens and sessions."""

from django.urls import path

from accounts import sessions

urlpatterns = [
    path("auth/token", sessions.Sessions.as_view({"post": "create"})),
    path("session/expire", sessions.Sessions.as_view({"post": "expire"})),
]
