"""The one write that appends to a timeline: messages and their conversation's summary, in one statement.

One statement by CTE is the write's floor (limits.md), whether it carries one message or a hundred.
"""

import functools
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from conversations.models import Message
from omega_project.lib import sql, tracing
from omega_project.lib.api.errors import Conflict
from omega_project.lib.metrics import MESSAGES


@dataclass(slots=True)
class NewMessage:
    """A message to append. Times left out are the database's own now; `created_at` is for what happened before."""

    business_id: int
    conversation_id: int
    client_id: int
    channel: str
    direction: str
    status: str
    request_id: str
    request_hash: str | None = None
    body: str = ""
    subject: str = ""
    html: str = ""
    from_address: str = ""
    to_address: str = ""
    cc: list[str] = field(default_factory=list)
    bcc: list[str] = field(default_factory=list)
    staff_id: int | None = None
    sender_id: int | None = None
    provider: str = ""
    provider_message_id: str | None = None
    error_code: str = ""
    error_message: str = ""
    error_retryable: bool = False
    segments: int = 0
    media_count: int = 0
    is_read: bool = True
    counts: bool = True
    priority: int = Message.Priority.NORMAL
    sends: bool = False
    due_at: datetime | None = None
    scheduled_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    decision: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] | None = None
    created_at: datetime | None = None
    traceparent: str | None = None
    # What a table above this app keeps beside the message: for the statements of `append_messages(beside=…)`.
    beside: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """An insert that must come first and must be new: `sql` reads `input` and returns a row where it was.

    `beside` are further CTEs, each with a comma behind it, that read `ins` (the messages written) and `input`.
    """

    sql: str
    params: dict[str, Any]
    beside: str = ""


_COLUMNS = """
    business_id bigint, conversation_id bigint, client_id bigint, channel text, direction text, status text,
    request_id text, request_hash text, body text, subject text, html text, from_address text, to_address text,
    cc text[], bcc text[], staff_id bigint, sender_id bigint, provider text, provider_message_id text,
    error_code text, error_message text, error_retryable bool, segments int, media_count int, is_read bool, counts bool,
    priority int, sends bool, due_at timestamptz, scheduled_at timestamptz, sent_at timestamptz,
    delivered_at timestamptz, decision jsonb, metadata jsonb, call jsonb, created_at timestamptz,
    traceparent text, beside jsonb
"""
_APPEND = """
WITH input AS MATERIALIZED (
    SELECT row_number() OVER () - 1 AS ord, nextval('conversations_message_id_seq') AS new_id,
        clock_timestamp() AS now, x.*
    FROM (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS y({columns}) LIMIT {most}) x
), {gate}
ins AS (
    INSERT INTO conversations_message (
        id, position, business_id, conversation_id, client_id, channel, direction, status, accepted_status,
        request_id, request_hash, body, subject, html, from_address, to_address, cc, bcc, staff_id, sender_id,
        provider, provider_message_id, error_code, error_message, error_retryable, attempts, segments, media_count,
        is_read, priority, due_at, scheduled_at, created_at, sent_at, delivered_at, decision, metadata, call,
        traceparent)
    SELECT new_id, new_id, business_id, conversation_id, client_id, channel, direction, status, status,
        request_id, decode(request_hash, 'hex'), body, subject, html, from_address, to_address, cc, bcc, staff_id,
        sender_id, provider, provider_message_id, error_code, error_message, error_retryable, 0, segments,
        media_count, is_read, priority, CASE WHEN sends THEN COALESCE(due_at, clock_timestamp()) END, scheduled_at,
        LEAST(created_at, now), sent_at, delivered_at, decision, metadata, call,
        traceparent
    FROM input {where_gate} {by_key}
    ON CONFLICT DO NOTHING
    RETURNING id, conversation_id, client_id, accepted_status, segments, channel, direction, sender_id, created_at,
        is_read
), {beside}
summary AS (
    SELECT conversation_id,
        (array_agg(id ORDER BY created_at DESC, id DESC) FILTER (WHERE channel <> 'activity'))[1] AS last_id,
        max(created_at) FILTER (WHERE channel <> 'activity') AS last_at, count(*) AS messages,
        count(*) FILTER (WHERE NOT is_read) AS unread, count(*) FILTER (WHERE NOT is_read AND counts) AS words,
        min(created_at) FILTER (WHERE direction = 'inbound' AND counts) AS came,
        min(created_at) FILTER (WHERE direction = 'outbound') AS went,
        COALESCE(array_agg(DISTINCT channel) FILTER (WHERE channel IN ('sms', 'email', 'voice')), '{{}}') AS channels,
        (array_agg(sender_id ORDER BY id DESC) FILTER (WHERE channel = 'sms' AND sender_id IS NOT NULL))[1] AS sender_id
    FROM (SELECT ins.*, input.counts FROM ins JOIN input ON input.new_id = ins.id) told GROUP BY conversation_id
), {locked}
kept AS (
    UPDATE conversations_conversation c SET
        last_message_id = CASE WHEN c.last_message_id IS NULL OR s.last_at >= c.last_message_at
            THEN COALESCE(s.last_id, c.last_message_id) ELSE c.last_message_id END,
        last_message_at = CASE WHEN c.last_message_id IS NULL THEN COALESCE(s.last_at, c.last_message_at)
            ELSE GREATEST(c.last_message_at, s.last_at) END,
        unread_count = c.unread_count + s.unread,
        message_count = c.message_count + s.messages,
        channels = CASE WHEN c.channels::text[] @> s.channels::text[] THEN c.channels ELSE
            (SELECT array_agg(DISTINCT one ORDER BY one) FROM unnest(c.channels || s.channels::varchar[]) AS one) END,
        last_sender_id = COALESCE(s.sender_id, c.last_sender_id),
        first_inbound_at = COALESCE(c.first_inbound_at, s.came),
        first_response_at = CASE WHEN c.first_inbound_at IS NOT NULL THEN COALESCE(c.first_response_at, s.went)
            ELSE c.first_response_at END,
        status = CASE WHEN s.words > 0 THEN 'open' ELSE c.status END,
        snoozed_until = CASE WHEN s.words > 0 THEN NULL ELSE c.snoozed_until END,
        closed_at = CASE WHEN s.words > 0 THEN NULL ELSE c.closed_at END,
        updated_at = clock_timestamp()
    FROM {summary} s WHERE c.id = s.conversation_id AND c.id = ANY(%(threads)s::bigint[])
)
SELECT input.ord, ins.id, ins.conversation_id, ins.client_id, ins.accepted_status, ins.segments, ins.created_at
FROM ins JOIN input ON input.new_id = ins.id
"""

# Many rows take the keys of their requests in one order, and then their threads in one order, as a single row takes its
# one key and its one thread: whatever crosses, nobody waits for who waits for them.
_BY_KEY = "ORDER BY request_id"
_LOCKED = """locked AS MATERIALIZED (
    SELECT id FROM conversations_conversation
    WHERE id = ANY(%(threads)s::bigint[]) AND (SELECT count(*) FROM ins) > 0 ORDER BY id FOR NO KEY UPDATE
),"""
_LOCKED_SUMMARY = "(SELECT told.* FROM locked JOIN summary told ON told.conversation_id = locked.id)"


@functools.lru_cache(maxsize=32)
def _statement(gate: str, beside: str, most: int, *, is_one: bool) -> str:
    """`most` tells the planner how few rows the JSON holds; it would take it for a hundred."""
    return _APPEND.format(
        by_key="" if is_one else _BY_KEY,
        locked="" if is_one else _LOCKED,
        summary="summary" if is_one else _LOCKED_SUMMARY,
        columns=_COLUMNS,
        gate=f"gate AS ({gate})," if gate else "",
        where_gate="WHERE EXISTS (SELECT 1 FROM gate)" if gate else "",
        beside=beside,
        most=most,
    )


def new_request_id() -> str:
    """A request_id of the server's making, for a caller that gave none."""
    return secrets.token_hex(12)


_FIRST = """
SELECT id, conversation_id, client_id, accepted_status, segments, request_hash,
    decision ->> 'expected_at' AS expected_at
FROM conversations_message
WHERE business_id = %(business)s AND request_id = %(request)s
"""


def first_of(business_id: int, request_id: str, fingerprint: bytes) -> dict[str, Any]:
    """The message that a request_id made first; 409 where its body was another."""
    first = sql.row(_FIRST, {"business": business_id, "request": request_id})
    if first is None or bytes(first["request_hash"] or b"") != fingerprint:
        raise Conflict(f"The request_id {request_id} was used before, with another body.", "request_id_conflict")
    return first


def _mark(rows: list[NewMessage]) -> None:
    """The request that these come from: what becomes of them is told in its trace, by whatever process."""
    traceparent = tracing.current()
    for row in rows:
        row.traceparent = traceparent


def append_messages(
    rows: list[NewMessage], gate: Gate | None = None, beside: tuple[str, ...] = ()
) -> dict[int, dict[str, Any]]:
    """Append `rows` in their order; give `id` and `created_at` by each one's place in the list.

    A row whose `request_id` or provider's id its business already has is left out of the answer. An unread inbound
    one reopens its conversation. With a `gate`, nothing is written where its insert was not new. `beside` are inserts
    that read `ins` (what was appended) joined to `input` by `new_id`, whose column `beside` is the row's own.
    """
    # The threads are named besides: the planner cannot guess how few rows the JSON holds, and would scan the table.
    threads = list({row.conversation_id for row in rows})
    if tracing.is_on():
        _mark(rows)
    params: dict[str, Any] = {"rows": orjson.dumps(rows).decode(), "threads": threads}
    further = "".join(f"beside_{place} AS ({one}), " for place, one in enumerate(beside))
    is_one = len(rows) == 1
    if gate is None:
        found = sql.rows(_statement("", further, 1 if is_one else 100_000, is_one=is_one), params)
    else:
        found = sql.rows(_statement(gate.sql, further + gate.beside, 100, is_one=is_one), params | gate.params)
    for row in found:
        MESSAGES.labels(rows[row["ord"]].channel, rows[row["ord"]].direction, row["accepted_status"]).inc()
    return {row["ord"]: row for row in found}
