"""Django's entry to the app."""

from importlib import import_module

from django.apps import AppConfig


class OnboardingConfig(AppConfig):
    name = "onboarding"

    def ready(self) -> None:
        import_module("onboarding.personal")
