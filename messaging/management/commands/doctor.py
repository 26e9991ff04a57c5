"""The doctor from the command line: is everything that omega promises true of its data right now?"""

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from messaging.services import doctoring
from messaging.services.checks import CHECKS

_SHOWN = 10


class Command(BaseCommand):
    help = "Check every invariant on live data, within a time. Ends with 1 where something is wrong and not mended."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        names = ", ".join(check.name for check in CHECKS)
        parser.add_argument("--repair", action="store_true", help="mend what can be derived from other rows")
        parser.add_argument("--json", action="store_true", help="the report as JSON, for machines")
        parser.add_argument("--seconds", type=float, default=60.0, metavar="N", help="take at most so long (60)")
        parser.add_argument("--check", action="append", default=[], metavar="NAME", help=f"only this one: {names}")

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = set(options["check"]) - {check.name for check in CHECKS}
        if unknown:
            raise CommandError(f"There is no check named {', '.join(sorted(unknown))}: see --help.")
        if not 0 < options["seconds"] <= 86400:
            raise CommandError("--seconds must be more than 0 and at most 86400.")
        reports = doctoring.examine(names=options["check"], seconds=options["seconds"], repair=options["repair"])
        if options["json"]:
            body = {"ok": all(one.is_well for one in reports), "checks": [one.as_dict() for one in reports]}
            self.stdout.write(json.dumps(body))
        else:
            self._print(reports)
        if not all(one.is_well for one in reports):
            raise SystemExit(1)

    def _print(self, reports: list[doctoring.Report]) -> None:
        for one in reports:
            mark = "ok  " if one.is_well else "BAD "
            self.stdout.write(f"{mark}{one.name:<20} {one.sentence} {_figures(one)}")
            for finding in one.findings[:_SHOWN]:
                self.stdout.write(f"      #{finding['id']}: {finding['detail']}")
            if one.found > _SHOWN:
                self.stdout.write(f"      and {one.found - _SHOWN} more; --json lists up to {doctoring.MOST_SHOWN}")


def _figures(one: doctoring.Report) -> str:
    if one.error:
        return f"(it could not be looked at: {one.error})"
    words = f"{one.looked_at} looked at"
    if not one.complete:
        words += ", the time ran out before the end"
    if one.found:
        words += f", {one.found} wrong"
    if one.mended:
        words += f", {one.mended} mended"
    return f"({words})"
