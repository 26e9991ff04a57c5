"""What drives the steps: they are claimed by a lease, carried out with no transaction open, and settled.

A step that is due is found by its row alone: a lost job, a killed worker and an emptied Redis leave it there. One
worker drives at a time, many onboardings side by side, so that the others are free for messages.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import connection, connections

from omega_project.lib import jobs, sealing, sql
from omega_project.lib.api.middleware import drop_dead_connection
from omega_project.lib.reach import everything
from onboarding.providers.base import NotNow, Refused
from onboarding.services import defaults, domains, keys, numbers, people, proof, provider_accounts, settling, wakeup
from onboarding.services.steps import Overtaken, Run, Step, Stuck

log = structlog.get_logger(__name__)
# Longer than what may happen between two `hold`s: two provider calls of 11 seconds.
LEASE_SECONDS = 30
SLICE_SECONDS = 3.0
SIDE_BY_SIDE = 8
_TURN_SECONDS = 0.05

STEPS: dict[str, Step] = {
    "locations": people.make_locations,
    "staff": people.make_staff,
    "provider_account": provider_accounts.make_account,
    "senders": numbers.make_senders,
    "email_sender": domains.make_email_senders,
    "defaults": defaults.make_defaults,
    "test_message": proof.send_proof,
    "api_key": keys.make_key,
}

# A step that was running when its lease ended has cost a worker, or its database: that counts as a trouble.
# A sub-select in FROM may be run once for each row of a join, and so claim more than its LIMIT; a CTE is run once.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM onboarding_onboardingstep
    WHERE onboarding_id = %(onboarding)s::bigint AND due_at <= clock_timestamp()
    ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE onboarding_onboardingstep s SET status = 'running', attempts = s.attempts + 1,
    troubles = s.troubles + (s.status = 'running')::int,
    due_at = clock_timestamp() + make_interval(secs => %(lease)s::int)
FROM due, onboarding_onboarding o
WHERE s.id = due.id AND o.id = s.onboarding_id
RETURNING s.id, s.name, s.attempts, s.troubles, s.facts, s.onboarding_id, o.business_id, o.reference, o.request
"""
_DUE = """
SELECT onboarding_id, min(due_at) AS due FROM onboarding_onboardingstep
WHERE due_at <= clock_timestamp() GROUP BY onboarding_id ORDER BY due LIMIT %(limit)s::int
"""
_HOLD = """
UPDATE onboarding_onboardingstep SET due_at = clock_timestamp() + make_interval(secs => %(lease)s::int)
WHERE id = %(id)s::bigint AND attempts = %(attempts)s::int AND status = 'running' RETURNING id
"""
_KEEP = """
UPDATE onboarding_onboardingstep SET facts = %(facts)s::jsonb
WHERE id = %(id)s::bigint AND attempts = %(attempts)s::int AND status = 'running' RETURNING id
"""
_ONE_AT_A_TIME = "SELECT pg_try_advisory_lock(hashtextextended('omega:onboarding', 0)) AS mine"
_NEXT_PLEASE = "SELECT pg_advisory_unlock(hashtextextended('omega:onboarding', 0))"


def wake_due() -> bool:
    """Wake a worker where a step is due; whether one is."""
    is_due = bool(sql.rows(_DUE, {"limit": 1}))
    if is_due:
        wakeup.wake_advance()
    return is_due


def drain(seconds: float = SLICE_SECONDS) -> bool:
    """Take the steps that are due, many onboardings side by side, for about so long. True where more is due.

    Nothing is done, and False given, where another worker drives.
    """
    with _alone() as is_mine:
        if is_mine:
            _Drive().run(seconds)
    return is_mine and bool(sql.rows(_DUE, {"limit": 1}))


@contextmanager
def _alone() -> Iterator[bool]:
    """Holds the driver's seat, for as long as this process's database connection lives."""
    is_mine = bool(sql.rows(_ONE_AT_A_TIME)[0]["mine"])
    try:
        yield is_mine
    finally:
        if is_mine:
            sql.rows(_NEXT_PLEASE)


class _Drive:
    """One run of the driver."""

    def __init__(self) -> None:
        self.going: dict[int, Future[None]] = {}

    def run(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="onboard") as pool:
            while time.monotonic() < ends and not jobs.is_stopping():
                self._submit(pool, ends)
                if not self.going:
                    return
                wait(self.going.values(), timeout=_TURN_SECONDS)
                self.going = {one: future for one, future in self.going.items() if not future.done()}

    def _submit(self, pool: ThreadPoolExecutor, ends: float) -> None:
        room = SIDE_BY_SIDE - len(self.going)
        due = sql.rows(_DUE, {"limit": SIDE_BY_SIDE}) if room else []
        for row in [row for row in due if row["onboarding_id"] not in self.going][:room]:
            self.going[row["onboarding_id"]] = pool.submit(_on_a_thread, row["onboarding_id"], ends)


@everything()
def _on_a_thread(onboarding_id: int, ends: float) -> None:
    """A thread has a database connection of its own, which ends with its work."""
    try:
        advance(onboarding_id=onboarding_id, ends=ends)
    except Exception as error:
        # The step's lease ends, and it is taken again.
        log.exception("onboarding.interrupted", onboarding_id=onboarding_id, error=repr(error))
    finally:
        connections.close_all()


def advance(*, onboarding_id: int, ends: float | None = None) -> int:
    """Take the steps of one onboarding that are due, one after the other; how many were taken."""
    taken = 0
    while not jobs.is_stopping() and (ends is None or time.monotonic() < ends):
        if not connection.in_atomic_block:
            drop_dead_connection()
        row = sql.row(_CLAIM, {"onboarding": onboarding_id, "lease": LEASE_SECONDS})
        if row is None:
            break
        _take(row)
        taken += 1
    return taken


def _take(row: dict[str, Any]) -> None:
    """Carry a claimed step out, and write down what it came to."""
    outcome: settling.Outcome
    try:
        if row["troubles"] >= settling.MOST_TROUBLES:
            raise Stuck("It was begun again and again, and never ended: see the workers' logs, then retry.")
        outcome = STEPS[row["name"]](_run_of(row))
    except Overtaken:
        log.warning("onboarding.overtaken", step=row["name"], onboarding_id=row["onboarding_id"])
        return
    except (Stuck, Refused, NotNow) as error:
        outcome = error
    except Exception as error:
        log.exception("onboarding.step_failed", step=row["name"], onboarding_id=row["onboarding_id"])
        outcome = NotNow(f"Something went wrong on our side ({type(error).__name__}).")
    settling.settle(row, outcome)


def _run_of(row: dict[str, Any]) -> Run:
    fence = {"id": row["id"], "attempts": row["attempts"]}

    def hold() -> None:
        if not sql.rows(_HOLD, fence | {"lease": LEASE_SECONDS}):
            raise Overtaken

    def keep(facts: dict[str, Any]) -> None:
        if not sql.rows(_KEEP, fence | {"facts": settling.as_json(facts)}):
            raise Overtaken

    try:
        wanted = sealing.unseal(row["request"])
    except sealing.CannotOpen as error:
        raise Stuck(f"{error} Put the key back, then retry.") from error
    facts = settling.from_json(row["facts"])
    return Run(row["onboarding_id"], row["business_id"], row["reference"], wanted, hold, keep, facts, row["attempts"])
