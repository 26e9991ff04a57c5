"""A first key, and any later one: made where no key exists yet to ask the API with."""

import argparse
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Business
from accounts.services import auditing, credentials

MOST_DAYS = 36_500


class Command(BaseCommand):
    help = (
        "Make an API key and print it: the only time that it can be seen. Without --business it opens every business."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--name", required=True, metavar="N", help="what the key is for, to tell keys apart")
        parser.add_argument("--business", type=int, metavar="ID", help="the one business that the key opens")
        parser.add_argument(
            "--expires-in-days", type=int, metavar="D", help="without it, the key works until it is revoked"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name, business_id = named(options["name"]), options["business"]
        if business_id is not None and not Business.objects.filter(pk=business_id).exists():
            raise CommandError(f"There is no business {business_id}.")
        key = credentials.create_api_key(
            name=name, business_id=business_id, expires_at=end_of(options["expires_in_days"])
        )
        auditing.record_command("create_api_key", business_id=business_id)
        self.stdout.write(key)


def named(given: str) -> str:
    """A key's name, trimmed; CommandError where it has nothing in it or too much."""
    name = given.strip()
    if not 1 <= len(name) <= 255 or "\0" in name:
        raise CommandError("--name must have 1 to 255 characters.")
    return name


def end_of(days: int | None) -> datetime | None:
    """When a key of so many days ends; CommandError where it would be no time to live."""
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise CommandError(f"--expires-in-days must be from 1 to {MOST_DAYS:,}.")
    return timezone.now() + timedelta(days=days)
