"""Django's entry to the app."""

from importlib import import_module

from django.apps import AppConfig


class VoiceConfig(AppConfig):
    name = "voice"

    def ready(self) -> None:
        import_module("voice.services.hooks").register()
        import_module("voice.personal")
        import_module("voice.receivers")
