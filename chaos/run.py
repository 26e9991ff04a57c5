"""One run: load, faults, quiet, the recoveries, and the comparison."""

import time
from dataclasses import dataclass, field

import psycopg

from chaos.checker import verdict
from chaos.checks.sends import is_left_to_a_person
from chaos.evidence import Evidence, gather, standing
from chaos.journal import Journal
from chaos.load import Caller
from chaos.nemesis import Nemesis
from chaos.plan import Plan, Shape, draw
from chaos.recovery import Recovered, measure
from chaos.system import System

SETTLE_SECONDS = 240.0
RECORD_SECONDS = 120.0
_OPEN = """
SELECT (SELECT count(*) FROM conversations_message WHERE due_at IS NOT NULL AND (
        status IN ('scheduled', 'queued', 'sending') OR (status = 'unknown' AND lease_until IS NOT NULL)
        OR (status = 'sent' AND channel = 'sms')))
    + (SELECT count(*) FROM messaging_webhookevent WHERE next_attempt_at IS NOT NULL
        AND status IN ('pending', 'failed')) AS n
"""
_NOW = "SELECT clock_timestamp() AS at"
_NOT_COMPARED = """
SELECT count(*) AS n FROM messaging_watermark w JOIN accounts_sender s ON s.id = w.sender_id
WHERE s.is_active AND w.listed_until < %s
"""
# The harness does not wait for back-offs of ten minutes, nor for the two minutes after which a receipt that was not
# heard of is asked for; how long those are is not what it tests.
_HURRY = (
    "UPDATE conversations_message SET due_at = now() WHERE status = 'queued' AND due_at > now() + interval '5 s'",
    "UPDATE conversations_message SET lease_until = now() WHERE status = 'sent' AND lease_until > now()",
    "UPDATE messaging_webhookevent SET next_attempt_at = now() WHERE next_attempt_at > now() + interval '5 s'"
    " AND status IN ('pending', 'failed')",
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    plan: Plan
    journal: Journal
    settled_in: float
    undone: int
    left_to_people: int
    broken: dict[str, list[str]]
    recovered: list[Recovered] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return sum(1 for one in self.journal.said if one.is_accepted and one.channel in {"sms", "email"} and one.body)

    @property
    def is_well(self) -> bool:
        return not any(self.broken.values())


# Callers try again what failed, all that there is: what the demo shows as failed is not theirs.
_LEAVE_FAILED = """
UPDATE conversations_message SET error_retryable = false WHERE status IN ('failed', 'undelivered') RETURNING id
"""


def fire(system: System, *, seed: int, shape: Shape, rounds: int = 1) -> Result:
    """Carry out the plan of a seed, let things settle, measure how soon it goes on by itself, and compare."""
    plan, journal = draw(seed, shape), Journal()
    system.carrier("PUT", "/faults", {"magic": False, "twilio": {"latency_ms": 20}, "sendgrid": {"latency_ms": 20}})
    system.carrier("DELETE", "/ledger")
    system.rows(_LEAVE_FAILED)
    before = standing(system)
    journal.began = time.monotonic()
    undone = _burn(system, journal, plan)
    settled = _settle(system, listed=False)
    recovered = measure(system, journal, plan, rounds) if rounds else []
    _settle(system)
    found = gather(system, journal, before)
    return Result(plan, journal, settled, undone, _left(found), verdict(found), recovered)


def _burn(system: System, journal: Journal, plan: Plan) -> int:
    """Load and faults together; how many acts were left undone for want of time."""
    callers = [Caller(system, journal, plan, steps) for steps in plan.callers]
    nemesis = Nemesis(system, journal, plan)
    for caller in callers:
        caller.start()
    nemesis.start()
    time.sleep(max(0.0, journal.began + plan.shape.seconds - time.monotonic()))
    nemesis.stop()
    ends = time.monotonic() + plan.shape.overtime
    for caller in callers:
        caller.join(max(0.1, ends - time.monotonic()))
        caller.stopping.set()
    for caller in callers:
        caller.join(60.0)
    return sum(caller.left for caller in callers)


def _settle(system: System, *, listed: bool = True) -> float:
    """Wait until nothing is on its way, and (`listed`) the provider's record was compared; the seconds that it took."""
    began = time.monotonic()
    _wait_for_calm(system)
    if listed:
        _wait_for_the_record(system)
        _wait_for_calm(system)
        time.sleep(4.0)  # the last receipts
    return time.monotonic() - began


def _wait_for_calm(system: System) -> None:
    ends, calm = time.monotonic() + SETTLE_SECONDS, 0
    while time.monotonic() < ends and calm < 3:
        time.sleep(2.0)
        try:
            for statement in _HURRY:
                system.rows(statement)
            waits = system.rows(_OPEN)[0]["n"] + sum(1 for _ in (system.home / "spool").glob("*.event"))
            calm = calm + 1 if waits == 0 else 0
        except psycopg.Error:  # the database may just be coming back
            calm = 0


def _wait_for_the_record(system: System) -> None:
    """Each sender's record is compared once more from now on: what nobody called us about is filled in by then."""
    calm_at, ends = system.rows(_NOW)[0]["at"], time.monotonic() + RECORD_SECONDS
    while system.rows(_NOT_COMPARED, (calm_at,))[0]["n"] and time.monotonic() < ends:
        time.sleep(0.5)


def _left(found: Evidence) -> int:
    return sum(1 for row in found.messages if is_left_to_a_person(row))
