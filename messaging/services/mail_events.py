"""Events of mails applied: status, history, times and consent, in a handful of statements for a thousand of them.

A status never moves backwards, whatever order the events come in; the end is the same for every order.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from messaging.providers.mail_event import MailEvent
from messaging.services import mail_consent, trail
from messaging.services.mail_folding import Change, fold
from messaging.services.mail_matching import Found, Matches, Report, match
from messaging.services.mail_meanings import MEANINGS
from omega_project.lib import sql

_WRITE = """
WITH change AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(changes)s::jsonb) AS x(
        id bigint, attempt int, status text, sid text, error_code text, error_message text, error_retryable bool,
        sent_at timestamptz, delivered_at timestamptz)
), moved AS (
    UPDATE conversations_message m SET status = c.status, lease_until = NULL,
        provider_message_id = CASE WHEN m.provider_message_id IS NULL AND c.sid IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM conversations_message o WHERE o.provider_message_id = c.sid
            AND o.business_id = m.business_id AND o.provider = m.provider) THEN c.sid ELSE m.provider_message_id END,
        error_code = c.error_code, error_message = c.error_message, error_retryable = c.error_retryable,
        sent_at = COALESCE(m.sent_at, c.sent_at),
        -- Told in whole seconds, it would often lie before our own time of the send.
        delivered_at = COALESCE(m.delivered_at, CASE WHEN c.delivered_at IS NOT NULL
            THEN GREATEST(c.delivered_at, m.sent_at) END)
    FROM change c WHERE m.id = c.id AND m.id = ANY(%(ids)s::bigint[])
), tries AS (
    UPDATE messaging_attempt a SET outcome = 'accepted', detail = 'the provider told of it',
        finished_at = COALESCE(a.finished_at, clock_timestamp()),
        provider_message_id = COALESCE(NULLIF(a.provider_message_id, ''), c.sid, '')
    FROM change c WHERE a.message_id = c.id AND a.number = c.attempt AND a.outcome IN ('started', 'unknown')
        AND c.sent_at IS NOT NULL
), told AS (
    INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
    SELECT s.id, s.from_status, s.status, s.source, s.detail, GREATEST(s.at, h.last)
    FROM jsonb_to_recordset(%(steps)s::jsonb) AS s(
        ord int, id bigint, from_status text, status text, source text, detail text, at timestamptz)
    CROSS JOIN LATERAL (SELECT max(e.at) AS last FROM conversations_messageevent e WHERE e.message_id = s.id) h
    ORDER BY s.ord
)
UPDATE messaging_email l SET
    -- The last time it was taken counts: what an earlier try came to says nothing of a later one.
    processed_at = GREATEST(l.processed_at, k.processed_at), opened_at = LEAST(l.opened_at, k.opened_at),
    clicked_at = LEAST(l.clicked_at, k.clicked_at), complained_at = LEAST(l.complained_at, k.complained_at),
    unsubscribed_at = LEAST(l.unsubscribed_at, k.unsubscribed_at)
FROM jsonb_to_recordset(%(marks)s::jsonb) AS k(
    id bigint, processed_at timestamptz, opened_at timestamptz, clicked_at timestamptz, complained_at timestamptz,
    unsubscribed_at timestamptz)
WHERE l.message_id = k.id
"""
_COLUMNS = ("id", "attempt", "status", "sid", "error_code", "error_message", "error_retryable", "sent_at",
            "delivered_at")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Applied:
    """What an event did. `message_id` None where it is of no known message: `why` says so in a sentence.

    `status` is the message's now; `applied` False where the event changed nothing.
    """

    message_id: int | None
    business_id: int | None
    status: str
    applied: bool
    why: str = ""


def apply_events(
    events: Sequence[MailEvent], *, source: str = mail_consent.API, provider: str = "", business_id: int | None = None
) -> list[Applied]:
    """Apply events that a caller or a provider told; one answer for each, in their order.

    `kind` may be any word of `MEANINGS`; an unknown one raises KeyError. `business_id`: the only business whose
    messages may change, `provider`: the only provider's, where given.
    """
    reports = [Report(event, source, provider, business_id) for event in events]

    def work() -> list[Applied]:
        matches = match(reports)
        return apply(reports, matches, range(len(reports)))

    return sql.in_transaction(work)


def apply(reports: Sequence[Report], matches: Matches, places: Sequence[int]) -> list[Applied]:
    """Apply those of `reports` that stand at `places` to the messages that were found for them, in one transaction."""
    began = time.time_ns()
    by_message: dict[int, list[tuple[int, Report]]] = {}
    of_message: dict[int, Found] = {}
    told = [(place, reports[place], matches.found[place]) for place in places if place in matches.found]
    for place, report, found in told:
        by_message.setdefault(found.id, []).append((place, report))
        of_message[found.id] = found
    changes = {one: fold(of_message[one], items) for one, items in by_message.items()}
    _write(list(changes.values()))
    for one, items in by_message.items():
        trail.told_mailed(of_message[one], changes[one], items[0][1].source, began)
    heard = mail_consent.grant(mail_consent.wishes_of(told))
    return [_applied(place, matches, changes, heard) for place in places]


def _applied(place: int, matches: Matches, changes: dict[int, Change], heard: set[int]) -> Applied:
    found = matches.found.get(place)
    if found is None:
        return Applied(None, None, "", applied=False, why=matches.reason(place))
    change = changes[found.id]
    return Applied(found.id, found.business_id, str(change.status), place in change.used or place in heard)


def _write(changes: list[Change]) -> None:
    moved = _with_ids_once([_row(change) for change in changes if change.is_moved])
    steps = [step | {"ord": place} for place, step in enumerate(step for one in changes for step in one.steps)]
    marks = [{"id": one.id, **one.marks} for one in changes if one.marks]
    if moved or steps or marks:
        texts = {"changes": moved, "steps": steps, "marks": marks}
        params: dict[str, Any] = {name: orjson.dumps(value).decode() for name, value in texts.items()}
        # The messages are named besides: the planner cannot guess how few rows the JSON holds.
        sql.rows(_WRITE, params | {"ids": [row["id"] for row in moved]})


def _row(change: Change) -> dict[str, Any]:
    return {name: getattr(change, name) for name in _COLUMNS}


def _with_ids_once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A provider's id stands for one message: where two would take it, the first does."""
    seen: set[str] = set()
    for row in rows:
        if row["sid"] in seen:
            row["sid"] = None
        elif row["sid"] is not None:
            seen.add(row["sid"])
    return rows


__all__ = ["MEANINGS", "Applied", "MailEvent", "apply", "apply_events"]
