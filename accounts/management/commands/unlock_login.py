"""Somebody typed the wrong password too often: let them try again."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services import auditing, guarding


class Command(BaseCommand):
    help = "Forget the log-ins to the admin that were tried with a user name, from an address, or with both."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--username", default="", metavar="NAME", help="who may try again, from anywhere")
        parser.add_argument("--address", default="", metavar="IP", help="the address that may try again")

    def handle(self, *args: Any, **options: Any) -> None:
        name, address = options["username"], options["address"]
        if not name and not address:
            raise CommandError("Say whom: --username, --address, or both.")
        auditing.record_command("unlock_login")
        removed = guarding.unlock(name=name, address=address)
        self.stdout.write("Unlocked." if removed else "Nothing was tried there, so nothing was locked.")
