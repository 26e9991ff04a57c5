"""One run: load, faults, quiet, and the comparison."""

import json
import random
import time
from dataclasses import dataclass
from typing import Any

from chaos.checker import Evidence, verdict
from chaos.journal import Journal
from chaos.load import Caller
from chaos.nemesis import Nemesis
from chaos.system import Failed, System

CALLERS = 4
SETTLE_SECONDS = 180.0
_OPEN = """
SELECT count(*)::int AS n FROM conversations_message
WHERE status IN ('scheduled', 'queued', 'sending', 'unknown') AND due_at IS NOT NULL AND request_id LIKE 'chaos-%%'
"""
# The harness does not wait for a back-off of ten minutes; how long one waits is not what it tests.
_HURRY = """
UPDATE conversations_message SET due_at = LEAST(due_at, now())
WHERE status = 'queued' AND due_at > now() + interval '5 s'
"""
_MESSAGES = """
SELECT id, business_id, client_id, request_id, direction, status, body, to_address, provider_message_id, position,
    hold_until, attempts, attempts_allowed, error_message FROM conversations_message WHERE channel IN ('sms', 'email')
"""
_EVENTS = "SELECT message_id, from_status, status FROM conversations_messageevent ORDER BY id"
_CLIENTS = "SELECT id, business_id, phone FROM accounts_client WHERE merged_into_id IS NULL"
_CHANGES = "SELECT id, business_id, address, state, at FROM messaging_consentchange"
_ATTEMPTS = "SELECT message_id, outcome, started_at FROM messaging_attempt"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    seed: int
    sent: int
    heard: int
    faults: list[str]
    settled_in: float
    broken: dict[str, list[str]]

    @property
    def is_well(self) -> bool:
        return not any(self.broken.values())


def fire(system: System, *, seed: int, seconds: float, rate: float) -> Result:
    """Load the system for `seconds` at about `rate` acts a second while the nemesis works; then compare."""
    journal, choice = Journal(), random.Random(seed)
    system.carrier("PUT", "/faults", {"magic": False})
    system.carrier("DELETE", "/ledger")
    clients = [f"+1415{choice.randrange(2_000_000, 9_999_999)}" for _ in range(60)]
    callers = [Caller(system, journal, f"{seed}-{place}", clients, rate / CALLERS) for place in range(CALLERS)]
    nemesis = Nemesis(system, journal, f"{seed}-nemesis")
    for thread in (*callers, nemesis):
        thread.start()
    time.sleep(seconds)
    for thread in (nemesis, *callers):
        thread.stopping.set()
    for thread in (nemesis, *callers):
        thread.join(60.0)
    nemesis.heal()
    settled = _settle(system)
    found = _evidence(system, journal)
    return Result(seed, len(journal.said), len(journal.heard), journal.faults, settled, verdict(found))


def _settle(system: System) -> float:
    """Wait until nothing is on its way and the provider's record has been compared; the seconds that it took."""
    began, calm = time.monotonic(), 0
    while time.monotonic() - began < SETTLE_SECONDS and calm < 3:
        time.sleep(2.0)
        try:
            system.rows(_HURRY)
            calm = calm + 1 if system.rows(_OPEN)[0]["n"] == 0 else 0
        except Exception:  # the database may just be coming back
            calm = 0
    time.sleep(8.0)  # two passes of the reconciler, and the last receipts
    return time.monotonic() - began


def _evidence(system: System, journal: Journal) -> Evidence:
    ledger: list[dict[str, Any]] = system.carrier("GET", "/ledger?kind=message", seconds=120.0)["results"]
    return Evidence(
        said=journal.said,
        heard=journal.heard,
        ledger=ledger,
        messages=system.rows(_MESSAGES),
        events=system.rows(_EVENTS),
        clients=system.rows(_CLIENTS),
        changes=system.rows(_CHANGES),
        attempts=system.rows(_ATTEMPTS),
        strange=journal.strange,
        doctor=_doctor(system),
    )


def _doctor(system: System) -> list[str]:
    output = system.manage("doctor", "--json", "--seconds", "120")
    try:
        report = json.loads(output)
    except json.JSONDecodeError:
        raise Failed(f"The doctor said: {output[-500:]}") from None
    found = []
    for check in report["checks"]:
        if not check["ok"]:
            details = "; ".join(f"#{one['id']} {one['detail']}" for one in check["findings"][:5])
            found.append(f"{check['name']}: {check['found']} wrong. {check['error']}{details}")
    return found
