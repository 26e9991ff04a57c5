"""What a step came to, written down; and the onboarding moves on, waits, or is completed."""

import random
from typing import Any

import orjson
import structlog
from django.utils import timezone

from omega_project.lib import sql
from onboarding.models import Onboarding, OnboardingStep
from onboarding.providers.base import NotNow, Refused
from onboarding.services.steps import Done, NotYet, Result, Skipped, Stuck, Waiting

log = structlog.get_logger(__name__)
Outcome = Result | Stuck | Refused | NotNow
# Seconds between two tries at a provider that is not well, and how many of them there are.
BACKOFF = (5, 10, 30, 60, 120, 300, 600)
MOST_TROUBLES = len(BACKOFF) + 1
_STATUSES: dict[type, str] = {
    Done: "done", Skipped: "skipped", Waiting: "waiting", NotYet: "retrying", Stuck: "failed", Refused: "failed",
    NotNow: "retrying",
}  # fmt: skip
_WRITE = """
UPDATE onboarding_onboardingstep SET status = %(status)s, detail = %(detail)s, at = clock_timestamp(),
    troubles = %(troubles)s::int, due_at = clock_timestamp() + make_interval(secs => %(wait)s::float)
WHERE id = %(id)s::bigint AND attempts = %(attempts)s::int AND status = 'running' RETURNING id
"""
# What must come to an end before the next step: everything but what waits outside.
UNFINISHED = ["pending", "running", "retrying", "failed"]


def settle(row: dict[str, Any], outcome: Outcome) -> None:
    """Write a claimed step's outcome, unless somebody else has the step by now, and let the next one go."""
    status, wait, troubles = _verdict(row, outcome)
    params = {
        "id": row["id"], "attempts": row["attempts"], "status": status, "detail": _detail(outcome, wait),
        "troubles": troubles, "wait": wait,
    }  # fmt: skip

    def work() -> None:
        # Two steps that end at once (one that waited outside is looked at) see each other by this lock.
        onboarding = Onboarding.objects.select_for_update().get(pk=row["onboarding_id"])
        if sql.rows(_WRITE, params):
            _move_on(onboarding)

    sql.in_transaction(work)
    log.info("onboarding.step", onboarding_id=row["onboarding_id"], step=row["name"], status=status)


def _verdict(row: dict[str, Any], outcome: Outcome) -> tuple[str, float | None, int]:
    """The status, the seconds until it is due again (None: never by itself), and the troubles so far."""
    if isinstance(outcome, NotNow):
        troubles = row["troubles"] + 1
        if troubles >= MOST_TROUBLES:
            return "failed", None, troubles
        wait = BACKOFF[troubles - 1] * random.uniform(1.0, 1.25)  # noqa: S311 - spread, not a secret
        return "retrying", wait, troubles
    wait_ = outcome.seconds if isinstance(outcome, (Waiting, NotYet)) else None
    return next(status for kind, status in _STATUSES.items() if isinstance(outcome, kind)), wait_, 0


def _detail(outcome: Outcome, wait: float | None) -> str:
    if isinstance(outcome, NotNow):
        is_over = "It was tried long enough: see to it, then retry."
        return f"{outcome} {'It is tried again by itself.' if wait is not None else is_over}"
    return str(outcome) if isinstance(outcome, Exception) else outcome.detail


def _move_on(onboarding: Onboarding) -> None:
    steps = OnboardingStep.objects.filter(onboarding=onboarding)
    first = steps.filter(status__in=UNFINISHED).order_by("place").first()
    if first is None:
        _set_status(onboarding, Onboarding.Status.COMPLETED)
    elif first.status == OnboardingStep.Status.FAILED:
        _set_status(onboarding, Onboarding.Status.FAILED)
    elif first.status == OnboardingStep.Status.PENDING and first.due_at is None:
        steps.filter(pk=first.pk).update(due_at=timezone.now())


def _set_status(onboarding: Onboarding, status: str) -> None:
    """Completed is for good: what is looked at later, such as a domain, changes its step alone."""
    if onboarding.status == status or onboarding.status == Onboarding.Status.COMPLETED:
        return
    onboarding.status = status
    if status == Onboarding.Status.COMPLETED:
        onboarding.completed_at = timezone.now()
    onboarding.save(update_fields=["status", "completed_at", "updated_at"])


def as_json(facts: dict[str, Any]) -> str:
    return orjson.dumps(facts).decode()


def from_json(facts: Any) -> dict[str, Any]:
    """Facts as raw SQL gives them: text."""
    found: dict[str, Any] = orjson.loads(facts) if isinstance(facts, (str, bytes)) else dict(facts)
    return found
