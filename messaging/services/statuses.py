"""Delivery receipts: a status never moves backwards, whatever order the reports come in, even before our own settle."""

import time
from dataclasses import dataclass
from typing import Any

from conversations.services.timeline import Gate
from messaging.models import CarrierCode
from messaging.services import consent, settling, trail, vocabulary
from omega_project.lib import sql
from omega_project.lib.metrics import RECEIPTS

_ON_ITS_WAY = ["scheduled", "queued", "sending", "unknown"]
# What each reported status may take the place of. A terminal status of a text is final.
REPLACES = {
    "queued": ["scheduled"],
    "sending": ["scheduled", "queued"],
    "sent": _ON_ITS_WAY,
    "delivered": [*_ON_ITS_WAY, "sent"],
    "undelivered": [*_ON_ITS_WAY, "sent"],
    "failed": [*_ON_ITS_WAY, "sent"],
    "read": [*_ON_ITS_WAY, "sent", "delivered"],
    "canceled": ["scheduled", "queued"],
}
# What a report may say of a message that omega itself sends: queueing it is ours alone.
_OURS_ALONE = {"queued", "sending", "canceled"}

_APPLY = """
WITH found AS (
    SELECT m.id, m.status, m.attempts, m.due_at IS NOT NULL AS ours, m.business_id, m.client_id, m.to_address,
        m.provider, m.sent_at, m.traceparent,
        m.provider_message_id IS NOT NULL AND %(sid)s::text <> '' AND m.provider_message_id <> %(sid)s::text
            OR (%(attempt)s::int > 0 AND m.attempts <> %(attempt)s::int) AS stale
    FROM conversations_message m WHERE {which} AND m.direction = 'outbound' AND m.channel = %(channel)s::text
    ORDER BY m.id DESC LIMIT 1 FOR UPDATE
), {gate} moved AS (
    UPDATE conversations_message m SET
        status = %(status)s, provider_message_id = COALESCE(m.provider_message_id, NULLIF(%(sid)s::text, '')),
        lease_until = CASE WHEN %(status)s::text = 'sent' AND f.ours
            THEN clock_timestamp() + make_interval(secs => %(ask_in)s::int) END,
        error_code = %(code)s, error_message = %(message)s, error_retryable = %(retryable)s::bool,
        sent_at = CASE WHEN %(status)s::text IN ('sent', 'delivered', 'read', 'undelivered')
            THEN COALESCE(m.sent_at, %(at)s::timestamptz, clock_timestamp()) ELSE m.sent_at END,
        delivered_at = CASE WHEN %(status)s::text IN ('delivered', 'read')
            THEN COALESCE(m.delivered_at, %(at)s::timestamptz, clock_timestamp()) ELSE m.delivered_at END
    FROM found f {from_gate}
    WHERE m.id = f.id AND NOT f.stale AND f.status = ANY(%(from)s::text[])
      AND NOT (f.ours AND %(status)s::text = ANY(%(ours_alone)s::text[]))
    RETURNING m.id
), tries AS (
    -- The report came before the answer: should the worker be lost, nobody else would write how its try ended.
    UPDATE messaging_attempt a SET outcome = 'accepted', detail = 'the provider told of it',
        finished_at = COALESCE(a.finished_at, clock_timestamp()),
        provider_message_id = COALESCE(NULLIF(a.provider_message_id, ''), %(sid)s::text)
    FROM found f JOIN moved ON moved.id = f.id
    WHERE f.ours AND f.status IN ('sending', 'unknown') AND a.message_id = f.id AND a.number = f.attempts
      AND a.outcome IN ('started', 'unknown')
), told AS (
    INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
    SELECT f.id, f.status, %(status)s, %(source)s, %(code)s, COALESCE(%(at)s::timestamptz, clock_timestamp())
    FROM found f JOIN moved ON moved.id = f.id
)
SELECT f.id, f.business_id, f.client_id, f.to_address, f.provider, f.status AS was,
    EXTRACT(EPOCH FROM clock_timestamp() - f.sent_at)::float AS after, f.traceparent,
    EXISTS (SELECT 1 FROM moved) AS applied, {fresh} AS fresh
FROM (SELECT 1) one LEFT JOIN found f ON true
"""
_BY_ID = "m.id = %(id)s::bigint AND (%(business)s::bigint IS NULL OR m.business_id = %(business)s::bigint)"
_BY_SID = (
    "m.provider_message_id = %(sid)s::text AND (%(provider)s::text IS NULL OR m.provider = %(provider)s::text) "
    "AND (%(business)s::bigint IS NULL OR m.business_id = %(business)s::bigint)"
)


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody says became of a message. `message_id` is ours; `attempt` 0 where the report names none."""

    status: str
    message_id: int | None = None
    provider_message_id: str = ""
    provider: str | None = None
    attempt: int = 0
    error_code: str = ""
    error_message: str = ""
    occurred_at: Any = None
    source: str = "api"
    business_id: int | None = None
    channel: str = "sms"


@dataclass(frozen=True, slots=True)
class Applied:
    """`message_id` None where there is no such message; `fresh` False where a webhook had been seen before."""

    message_id: int | None
    status: str
    applied: bool
    fresh: bool = True


def apply_report(report: Report, gate: Gate | None = None) -> Applied:
    """Apply a delivery receipt in one statement. A code that means opt-out changes the consent too."""
    meaning = _meaning(report)
    if meaning is not None and meaning.handling == CarrierCode.Handling.OPTED_OUT:
        return sql.in_transaction(lambda: _apply(report, meaning, gate, opts_out=True))
    return sql.retried(lambda: _apply(report, meaning, gate, opts_out=False))


def _meaning(report: Report) -> vocabulary.Meaning | None:
    if not report.error_code:
        return None
    return vocabulary.meaning_of(report.provider or "twilio", report.error_code, report.error_message)


def _apply(report: Report, meaning: vocabulary.Meaning | None, gate: Gate | None, *, opts_out: bool) -> Applied:
    began = time.time_ns()
    statement = _APPLY.format(
        which=_BY_ID if report.message_id else _BY_SID,
        gate=f"gate AS ({gate.sql})," if gate else "",
        from_gate=", gate" if gate else "",
        fresh="EXISTS (SELECT 1 FROM gate)" if gate else "true",
    )
    row = sql.rows(statement, _params(report, meaning) | (gate.params if gate else {}))[0]
    if row["id"] is None:
        return Applied(None, "", applied=False, fresh=row["fresh"])
    if opts_out:
        _opt_out(report, row)
    if row["fresh"]:
        trail.told_reported(row, began, status=report.status, source=report.source, applied=row["applied"])
    if row["applied"]:
        RECEIPTS.labels(report.channel, row["provider"], report.status).observe(max(0.0, row["after"] or 0.0))
    return Applied(row["id"], report.status if row["applied"] else row["was"], row["applied"], row["fresh"])


def _params(report: Report, meaning: vocabulary.Meaning | None) -> dict[str, Any]:
    failing = report.status in {"failed", "undelivered"}
    sentence = report.error_message or (meaning.sentence if meaning else "")
    return {
        "id": report.message_id, "business": report.business_id, "sid": report.provider_message_id,
        "provider": report.provider, "attempt": report.attempt, "status": report.status,
        "code": report.error_code if failing else "", "message": sentence if failing else "",
        "retryable": bool(failing and meaning and meaning.is_worth_retrying),
        "at": report.occurred_at, "from": REPLACES.get(report.status, []), "ours_alone": list(_OURS_ALONE),
        "source": report.source, "channel": report.channel, "ask_in": settling.RECEIPT_SECONDS,
    }  # fmt: skip


def _opt_out(report: Report, row: dict[str, Any]) -> None:
    consent.change_consent(
        business_id=row["business_id"], client_id=row["client_id"], channel="sms", address=row["to_address"],
        state=consent.OPTED_OUT, source="provider",
        evidence={"message_id": row["id"], "code": report.error_code, "sid": report.provider_message_id},
    )  # fmt: skip
