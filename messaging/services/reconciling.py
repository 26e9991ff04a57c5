"""What the provider's own record has and we have not: texts that came in while nobody could call us, and receipts.

Each sender has a watermark. A pass lists what came since then, and some time before it, since the record lags and
clocks differ; what is here already is known by the provider's id.
"""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings

from messaging.providers.base import CannotAsk, KeepsRecord, StatusReport
from messaging.services import carriers, intake, recovery, statuses
from omega_project.lib import jobs, sealing, sql

log = structlog.get_logger(__name__)
# How far behind the watermark a pass looks: the record's lag, and two clocks ten minutes apart.
OVERLAP = timedelta(minutes=20)
# How far back the first pass of a sender looks; a record that is older was never ours to hear of.
FIRST_LOOK = timedelta(days=1)
_MOST_SENDERS = 20
_MOST_ASKED = 1000
_MOST_RECEIPTS = 100
# Of each account at once; and so many are asked about at a time, so that a whole pass of one that is silent is short.
_MOST_OF_ACCOUNT = 50
_EVERY_SECONDS = 5.0
_LONGEST_SECONDS = 60

_BEGIN = """
INSERT INTO messaging_watermark (sender_id, listed_until, next_at, filled_in, error)
SELECT s.id, GREATEST(s.created_at, clock_timestamp() - %(back)s::interval), clock_timestamp(), 0, ''
FROM accounts_sender s
WHERE s.channel = 'sms' AND s.is_active AND s.address ~ '^[+]?[0-9]+$'
  AND NOT EXISTS (SELECT 1 FROM messaging_watermark w WHERE w.sender_id = s.id)
ON CONFLICT DO NOTHING
"""
_TAKE = """
UPDATE messaging_watermark w SET next_at = clock_timestamp() + make_interval(secs => %(every)s::float)
FROM (
    SELECT k.sender_id FROM messaging_watermark k JOIN accounts_sender s ON s.id = k.sender_id
    WHERE k.next_at <= clock_timestamp() AND s.is_active
    ORDER BY k.next_at LIMIT %(most)s::int FOR UPDATE OF k SKIP LOCKED
) due JOIN accounts_sender s ON s.id = due.sender_id
WHERE w.sender_id = due.sender_id
RETURNING w.sender_id, w.listed_until, s.business_id, s.address, s.provider, clock_timestamp() AS now
"""
_KNOWN = """
SELECT provider_message_id AS sid FROM conversations_message
WHERE provider_message_id = ANY(%(sids)s) AND provider = %(provider)s
UNION SELECT substr(dedupe_key, 6) FROM messaging_webhookevent
WHERE provider = %(provider)s AND dedupe_key = ANY(%(keys)s)
"""
_LOOKED = """
UPDATE messaging_watermark SET asked_at = %(now)s, error = %(error)s, filled_in = filled_in + %(found)s,
    listed_until = CASE WHEN %(error)s = '' THEN GREATEST(listed_until, %(now)s) ELSE listed_until END
WHERE sender_id = %(sender)s
"""


def reconcile_due() -> int:
    """Compare with the providers' records what is due, every few seconds; how many texts and receipts that found.

    One worker at a time, and not while one asks about outcomes: a provider that does not answer keeps no other worker
    from sending.
    """
    if time.monotonic() - _Last.at < _EVERY_SECONDS:
        return 0
    with jobs.alone(recovery.TALK, _LONGEST_SECONDS) as is_mine:
        if not is_mine:
            return 0
        _Last.at = time.monotonic()
        return reconcile_texts() + reconcile_receipts()


class _Last:
    """When this process compared the last time."""

    at = -_EVERY_SECONDS


def reconcile_texts() -> int:
    """Compare the senders whose time has come; how many texts were filled in, each once, in its place in time."""
    sql.rows(_BEGIN, {"back": FIRST_LOOK})
    taken = sql.rows(_TAKE, {"every": settings.RECONCILE_SECONDS, "most": _MOST_SENDERS})
    if not taken:
        return 0
    keepers = [_keeper_or_reason(row) for row in taken]
    with ThreadPoolExecutor(len(taken)) as pool:
        answers = {pool.submit(_listed, row, keeper): (row, keeper) for row, keeper in zip(taken, keepers, strict=True)}
        return sum(_note(*answers[answer], answer.result()) for answer in as_completed(answers))


def _keeper_or_reason(row: dict[str, Any]) -> KeepsRecord | CannotAsk | None:
    """The provider whose record is read; None where it keeps none."""
    try:
        provider = carriers.provider_of(row["business_id"], row["provider"])
    except sealing.CannotOpen as reason:
        return CannotAsk(str(reason))
    return provider if isinstance(provider, KeepsRecord) else None


def _listed(row: dict[str, Any], keeper: KeepsRecord | CannotAsk | None) -> list[dict[str, str]] | CannotAsk:
    """What came in for a sender, as its provider has it. On a thread: asks no database."""
    if keeper is None or isinstance(keeper, CannotAsk):
        return keeper or []
    try:
        return keeper.received(row["address"], row["listed_until"] - OVERLAP)
    except CannotAsk as reason:
        return reason


def _note(row: dict[str, Any], keeper: KeepsRecord | CannotAsk | None, answer: list[dict[str, str]] | CannotAsk) -> int:
    found, reason = (0, answer) if isinstance(answer, CannotAsk) else _fill_in(row, keeper, answer)
    error = str(reason) if reason else ""
    if error:
        log.warning("reconcile.cannot_ask", sender_id=row["sender_id"], error=error)
    sql.rows(_LOOKED, {"now": row["now"], "error": error, "found": found, "sender": row["sender_id"]})
    return found


def _fill_in(
    row: dict[str, Any], keeper: KeepsRecord | CannotAsk | None, forms: list[dict[str, str]]
) -> tuple[int, CannotAsk | None]:
    """How many were missed and are in now, and what kept the rest out: the next pass looks as far back again."""
    count, missed = 0, _missed(row["provider"], forms)
    try:
        for form in missed:
            whole = keeper.with_media(form) if isinstance(keeper, KeepsRecord) else form
            intake.take_listed(row["provider"], whole)
            count += 1
    except CannotAsk as reason:
        return count, reason
    finally:
        if count:
            log.info("reconcile.filled_in", sender_id=row["sender_id"], count=count, since=_shown(row))
    return count, None


def _missed(provider: str, forms: list[dict[str, str]]) -> list[dict[str, str]]:
    found = []
    for start in range(0, len(forms), _MOST_ASKED):
        some = forms[start : start + _MOST_ASKED]
        sids = [form["MessageSid"] for form in some]
        params = {"sids": sids, "keys": [intake.text_key(sid) for sid in sids], "provider": provider}
        known = {one["sid"] for one in sql.rows(_KNOWN, params)}
        found += [form for form in some if form["MessageSid"] not in known]
    return found


_AWAITED = """
UPDATE conversations_message m SET lease_until = CASE
    WHEN clock_timestamp() - m.sent_at < interval '10 minutes' THEN clock_timestamp() + interval '10 minutes'
    WHEN clock_timestamp() - m.sent_at < interval '2 hours' THEN clock_timestamp() + interval '1 hour'
    WHEN clock_timestamp() - m.sent_at < interval '2 days' THEN clock_timestamp() + interval '6 hours' END
FROM (
    SELECT l.id FROM (
        SELECT u.id, row_number() OVER (PARTITION BY u.provider, p.id ORDER BY u.lease_until) AS place
        FROM (
            SELECT id, business_id, provider, lease_until FROM conversations_message
            WHERE status = 'sent' AND due_at IS NOT NULL AND lease_until < clock_timestamp()
            ORDER BY lease_until LIMIT 2000
        ) u LEFT JOIN accounts_provideraccount p
            ON p.business_id = u.business_id AND p.provider = u.provider AND p.is_active
    ) x JOIN conversations_message l ON l.id = x.id
    WHERE x.place <= %(share)s::int AND l.status = 'sent' AND l.lease_until < clock_timestamp()
    ORDER BY x.place, l.lease_until LIMIT %(most)s::int FOR UPDATE OF l SKIP LOCKED
) due WHERE m.id = due.id
RETURNING m.id, m.business_id, m.provider, m.provider_message_id, m.attempts
"""


def reconcile_receipts() -> int:
    """Ask what became of messages whose delivery receipt never came; how many moved. Asked for two days at most."""
    taken = [
        row
        for row in sql.rows(_AWAITED, {"most": _MOST_RECEIPTS, "share": _MOST_OF_ACCOUNT})
        if row["provider_message_id"]
    ]
    keepers = [_keeper(row) for row in taken]
    if not any(keepers):
        return 0
    with ThreadPoolExecutor(_MOST_OF_ACCOUNT) as pool:
        reports = list(pool.map(_became, taken, keepers))
    return sum(_apply(row, report) for row, report in zip(taken, reports, strict=True) if report)


def _keeper(row: dict[str, Any]) -> KeepsRecord | None:
    try:
        provider = carriers.provider_of(row["business_id"], row["provider"])
    except sealing.CannotOpen:
        return None
    return provider if isinstance(provider, KeepsRecord) else None


def _became(row: dict[str, Any], keeper: KeepsRecord | None) -> StatusReport | None:
    try:
        return keeper.became(row["provider_message_id"]) if keeper else None
    except CannotAsk as error:
        log.warning("reconcile.cannot_ask", message_id=row["id"], error=str(error))
        return None


def _apply(row: dict[str, Any], found: StatusReport) -> bool:
    if not found.status:
        return False
    report = statuses.Report(
        status=found.status, message_id=row["id"], provider_message_id=row["provider_message_id"],
        provider=row["provider"], attempt=row["attempts"], error_code=found.error_code, source="reconcile",
    )  # fmt: skip
    return statuses.apply_report(report).applied


def _shown(row: dict[str, Any]) -> str:
    until: datetime = row["listed_until"]
    return until.isoformat()
