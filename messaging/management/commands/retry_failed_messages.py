"""Failed messages tried again from the command line: the API's retry, for whoever repairs at the machine."""

import argparse
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import Business, Channel
from messaging.services import retrying

MOST = retrying.MOST_AT_ONCE
_DURATION = re.compile(r"^(\d{1,6})([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_REASONS = {
    "blocked": "blocked by consent or policy: never sent",
    "recorded_only": "recorded, not sent by omega",
    "outcome_unknown": "it may have been sent: --force sends it again",
    "permanent": "a permanent fault: --force tries it all the same",
    "already_retried": "tried again by somebody else at the same moment",
}


class Command(BaseCommand):
    help = "Queue failed messages again, newest first. Permanent faults and unknown outcomes only with --force."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--business", type=int, metavar="ID", help="of this business only")
        parser.add_argument("--channel", choices=Channel.values, help="of this channel only")
        parser.add_argument(
            "--since", metavar="WHEN", help="made within this time (2h, 3d) or after this one (RFC 3339)"
        )
        parser.add_argument("--error-code", metavar="CODE", help="that failed with this code only, such as 30003")
        parser.add_argument("--limit", type=int, default=100, metavar="N", help=f"at most so many (100; up to {MOST})")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--force", action="store_true", help="permanent faults and unknown outcomes too")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = wanted_of(options)
        answer = retrying.retry_failed(wanted)
        self._print(answer, dry_run=wanted.dry_run)
        if answer.matched == wanted.limit:
            self.stdout.write(f"No more than {wanted.limit} are looked at (--limit): there may be more; run it again.")

    def _print(self, answer: retrying.Retried, *, dry_run: bool) -> None:
        self.stdout.write(f"{'matched':<10}{answer.matched:>6}")
        self.stdout.write(
            f"{'to retry' if dry_run else 'retried':<10}{len(answer.retried):>6}  {shortened(answer.retried)}"
        )
        self.stdout.write(f"{'skipped':<10}{len(answer.skipped):>6}")
        for reason, count in Counter(item["reason"] for item in answer.skipped).most_common():
            ids = shortened([item["id"] for item in answer.skipped if item["reason"] == reason])
            self.stdout.write(f"{'':<10}{count:>6}  {_REASONS.get(reason, reason)}: {ids}")


def wanted_of(options: dict[str, Any]) -> retrying.Wanted:
    """The options as the service has them; CommandError in a sentence where one cannot be."""
    business_id, limit, since = options["business"], options["limit"], options["since"]
    if business_id is not None and not Business.objects.filter(pk=business_id).exists():
        raise CommandError(f"There is no business {business_id}.")
    if not 1 <= limit <= MOST:
        raise CommandError(f"--limit must be from 1 to {MOST}.")
    return retrying.Wanted(
        business_id=business_id,
        channel=options["channel"],
        error_code=options["error_code"],
        failed_after=time_of(since, timezone.now()) if since is not None else None,
        limit=limit,
        dry_run=options["dry_run"],
        force=options["force"],
        source="command",
    )


def time_of(given: str, now: datetime) -> datetime:
    """A duration before `now` (90s, 30m, 2h, 3d, 1w) or an RFC 3339 time with its zone."""
    text = given.strip()
    duration = _DURATION.match(text)
    try:
        if duration:
            return now - timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        found = parse_datetime(text)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(
            "--since must be a duration such as 90s, 30m, 2h, 3d or 1w, or a time such as 2026-03-01T09:30:00Z."
        )
    return found


def shortened(ids: list[int], most: int = 12) -> str:
    """Ids in a line; of very many, the first ones."""
    rest = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(map(str, ids[:most])) + rest
