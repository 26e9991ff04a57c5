"""Django's entry to the app."""

from django.apps import AppConfig


class OnboardingConfig(AppConfig):
    name = "onboarding"
