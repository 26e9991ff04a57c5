"""The sweep by hand, once: for when the scheduler is down, or to see what it would find."""

from typing import Any

from django.core.management.base import BaseCommand

from messaging.services import recovery

_SENTENCES = {
    "lost": "messages of lost workers found, to be asked about at the provider",
    "promoted": "scheduled messages whose time has come put into the queue",
    "asked": "messages of unknown outcome asked about at their provider",
}


class Command(BaseCommand):
    help = "Do once what the scheduler does each second: wake what is due, and find what dead workers left behind."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in recovery.sweep().items():
            self.stdout.write(f"{count:>6}  {_SENTENCES.get(name, name)}")
