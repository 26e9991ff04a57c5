"""The second half of a rotation of ENCRYPTION_KEYS: after it the older keys can go."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services import auditing, resealing


class Command(BaseCommand):
    help = "Seal anew, under the first of ENCRYPTION_KEYS, what lies under an older one. Safe to run at any time."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        is_rehearsal = options["dry_run"]
        done = resealing.reseal(is_rehearsal=is_rehearsal)
        if not is_rehearsal:
            auditing.record_command("reseal")
        verb = "to seal anew" if is_rehearsal else "sealed anew"
        self.stdout.write(f"{verb}: {done.anew}, under the first key already: {done.already}")
        if done.lost:
            raise CommandError(f"These open with none of the keys: {', '.join(done.lost)}.")
        if not is_rehearsal:
            self.stdout.write("Nothing is left under an older key.")
