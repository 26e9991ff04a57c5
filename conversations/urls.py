"""Paths of the thread."""

from django.urls import path

from conversations import change_views, event_views, merges, people, staff, thread_views, views

CLIENT = "businesses/<str:business_id>/clients/<str:client_id>"
THREAD = f"{CLIENT}/conversations/<str:conversation_id>"

# A request is compared with each path before its own: these are asked for most, and stand first of all (urls.py).
lists = [
    path("businesses/<str:business_id>/conversations", views.Conversations.as_view({"get": "list"})),
    path(f"{THREAD}/messages", thread_views.Timeline.as_view({"get": "list"})),
    path("businesses/<str:business_id>/clients", people.Clients.as_view({"get": "list"})),
]
urlpatterns = [
    path(f"{CLIENT}/conversations", views.Conversations.as_view({"post": "open"})),
    path("businesses/<str:business_id>/conversations/filters", views.Conversations.as_view({"get": "filters"})),
    path(f"{THREAD}/messages/search", thread_views.Timeline.as_view({"get": "search"})),
    path(f"{THREAD}/messages/read-status", thread_views.Thread.as_view({"post": "read_status"})),
    path(f"{THREAD}/notes", thread_views.Thread.as_view({"post": "note"})),
    path(f"{THREAD}/assignment", thread_views.Thread.as_view({"post": "assign"})),
    path(f"{THREAD}/status", thread_views.Thread.as_view({"post": "status"})),
    path(f"{THREAD}/labels", thread_views.Thread.as_view({"post": "labels"})),
    path("conversations/<str:conversation_id>/messages/search", thread_views.Timeline.as_view({"get": "search_by_id"})),
    path(CLIENT, people.Clients.as_view({"get": "retrieve"})),
    path(f"{CLIENT}/merge", merges.Merges.as_view({"post": "create"})),
    path(f"{CLIENT}/merges/<str:merge_id>/undo", merges.Merges.as_view({"post": "undo"})),
    path("businesses/<str:business_id>/staffs", staff.Staffs.as_view({"get": "list"})),
    path("businesses/<str:business_id>/staffs/<str:staff_id>", staff.Staffs.as_view({"get": "retrieve"})),
    path("businesses/<str:business_id>/changes", change_views.Changes.as_view({"get": "list"})),
    path("businesses/<str:business_id>/events", event_views.Events.as_view({"get": "stream"})),
    path("media/<str:token>", views.media, name="media"),
]
