"""Onboarding from the command line: a request in a file, its steps as they go, and the key at the end."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services import auditing
from omega_project.lib.api import parsing
from omega_project.lib.api.errors import ApiError, ParameterError
from onboarding.services import advancing, keys, reading
from onboarding.services.requests import Onboard
from onboarding.services.retrying import retry_onboarding
from onboarding.services.starting import start_onboarding

FAILED, NOT_YET = 1, 2
MOST_BYTES = 10 * 1024 * 1024
_LOOK_SECONDS = 0.3


class Command(BaseCommand):
    help = (
        "Onboard a business as POST /business/onboard does, or go on with one that failed. Takes the steps itself, "
        "beside the workers; a worker must run for the test message. Ends with 0 when the onboarding is completed, "
        f"{FAILED} when a step waits for a person, {NOT_YET} when the time is over."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", help="the request as JSON; - reads standard input")
        parser.add_argument("--retry", type=int, metavar="ID", help="go on with this onboarding from its failed step")
        parser.add_argument("--wait", type=float, default=120.0, metavar="S", help="at most so many seconds (120)")
        parser.add_argument("--show-key", action="store_true", help="print the API key at the end; it is shown once")

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["file"] is None) == (options["retry"] is None):
            raise CommandError("Name a file, or an onboarding with --retry.")
        try:
            onboarding_id = self._begin(options)
        except ParameterError as error:
            raise CommandError("\n".join(_line(fault) for fault in error.faults)) from None
        except ApiError as error:
            raise CommandError(error.detail) from None
        state = self._follow(onboarding_id, options["wait"])
        auditing.record_command("onboard_business", business_id=state["business_id"])
        self._end(state, shows_key=options["show_key"])

    def _begin(self, options: dict[str, Any]) -> int:
        if options["retry"] is not None:
            retry_onboarding(onboarding_id=options["retry"])
            return int(options["retry"])
        body = parsing.validated(Onboard, parsing.json_object(_content(options["file"])))
        started = start_onboarding(body, request_id=body.request_id, source="command")
        self.stdout.write(f"onboarding {started.onboarding_id} of business {started.business_id}")
        return started.onboarding_id

    def _follow(self, onboarding_id: int, seconds: float) -> dict[str, Any]:
        """Take the steps until the onboarding comes to rest; each is printed when it has."""
        ends, told = time.monotonic() + seconds, dict[str, str]()
        while True:
            advancing.advance(onboarding_id=onboarding_id, ends=ends)
            state = reading.status_of(onboarding_id=onboarding_id)
            assert state is not None  # noqa: S101 - it was begun above
            self._tell(state, told)
            if state["status"] != "in_progress" or time.monotonic() > ends:
                return state
            time.sleep(_LOOK_SECONDS)

    def _tell(self, state: dict[str, Any], told: dict[str, str]) -> None:
        for step in state["steps"]:
            words = f"{step['status']:<9}{step['detail'] or ''}".rstrip()
            if step["status"] not in {"pending", "running"} and told.get(step["name"]) != words:
                told[step["name"]] = words
                self.stdout.write(f"{step['name']:<17}{words}")

    def _end(self, state: dict[str, Any], *, shows_key: bool) -> None:
        self.stdout.write(state["status"])
        if state["status"] == "completed":
            key = keys.take_key(onboarding_id=state["onboarding_id"]) if shows_key else None
            if shows_key:
                self.stdout.write(key or "Its key was read before.")
            return
        sys.exit(FAILED if state["status"] == "failed" else NOT_YET)


def _content(name: str) -> bytes:
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            content: bytes = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None
    if len(content) > MOST_BYTES:
        raise CommandError(f"{name} has more than {MOST_BYTES} bytes.")
    return content


def _line(fault: dict[str, Any]) -> str:
    return f"{'.'.join(str(part) for part in fault['loc'][1:]) or 'The request'} {fault['msg']}"
