"""Django's entry to the app."""

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """drf-spectacular finds its extensions once their module is loaded."""
        import_module("accounts.schema")
