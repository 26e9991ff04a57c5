"""Django's entry to the app."""

from importlib import import_module

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate

from omega_project.lib import masking, wording


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Extensions, checks and receivers are found once their module is loaded; the views follow the tables."""
        for name in ("schema", "personal", "checks", "receivers"):
            import_module(f"accounts.{name}")
        wording.localise_models()
        pre_migrate.connect(masking.before_migrate, sender=self)
        post_migrate.connect(masking.after_migrate, sender=self)
        connection_created.connect(masking.stay_masked)
