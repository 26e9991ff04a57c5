"""The scheduler: wakes the sweeps by the table of a module."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from omega_project.lib.scheduling import OmegaScheduler


class Command(BaseCommand):
    """`manage.py run_scheduler`; ends on SIGTERM, and never because Redis is away."""

    help = "Wake the sweeps; one of these runs beside the workers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("table", nargs="?", default="omega_project.cron", help="the module that says what and when")

    def handle(self, *args: Any, **options: Any) -> None:
        scheduler = OmegaScheduler()
        scheduler.load_config_from_file(options["table"])
        scheduler.start()
