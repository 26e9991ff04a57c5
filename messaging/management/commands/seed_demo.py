"""The demo, made once and left alone: for `make run`, for tests, and in bulk for the benchmarks."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Business
from messaging.services import demo, demo_bulk

MOST_MESSAGES = 20_000_000


class Command(BaseCommand):
    help = "Make the demo's businesses and credentials (only where DEBUG is on); a second call changes nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--json", type=Path, metavar="PATH", help="where the credentials are (default: demo.json in OMEGA_HOME)"
        )
        parser.add_argument("--size", type=int, metavar="N", help="add about N messages, for load, instead of the demo")
        parser.add_argument("--business", type=int, metavar="ID", help="whom --size is for (default: one of its own)")
        parser.add_argument("--seed", type=int, default=1, help="another number gives --size another load")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo is made only where DEBUG is on.")
        if options["json"] or options["size"] is None:
            self._seed(options["json"] or settings.OMEGA_HOME / "demo.json")
        if options["size"] is not None:
            self._load(options["size"], options["business"], options["seed"])

    def _load(self, size: int, business_id: int | None, seed: int) -> None:
        if not 1 <= size <= MOST_MESSAGES:
            raise CommandError(f"--size must be from 1 to {MOST_MESSAGES:,}.")
        try:
            made = demo_bulk.load_messages(size=size, seed=seed, business_id=business_id)
        except Business.DoesNotExist:
            raise CommandError(f"There is no business {business_id}.") from None
        except demo_bulk.NoSender:
            raise CommandError(f"Business {business_id} has no sender for texts: give it one first.") from None
        self.stdout.write(
            f"{made.messages:,} messages in {made.clients:,} conversations of business {made.business_id} are made."
        )

    def _seed(self, path: Path) -> None:
        known = read(path)
        credentials = demo.ensure_demo(known)
        names = ", ".join(business["name"] for business in credentials["businesses"])
        if credentials == known:
            self.stdout.write(f"The demo is as it was: {names}.")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, credentials)
        self.stdout.write(f"The demo is made: {names}. Its credentials are in {path}.")


def read(path: Path) -> dict[str, Any]:
    """What an earlier call wrote; nothing where the file is missing or cut short."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(path: Path, credentials: dict[str, Any]) -> None:
    """Replace the file as a whole, readable for its owner only."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(json.dumps(credentials, indent=1) + "\n")
        partial.rename(path)
    except OSError as error:
        raise CommandError(f"The credentials cannot be written to {path}: {error.strerror}.") from error
