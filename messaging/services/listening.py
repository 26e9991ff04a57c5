"""Which senders have fallen silent: they used to hear of their provider, and hear nothing where they should.

Nothing is counted on a hot path: every minute the rows that came since the last run are counted by sender and hour. A
run goes on from the ids that the run before saw, so that a transaction that ended late is still counted.
"""

from datetime import timedelta
from typing import Any

import structlog

from accounts.models import Staff
from conversations.services import notifying
from omega_project.lib import sql

log = structlog.get_logger(__name__)
_CHUNK = 50_000
_MOST_ROUNDS = 5
# The weeks that are compared; what is older is forgotten.
_WEEKS = 4
# Nobody counted for so long: omega itself was away, and what was not heard meanwhile says nothing.
_AWAY = timedelta(minutes=10)
# By receipts: as many messages without one as happens by chance once in a million, at the rate that the sender had.
_CHANCE = 1e-6
_LEAST_UNHEARD = 5
_UNHEARD_SECONDS = 900
# By incoming messages: what the same hours of each of the last weeks brought, on the average and at the least.
_USUAL, _LEAST = 12, 4
# Texts on the provider's own record that no webhook told of.
_FILLED = 3

_BEGIN = """
INSERT INTO messaging_listeningmark (id, event_id, receipt_id, attempt_id, next_event_id, next_receipt_id,
    next_attempt_id, since)
SELECT 1, 0, 0, 0, 0, 0, 0, clock_timestamp() ON CONFLICT DO NOTHING
"""
_TAKE = """
SELECT k.*, clock_timestamp() AS now,
    COALESCE((SELECT max(id) FROM messaging_webhookevent), 0) AS last_event_id,
    COALESCE((SELECT max(id) FROM conversations_messageevent), 0) AS last_receipt_id,
    COALESCE((SELECT max(id) FROM messaging_attempt), 0) AS last_attempt_id
FROM messaging_listeningmark k ORDER BY k.id LIMIT 1 FOR UPDATE OF k SKIP LOCKED
"""
# What a provider called us for has a URL; what was only on its record has none. A receipt that was fetched has another
# source than the provider.
_HEARD = """
WITH told AS MATERIALIZED (
    SELECT m.sender_id, 'inbound' AS kind, e.received_at AS at FROM messaging_webhookevent e
    JOIN conversations_message m ON m.id = e.message_id
    WHERE e.id > %(event)s::bigint AND e.id <= %(event_to)s::bigint AND m.direction = 'inbound'
        AND m.channel IN ('sms', 'email') AND e.url <> ''
    UNION ALL
    SELECT m.sender_id, 'filled', m.created_at FROM messaging_webhookevent e
    JOIN conversations_message m ON m.id = e.message_id
    WHERE e.id > %(event)s::bigint AND e.id <= %(event_to)s::bigint AND m.direction = 'inbound'
        AND m.channel = 'sms' AND e.url = '' AND m.created_at > %(since)s::timestamptz
    UNION ALL
    SELECT m.sender_id, 'receipt', e.at FROM conversations_messageevent e
    JOIN conversations_message m ON m.id = e.message_id
    WHERE e.id > %(receipt)s::bigint AND e.id <= %(receipt_to)s::bigint AND m.direction = 'outbound'
        AND e.source = m.provider AND e.status IN ('delivered', 'undelivered', 'failed')
    UNION ALL
    SELECT m.sender_id, 'sent', a.finished_at FROM messaging_attempt a
    JOIN conversations_message m ON m.id = a.message_id
    WHERE a.id > %(attempt)s::bigint AND a.id <= %(attempt_to)s::bigint AND a.outcome = 'accepted'
        AND a.finished_at IS NOT NULL
), counted AS (
    INSERT INTO messaging_hearinghour AS h (sender_id, hour, inbound, receipts, sent)
    SELECT t.sender_id, date_trunc('hour', t.at), count(*) FILTER (WHERE kind = 'inbound'),
        count(*) FILTER (WHERE kind = 'receipt'), count(*) FILTER (WHERE kind = 'sent')
    FROM told t JOIN accounts_sender s ON s.id = t.sender_id WHERE kind <> 'filled' GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (sender_id, hour) DO UPDATE SET inbound = h.inbound + EXCLUDED.inbound,
        receipts = h.receipts + EXCLUDED.receipts, sent = h.sent + EXCLUDED.sent
), latest AS (
    SELECT t.sender_id, min(t.at) AS first_at, max(t.at) FILTER (WHERE kind = 'inbound') AS inbound_at,
        max(t.at) FILTER (WHERE kind = 'receipt') AS receipt_at
    FROM told t JOIN accounts_sender s ON s.id = t.sender_id GROUP BY 1
), since AS (
    SELECT l.*, count(t.at) FILTER (WHERE t.kind = 'sent') AS unheard,
        min(t.at) FILTER (WHERE t.kind = 'sent') AS unheard_since,
        count(t.at) FILTER (WHERE t.kind = 'filled') AS filled
    FROM latest l LEFT JOIN told t ON t.sender_id = l.sender_id
        AND t.at > COALESCE(CASE t.kind WHEN 'sent' THEN l.receipt_at WHEN 'filled' THEN l.inbound_at END, '-infinity')
    GROUP BY l.sender_id, l.first_at, l.inbound_at, l.receipt_at
)
INSERT INTO messaging_hearing AS h (sender_id, first_at, inbound_at, receipt_at, unheard, unheard_since, filled)
SELECT sender_id, first_at, inbound_at, receipt_at, unheard, unheard_since, filled FROM since ORDER BY sender_id
ON CONFLICT (sender_id) DO UPDATE SET
    inbound_at = GREATEST(h.inbound_at, EXCLUDED.inbound_at), receipt_at = GREATEST(h.receipt_at, EXCLUDED.receipt_at),
    unheard = EXCLUDED.unheard + CASE WHEN EXCLUDED.receipt_at IS NULL THEN h.unheard ELSE 0 END,
    unheard_since = CASE WHEN EXCLUDED.receipt_at IS NULL THEN COALESCE(h.unheard_since, EXCLUDED.unheard_since)
        ELSE EXCLUDED.unheard_since END,
    filled = EXCLUDED.filled + CASE WHEN EXCLUDED.inbound_at IS NULL THEN h.filled ELSE 0 END
"""
_JUDGE = """
WITH judged AS (
    SELECT h.sender_id, s.is_active AND (h.filled >= %(filled)s::int OR (weeks.known >= 3
            AND weeks.usual >= %(usual)s::int AND weeks.least >= %(least)s::int)) AS inbound,
        COALESCE(s.is_active AND h.unheard >= %(least_unheard)s::int
            AND h.unheard_since < clock_timestamp() - make_interval(secs => %(unheard_seconds)s::int)
            AND before.receipts >= 20
            AND (1 - LEAST(0.99, before.receipts::float / GREATEST(1, before.sent))) ^ LEAST(h.unheard, 1000)
                < %(chance)s::float, false) AS receipts,
        round(weeks.usual)::int AS usual
    FROM messaging_hearing h JOIN accounts_sender s ON s.id = h.sender_id
    CROSS JOIN LATERAL (SELECT GREATEST(h.inbound_at, %(since)s::timestamptz) AS at) quiet
    CROSS JOIN LATERAL (
        SELECT count(*)::int AS known, COALESCE(avg(n), 0)::float AS usual, COALESCE(min(n), 0) AS least FROM (
            SELECT COALESCE(sum(q.inbound), 0)::int AS n
            FROM generate_series(1, %(weeks)s::int) AS k(week) LEFT JOIN messaging_hearinghour q
                ON q.sender_id = h.sender_id
                AND q.hour >= date_trunc('hour', quiet.at) + interval '1 hour' - make_interval(weeks => k.week)
                AND q.hour < date_trunc('hour', clock_timestamp()) - make_interval(weeks => k.week)
            WHERE h.inbound_at IS NOT NULL AND h.first_at <= quiet.at - make_interval(weeks => k.week)
            GROUP BY k.week) w
    ) weeks
    CROSS JOIN LATERAL (
        SELECT COALESCE(sum(q.receipts), 0) AS receipts, COALESCE(sum(q.sent), 0) AS sent FROM messaging_hearinghour q
        WHERE q.sender_id = h.sender_id AND q.hour < date_trunc('hour', h.unheard_since)
    ) before
), moved AS (
    UPDATE messaging_hearing h SET usual = j.usual,
        inbound_silent_since = CASE WHEN j.inbound THEN COALESCE(h.inbound_silent_since, clock_timestamp()) END,
        receipts_silent_since = CASE WHEN j.receipts THEN COALESCE(h.receipts_silent_since, clock_timestamp()) END
    FROM judged j, messaging_hearing o
    WHERE j.sender_id = h.sender_id AND o.sender_id = h.sender_id AND (h.usual <> j.usual
        OR j.inbound <> (h.inbound_silent_since IS NOT NULL) OR j.receipts <> (h.receipts_silent_since IS NOT NULL))
    RETURNING h.sender_id, j.inbound AND o.inbound_silent_since IS NULL AS inbound,
        j.receipts AND o.receipts_silent_since IS NULL AS receipts
)
SELECT m.*, s.business_id, s.address, s.channel FROM moved m JOIN accounts_sender s ON s.id = m.sender_id
WHERE m.inbound OR m.receipts
"""
_KEEP = """
UPDATE messaging_listeningmark SET event_id = %(event)s, receipt_id = %(receipt)s, attempt_id = %(attempt)s,
    next_event_id = %(next_event)s, next_receipt_id = %(next_receipt)s, next_attempt_id = %(next_attempt)s,
    since = %(since)s, noted_at = %(now)s
"""
_FORGET = """
DELETE FROM messaging_hearinghour
WHERE hour < date_trunc('hour', clock_timestamp()) - make_interval(weeks => %(weeks)s::int + 1)
"""
_SILENT = """
SELECT s.channel, s.provider, count(*) FILTER (WHERE h.inbound_silent_since IS NOT NULL)::int AS inbound,
    count(*) FILTER (WHERE h.receipts_silent_since IS NOT NULL)::int AS receipts
FROM messaging_hearing h JOIN accounts_sender s ON s.id = h.sender_id AND s.is_active GROUP BY 1, 2
"""
_NAMES = ("event", "receipt", "attempt")
_WORDS = {
    "inbound": "No message comes in at {address} any more. Are its provider's webhooks still set to us?",
    "receipts": "What {address} sends has no delivery receipts any more. Can its provider still reach us?",
}


def listen() -> int:
    """Count what was heard since the last run and look who has fallen silent; how many senders just did."""
    sql.rows(_BEGIN)
    for _ in range(_MOST_ROUNDS):
        is_caught_up = sql.in_transaction(_count)
        if is_caught_up is None:
            return 0
        if is_caught_up:
            return sql.in_transaction(_judge)
    return 0


def silent() -> list[dict[str, Any]]:
    """How many senders are silent, by channel and provider: of incoming messages, and of receipts."""
    return sql.rows(_SILENT)


def _count() -> bool | None:
    """One chunk of what the last run saw. True where that is all of it; None where another worker is at it."""
    mark = sql.row(_TAKE)
    if mark is None:
        return None
    done = {name: mark[f"{name}_id"] for name in _NAMES}
    to = {name: max(done[name], min(mark[f"next_{name}_id"], done[name] + _CHUNK)) for name in _NAMES}
    was_away = mark["noted_at"] is None or mark["now"] - mark["noted_at"] > _AWAY
    since = mark["now"] if was_away else mark["since"]
    if to != done:
        sql.rows(_HEARD, done | {f"{name}_to": to[name] for name in _NAMES} | {"since": since}, plan_anew=True)
    is_caught_up = all(to[name] >= mark[f"next_{name}_id"] for name in _NAMES)
    following = {f"next_{name}": mark[f"last_{name}_id" if is_caught_up else f"next_{name}_id"] for name in _NAMES}
    sql.rows(_KEEP, to | following | {"since": since, "now": mark["now"]})
    return is_caught_up


def _judge() -> int:
    since = sql.rows("SELECT since FROM messaging_listeningmark ORDER BY id LIMIT 1")[0]["since"]
    params = {
        "filled": _FILLED, "usual": _USUAL, "least": _LEAST, "least_unheard": _LEAST_UNHEARD, "chance": _CHANCE,
        "unheard_seconds": _UNHEARD_SECONDS, "weeks": _WEEKS, "since": since,
    }  # fmt: skip
    fallen = sql.rows(_JUDGE, params)
    for row in fallen:
        for kind in _WORDS:
            if row[kind]:
                _tell(row, kind)
    sql.rows(_FORGET, {"weeks": _WEEKS})
    return len(fallen)


def _tell(row: dict[str, Any], kind: str) -> None:
    """The business's owners and managers are told once; the number is their own, not a client's."""
    log.error("sender.silent", sender_id=row["sender_id"], business_id=row["business_id"], kind=kind)
    chiefs = Staff.objects.in_business(row["business_id"]).filter(role__in=["owner", "manager"], is_active=True)
    notifying.notify_of_business(
        business_id=row["business_id"], staff_ids=set(chiefs.values_list("pk", flat=True)), kind="sender_silent",
        text=_WORDS[kind].format(address=row["address"]),
    )  # fmt: skip
