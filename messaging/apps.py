"""Django's entry to the app."""

from collections.abc import Mapping
from functools import partial
from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

from messaging.providers import anymail
from messaging.providers.anymail import AnymailProvider
from messaging.providers.registry import registry
from messaging.providers.sendgrid import SendGrid
from messaging.providers.twilio import Twilio


def make_twilio(given: Mapping[str, str]) -> Twilio:
    """A Twilio account, the platform's own where none is given; by its API key where it has one."""
    own = {
        "account_id": settings.TWILIO_ACCOUNT_SID,
        "auth_token": settings.TWILIO_AUTH_TOKEN,
        "api_key_sid": settings.TWILIO_API_KEY_SID,
        "api_key_secret": settings.TWILIO_API_KEY_SECRET,
    }
    account = given or own
    key = account.get("api_key_sid")
    user, secret = (key, account["api_key_secret"]) if key else (account["account_id"], account["auth_token"])
    return Twilio(account["account_id"], user, secret, settings.TWILIO_API_BASE_URL, settings.DISPATCH_CONCURRENCY)


def make_sendgrid(given: Mapping[str, str]) -> SendGrid:
    """A SendGrid account, the platform's own where none is given."""
    key = given.get("api_key") or settings.SENDGRID_API_KEY
    return SendGrid(key, settings.SENDGRID_API_BASE_URL, settings.DISPATCH_CONCURRENCY)


def make_anymail(name: str, given: Mapping[str, str]) -> AnymailProvider:
    """An account at a provider that django-anymail knows, the platform's own (setting ANYMAIL) where none is given."""
    return AnymailProvider(name, {key: value for key, value in given.items() if key != "account_id"})


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        registry.register("twilio", make_twilio)
        registry.register("sendgrid", make_sendgrid)
        for name in anymail.BACKENDS:
            registry.register(name, partial(make_anymail, name))
        import_module("messaging.receivers")
        import_module("messaging.personal")
