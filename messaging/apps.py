"""Django's entry to the app."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

from messaging.providers.registry import registry
from messaging.providers.twilio import Twilio


def make_twilio() -> Twilio:
    """The platform's own Twilio account, by its API key where one is set."""
    user = settings.TWILIO_API_KEY_SID or settings.TWILIO_ACCOUNT_SID
    secret = settings.TWILIO_API_KEY_SECRET if settings.TWILIO_API_KEY_SID else settings.TWILIO_AUTH_TOKEN
    pool = settings.DISPATCH_CONCURRENCY
    return Twilio(settings.TWILIO_ACCOUNT_SID, user, secret, settings.TWILIO_API_BASE_URL, pool)


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        registry.register("twilio", make_twilio)
        import_module("messaging.receivers")
