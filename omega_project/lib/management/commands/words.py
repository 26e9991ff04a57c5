"""Bring the Spanish catalogue up to date with the words of the admin, and compile it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from omega_project.lib import catalogue


class Command(BaseCommand):
    help = "Writes locale/es/LC_MESSAGES/django.po and .mo; says which words have no Spanish yet."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / catalogue.CATALOGUE
        known = catalogue.read(path) if path.exists() else {}
        wanted = {one: known.get(one, []) for one in sorted(catalogue.words()) if one[0].strip()}
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue.write(path, wanted)
        path.with_suffix(".mo").write_bytes(catalogue.compiled(wanted))
        missing = catalogue.untranslated(wanted, wanted)
        for one, _ in missing:
            self.stdout.write(one)
        self.stderr.write(f"{len(wanted)} words, {len(missing)} without Spanish")
