"""Django's entry to the app."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"
