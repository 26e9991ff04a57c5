"""Which message an event of a mail is of: found by every name that the mail has, and locked until the event is used."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from messaging.providers.mail_event import MailEvent
from omega_project.lib import sql


@dataclass(frozen=True, slots=True)
class Report:
    """An event and who tells it.

    `provider` empty: of any. `business_id`: the only business whose messages it may speak of, None where the teller
    speaks for all. `source` stands in the history.
    """

    event: MailEvent
    source: str
    provider: str = ""
    business_id: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The message of an event as it stands now.

    `began_at`: when its last try began, else when it was accepted. `since`: no event of it can be older.
    """

    id: int
    business_id: int
    client_id: int
    status: str
    attempts: int
    provider_message_id: str | None
    to_address: str
    error_retryable: bool
    was_accepted: bool
    began_at: datetime
    since: datetime
    now: datetime
    traceparent: str | None = None


# An event belongs to a message only where everything that is known of both agrees: another system behind the same
# account at the provider has message ids too.
_FITS = """m.channel = 'email' AND m.direction = 'outbound'
    AND (e.business IS NULL OR m.business_id = e.business) AND (e.provider = '' OR m.provider = e.provider)
    AND (e.address = '' OR m.to_address = e.address OR e.address = ANY(m.cc) OR e.address = ANY(m.bcc))"""
# Scalar sub-selects: each name is looked for by its index, and only where the ones before it found nothing.
_FIND_WHAT_FITS = """
WITH event AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(events)s::jsonb) AS x(
        ord int, mid bigint, sids text[], rfc text, address text, business bigint, provider text)
), hit AS MATERIALIZED (
    SELECT e.ord, COALESCE(
        (SELECT m.id FROM conversations_message m WHERE m.id = e.mid AND {fits}),
        (SELECT m.id FROM conversations_message m WHERE m.provider_message_id = ANY(e.sids) AND {fits}
         ORDER BY array_position(e.sids, m.provider_message_id::text), m.id DESC LIMIT 1),
        (SELECT m.id FROM messaging_email l JOIN conversations_message m ON m.id = l.message_id
         WHERE l.rfc_message_id = e.rfc AND l.rfc_message_id <> '' AND {fits} ORDER BY m.id DESC LIMIT 1)
    ) AS id FROM event e
), locked AS MATERIALIZED (
    SELECT m.id, m.business_id, m.client_id, m.status, m.attempts, m.provider_message_id, m.to_address,
        m.error_retryable, m.created_at, m.sent_at, m.due_at, m.traceparent
    FROM conversations_message m WHERE m.id = ANY(ARRAY(SELECT id FROM hit WHERE id IS NOT NULL))
    ORDER BY m.id FOR UPDATE OF m
)
SELECT h.ord, l.id, l.business_id, l.client_id, l.status, l.attempts, l.provider_message_id, l.to_address,
    l.error_retryable, COALESCE(a.outcome = 'accepted', false) AS was_accepted,
    COALESCE(a.started_at, l.created_at) AS began_at,
    CASE WHEN l.due_at IS NULL THEN LEAST(l.sent_at, l.created_at) ELSE COALESCE(a.started_at, l.created_at) END
        AS since, clock_timestamp() AS now, l.traceparent
FROM hit h JOIN locked l ON l.id = h.id
LEFT JOIN messaging_attempt a ON a.message_id = l.id AND a.number = l.attempts
"""
_FIND = _FIND_WHAT_FITS.format(fits=_FITS)
# A bounce that comes days later may name nothing but the address (providers.md, 9): the latest mail to it, where all
# of them are of one business. The clients' search index knows an address without its business.
_LATEST = """
SELECT e.ord, max(m.id) AS id, count(DISTINCT m.business_id)::int AS businesses
FROM jsonb_to_recordset(%(events)s::jsonb) AS e(ord int, address text, business bigint, provider text)
CROSS JOIN LATERAL (
    SELECT c.id, c.business_id FROM accounts_client c
    WHERE e.business IS NOT NULL AND c.business_id = e.business AND c.email = e.address AND c.email <> ''
    UNION ALL
    SELECT c.id, c.business_id FROM accounts_client c
    WHERE e.business IS NULL AND UPPER(c.email) = UPPER(e.address) AND c.email = e.address
) c
JOIN conversations_conversation v ON v.client_id = c.id
CROSS JOIN LATERAL (
    SELECT t.id, t.business_id FROM (
        SELECT m.id, m.business_id, m.channel, m.direction, m.to_address, m.provider
        FROM conversations_message m WHERE m.conversation_id = v.id ORDER BY m.id DESC LIMIT 500
    ) t
    WHERE t.channel = 'email' AND t.direction = 'outbound' AND t.to_address = e.address
        AND (e.provider = '' OR t.provider = e.provider)
    ORDER BY t.id DESC LIMIT 1
) m
GROUP BY e.ord
"""
UNKNOWN = "No mail of ours is known by this event's ids and recipient."
AMBIGUOUS = "The event names an address only, and several businesses have written to it."


@dataclass(slots=True)
class Matches:
    """By an event's place: the message that it is of, or why there is none."""

    found: dict[int, Found]
    reasons: dict[int, str]

    def reason(self, place: int) -> str:
        return self.reasons.get(place, UNKNOWN)


def match(reports: list[Report]) -> Matches:
    """Find and lock the messages that these events are of, in one statement. Call in a transaction."""
    found = _find([_names(place, report) for place, report in enumerate(reports)])
    nameless = [place for place, report in enumerate(reports) if place not in found and _is_nameless(report)]
    reasons: dict[int, str] = {}
    if nameless:
        latest, reasons = _latest(reports, nameless)
        found |= _find(latest)
    return Matches(found, reasons)


def _names(place: int, report: Report) -> dict[str, Any]:
    event = report.event
    ids = (event.provider_message_id, *event.also_known_as)
    return {
        "ord": place, "mid": event.message_id, "sids": [one for one in ids if one], "rfc": event.rfc_message_id,
        "address": event.address, "business": report.business_id, "provider": report.provider,
    }  # fmt: skip


def _find(names: list[dict[str, Any]]) -> dict[int, Found]:
    if not names:
        return {}
    rows = sql.rows(_FIND, {"events": orjson.dumps(names).decode()})
    return {row.pop("ord"): Found(**row) for row in rows}


def _is_nameless(report: Report) -> bool:
    event = report.event
    is_bounce = event.kind in {"bounced", "complained"} and event.address
    return bool(is_bounce) and event.message_id is None and not event.provider_message_id


def _latest(reports: list[Report], places: list[int]) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """The latest mails to these events' addresses by their ids, and the events that may mean several businesses'."""
    names = {place: _names(place, reports[place]) for place in places}
    rows = sql.rows(_LATEST, {"events": orjson.dumps(list(names.values())).decode()})
    sure = [names[row["ord"]] | {"mid": row["id"]} for row in rows if row["businesses"] == 1]
    return sure, {row["ord"]: AMBIGUOUS for row in rows if row["businesses"] > 1}
