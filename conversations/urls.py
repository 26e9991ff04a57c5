"""Paths of the thread."""

from django.urls import path

from conversations import people, views

CLIENT = "businesses/<str:business_id>/clients/<str:client_id>"
THREAD = f"{CLIENT}/conversations/<str:conversation_id>"

urlpatterns = [
    path("businesses/<str:business_id>/conversations", views.Conversations.as_view({"get": "list"})),
    path(f"{CLIENT}/conversations", views.Conversations.as_view({"post": "open"})),
    path(f"{THREAD}/messages", views.Timeline.as_view({"get": "list"})),
    path("businesses/<str:business_id>/clients", people.Clients.as_view({"get": "list"})),
    path(CLIENT, people.Clients.as_view({"get": "retrieve"})),
    path("media/<str:token>", views.media, name="media"),
]
