"""Trying failed messages again, and taking back what has not gone: one home for the API, the admin and the command."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from messaging.services import intake, media, wakeup
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict, NotFound

_MATCHING = """
SELECT id, status, error_code, error_retryable, direction, due_at IS NOT NULL AS ours, priority
FROM conversations_message m
WHERE {where} ORDER BY id DESC LIMIT %(limit)s::int
"""
_FAILED = "m.status IN ('failed', 'undelivered', 'blocked', 'unknown')"
# The condition on status makes two retries of one message at one instant one send.
_AGAIN = """
WITH again AS (
    SELECT id, status FROM conversations_message
    WHERE id = ANY(%(ids)s::bigint[]) AND status IN ('failed', 'undelivered', 'unknown') AND due_at IS NOT NULL
    ORDER BY id FOR UPDATE
), queued AS (
    UPDATE conversations_message m SET status = 'queued', due_at = clock_timestamp(), lease_until = NULL,
        hold_until = NULL, position = nextval('conversations_message_id_seq'), provider_message_id = NULL,
        attempts_allowed = m.attempts + 6, error_code = '', error_message = '', error_retryable = false, sent_at = NULL
    FROM again WHERE m.id = again.id RETURNING m.id, again.status AS was, m.priority
), untold AS (
    UPDATE messaging_email e SET processed_at = NULL FROM again WHERE e.message_id = again.id
), told AS (
    INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
    SELECT id, was, 'queued', %(source)s, 'tried again by hand', clock_timestamp() FROM queued
)
SELECT id, priority FROM queued
"""
_CANCEL = """
WITH found AS (
    SELECT id, status, direction, due_at FROM conversations_message
    WHERE id = %(id)s::bigint AND (%(business)s::bigint IS NULL OR business_id = %(business)s::bigint) FOR UPDATE
), canceled AS (
    UPDATE conversations_message m SET status = 'canceled', lease_until = NULL FROM found
    WHERE m.id = found.id AND found.status IN ('scheduled', 'queued') AND found.due_at IS NOT NULL
    RETURNING m.id
), told AS (
    INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
    SELECT f.id, f.status, 'canceled', 'api', '', clock_timestamp() FROM found f JOIN canceled c ON c.id = f.id
)
SELECT f.id, f.status, f.direction, EXISTS (SELECT 1 FROM canceled) AS done FROM found f
"""

# So many at once, by whatever door: a call ends within its time, and says what it did.
MOST_AT_ONCE = 1000


@dataclass(slots=True)
class Wanted:
    """Which failed messages to try again. `business_id` None: of every business."""

    business_id: int | None = None
    message_ids: list[int] | None = None
    channel: str | None = None
    direction: str | None = None
    status: str | None = None
    error_code: str | None = None
    failed_after: datetime | None = None
    failed_before: datetime | None = None
    limit: int = 100
    dry_run: bool = False
    force: bool = False
    source: str = "retry"


@dataclass(slots=True)
class Retried:
    """`matched` failed messages; those queued again, and those that were not, each with its reason."""

    matched: int = 0
    retried: list[int] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)


def retry_failed(wanted: Wanted) -> Retried:
    """Queue failed messages again. Permanent faults and unknown outcomes only with `force`; a blocked one never."""
    rows = _matching(wanted)
    answer = Retried(matched=len(rows))
    going = []
    for row in rows:
        reason = _reason_to_skip(row, force=wanted.force)
        if reason:
            answer.skipped.append({"id": row["id"], "reason": reason})
        else:
            going.append(row["id"])
    answer.retried = sorted(going) if wanted.dry_run else _queue_again(going, wanted.source)
    lost = set() if wanted.dry_run else set(going) - set(answer.retried)
    answer.skipped += [{"id": one, "reason": "already_retried"} for one in sorted(lost)]
    _retry_intake(wanted)
    return answer


def _matching(wanted: Wanted) -> list[dict[str, Any]]:
    where, params = [_FAILED], {"limit": wanted.limit}
    conditions: list[tuple[str, str, Any]] = [
        ("m.business_id = %(business)s::bigint", "business", wanted.business_id),
        ("m.id = ANY(%(ids)s::bigint[])", "ids", wanted.message_ids or None),
        ("m.channel = %(channel)s::text", "channel", wanted.channel),
        ("m.direction = %(direction)s::text", "direction", wanted.direction),
        ("m.status = %(status)s::text", "status", wanted.status),
        ("m.error_code = %(code)s::text", "code", wanted.error_code),
        ("m.created_at >= %(after)s::timestamptz", "after", wanted.failed_after),
        ("m.created_at <= %(before)s::timestamptz", "before", wanted.failed_before),
    ]
    for condition, name, value in conditions:
        if value is not None:
            where.append(condition)
            params[name] = value
    return sql.rows(_MATCHING.format(where=" AND ".join(where)), params)


def _reason_to_skip(row: dict[str, Any], *, force: bool) -> str | None:
    if row["status"] == "blocked" or row["error_code"] in {"opted_out", "21610"}:
        return "blocked"
    if not row["ours"]:
        return "recorded_only"
    if row["status"] == "unknown" and not force:
        return "outcome_unknown"
    if not row["error_retryable"] and not force:
        return "permanent"
    return None


def _queue_again(ids: list[int], source: str) -> list[int]:
    if not ids:
        return []
    queued = sql.in_transaction(lambda: sql.rows(_AGAIN, {"ids": ids, "source": source}))
    media.fetch_again([row["id"] for row in queued])
    for priority in {row["priority"] for row in queued}:
        wakeup.wake_dispatch(priority)
    return sorted(row["id"] for row in queued)


def _retry_intake(wanted: Wanted) -> None:
    """Failed processing of what came in is tried again too, where the filters do not speak of sends alone."""
    sends_only = wanted.message_ids or wanted.direction == "outbound" or wanted.error_code or wanted.dry_run
    if not sends_only:
        intake.retry_failed(business_id=wanted.business_id, limit=wanted.limit, channel=wanted.channel)


def cancel_message(*, message_id: int, business_id: int | None) -> None:
    """Take back a message that is surely not sent; 409 `already_handed_over` otherwise, 404 where there is none."""
    found = sql.in_transaction(lambda: sql.row(_CANCEL, {"id": message_id, "business": business_id}))
    if found is None:
        raise NotFound("There is no such message.")
    if not found["done"] and found["status"] != "canceled":
        raise Conflict(f"The message is {found['status']}: it cannot be taken back.", "already_handed_over")
