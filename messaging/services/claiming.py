"""Claiming: which due messages go now. Consent, quiet hours, order, fairness and the sender's rate are decided here."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from typing import Any

import orjson

from conversations.models import Message
from messaging.services import quiet, wakeup
from messaging.services.backlog import QUEUED_SENDERS
from messaging.services.channels import BLOCKED, BY_NAME
from omega_project.lib import failpoints, sql
from omega_project.lib.metrics import WAITS

# Longer than the longest try (providers.base.SEND_SECONDS) and what may pass before it begins.
LEASE_SECONDS = 12
# And so much longer where we carry the files up ourselves (providers.base.UPLOAD_SECONDS).
UPLOAD_LEASE_SECONDS = 48
# How long one that waits on a retry holds the next of its client back (delivery.md).
HOLD_SECONDS = 300
# So many senders' messages try a shut account at once.
_TRIALS = 3

_PROMOTE = """
WITH due AS (
    SELECT id FROM conversations_message WHERE status = 'scheduled' AND due_at <= clock_timestamp()
    ORDER BY due_at, id LIMIT 500 FOR UPDATE SKIP LOCKED
), placed AS (
    SELECT id, nextval('conversations_message_id_seq') AS position FROM (SELECT id FROM due ORDER BY id) d
)
UPDATE conversations_message m SET status = 'queued', position = p.position FROM placed p WHERE m.id = p.id
RETURNING m.id
"""
# The senders that have something queued, their budgets refilled and locked. What a suspended business has queued waits
# (services/suspending.py).
_SENDERS = f"""{QUEUED_SENDERS}, limited AS (
    INSERT INTO messaging_senderbudget AS b (sender_id, tokens, refilled_at)
    SELECT s.id, GREATEST(1, s.messages_per_second), clock_timestamp()
    FROM active a JOIN accounts_sender s ON s.id = a.sender_id
    WHERE s.messages_per_second IS NOT NULL ORDER BY s.id
    ON CONFLICT (sender_id) DO UPDATE SET
        tokens = LEAST(EXCLUDED.tokens, b.tokens + GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - b.refilled_at))
                 * (SELECT messages_per_second FROM accounts_sender WHERE id = b.sender_id)::float),
        refilled_at = clock_timestamp()
    RETURNING sender_id, tokens
)
SELECT s.id AS sender_id, s.business_id, s.provider, p.id AS account_id, floor(l.tokens)::int AS tokens,
    k.id AS circuit_id, COALESCE(k.state <> 'closed', false) AS is_shut,
    -- Whoever edited the account means to have mended it.
    COALESCE(k.probe_at <= clock_timestamp() OR p.updated_at > k.failed_at, false) AS may_try
FROM active a JOIN accounts_sender s ON s.id = a.sender_id LEFT JOIN limited l ON l.sender_id = s.id
JOIN accounts_business b ON b.id = s.business_id AND b.status = 'active'
LEFT JOIN accounts_provideraccount p ON p.business_id = s.business_id AND p.provider = s.provider AND p.is_active
LEFT JOIN messaging_circuit k ON k.provider = s.provider AND COALESCE(k.account_id, 0) = COALESCE(p.id, 0)
    AND (k.failures > 0 OR k.state <> 'closed')
"""  # noqa: S608  our own words
# One worker at a time tries a shut account (services/circuits.py); one that dies over it is not waited for.
_TRY = """
UPDATE messaging_circuit k SET state = 'half_open', probe_at = clock_timestamp() + make_interval(secs => %(lease)s::int)
FROM (
    SELECT c.id FROM messaging_circuit c LEFT JOIN accounts_provideraccount p ON p.id = c.account_id
    WHERE c.id = ANY(%(ids)s::bigint[]) AND c.state <> 'closed'
        AND (c.probe_at <= clock_timestamp() OR p.updated_at > c.failed_at)
    ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
) due WHERE k.id = due.id RETURNING k.id
"""
_NOT_TRIED = """
UPDATE messaging_circuit SET state = 'open', probe_at = clock_timestamp()
WHERE id = ANY(%(ids)s::bigint[]) AND state = 'half_open'
"""
_CLAIM = """
WITH quota AS (
    SELECT * FROM unnest(%(senders)s::bigint[], %(limits)s::int[]) AS q(sender_id, most)
), heads AS (
    SELECT m.*, row_number() OVER (PARTITION BY m.sender_id ORDER BY m.priority, m.due_at, m.position) AS place, q.most
    FROM quota q CROSS JOIN (VALUES (0), (1), (2)) AS p(priority) CROSS JOIN LATERAL (
        SELECT m.id, m.sender_id, m.priority, m.due_at, m.position FROM conversations_message m
        WHERE m.status = 'queued' AND m.due_at IS NOT NULL AND m.sender_id = q.sender_id
          AND m.priority = p.priority AND m.due_at <= clock_timestamp()
          -- What two workers died over goes by itself (claim_alone): it takes no other down with it.
          AND CASE WHEN %(alone)s::bigint IS NOT NULL THEN m.id = %(alone)s::bigint
              ELSE m.attempts < 2 OR (SELECT count(*) FROM messaging_attempt d
                  WHERE d.message_id = m.id AND d.code = 'worker_lost') < 2 END
          AND NOT EXISTS (
              SELECT 1 FROM conversations_message e
              WHERE e.conversation_id = m.conversation_id AND e.channel = m.channel AND e.position < m.position
                AND e.status IN ('queued', 'sending', 'unknown') AND e.due_at IS NOT NULL
                AND (e.hold_until IS NULL OR e.hold_until > clock_timestamp())
                -- Another sender's, whose account is shut, holds this one back no longer than a retry would.
                AND NOT COALESCE(e.sender_id = ANY(%(shut)s::bigint[]) AND e.sender_id <> m.sender_id
                    AND e.due_at < clock_timestamp() - make_interval(secs => %(hold)s::int), false))
        ORDER BY m.due_at, m.position LIMIT q.most FOR UPDATE SKIP LOCKED
    ) m
), picked AS (
    SELECT id FROM heads WHERE place <= most ORDER BY priority, place, due_at LIMIT %(room)s::int
), claimed AS (
    UPDATE conversations_message m SET
        status = CASE WHEN x.reason IS NULL THEN 'sending' ELSE 'blocked' END,
        attempts = m.attempts + CASE WHEN x.reason IS NULL THEN 1 ELSE 0 END,
        lease_until = CASE WHEN x.reason IS NULL THEN clock_timestamp() + make_interval(secs => %(lease)s::int
            + CASE WHEN o.media_count > 0 AND o.channel = ANY(%(uploading)s::text[]) THEN %(upload)s::int ELSE 0 END)
            END,
        error_code = COALESCE(x.reason, ''), error_retryable = false,
        error_message = COALESCE(%(blocked)s::jsonb ->> (o.channel || ':' || x.reason), %(blocked)s::jsonb ->> x.reason,
            '')
    FROM picked k
    JOIN conversations_message o ON o.id = k.id
    JOIN accounts_business b ON b.id = o.business_id
    JOIN accounts_client c ON c.id = o.client_id
    LEFT JOIN accounts_provideraccount p
        ON p.business_id = o.business_id AND p.provider = o.provider AND p.is_active
    LEFT JOIN messaging_consent t
        ON t.business_id = o.business_id AND t.channel = o.channel AND t.address = o.to_address
    CROSS JOIN LATERAL (SELECT CASE WHEN c.is_blocked THEN 'client_blocked'
        WHEN t.state = 'opted_out' OR (o.channel = 'sms' AND c.consent_sms = 'opted_out')
            OR (o.channel = 'email' AND c.consent_email = 'opted_out') THEN 'opted_out'
        WHEN t.bounced_at IS NOT NULL THEN 'address_bounced'
        WHEN cardinality(o.cc) + cardinality(o.bcc) > 0 AND EXISTS (
            SELECT 1 FROM messaging_consent y WHERE y.business_id = o.business_id AND y.channel = o.channel
            AND y.address = ANY(o.cc || o.bcc) AND y.state = 'opted_out') THEN 'copy_opted_out' END AS reason) x
    WHERE m.id = k.id AND b.status = 'active'
    RETURNING m.id, m.business_id, m.sender_id, m.channel, m.status, m.attempts, m.attempts_allowed, m.provider,
        m.from_address, m.to_address, m.body, m.media_count, m.priority, m.position, c.timezone AS client_timezone,
        b.timezone AS business_timezone, b.quiet_from, b.quiet_until, clock_timestamp() AS now,
        EXTRACT(EPOCH FROM clock_timestamp() - m.due_at)::float AS waited, p.id AS account_id, m.traceparent
), tried AS (
    INSERT INTO messaging_attempt (message_id, number, worker, started_at, outcome, code, detail, provider_message_id)
    SELECT id, attempts, %(worker)s, clock_timestamp(), 'started', '', '', '' FROM claimed WHERE status = 'sending'
), told AS (
    INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
    SELECT id, 'queued', 'blocked', 'dispatch', '', clock_timestamp() FROM claimed WHERE status = 'blocked'
)
SELECT * FROM claimed ORDER BY priority, position
"""
_SPEND = """
UPDATE messaging_senderbudget b SET tokens = b.tokens - u.used
FROM unnest(%(senders)s::bigint[], %(used)s::int[]) AS u(sender_id, used) WHERE b.sender_id = u.sender_id
"""
_PUT_BACK = """
WITH back AS (
    UPDATE conversations_message m SET status = 'queued', attempts = m.attempts - 1, lease_until = NULL,
        due_at = r.due_at, hold_until = clock_timestamp()
    FROM unnest(%(ids)s::bigint[], %(due)s::timestamptz[]) AS r(id, due_at) WHERE m.id = r.id
    RETURNING m.id, m.attempts + 1 AS number
)
DELETE FROM messaging_attempt a USING back WHERE a.message_id = back.id AND a.number = back.number
"""

_SUSPECTS = """
SELECT m.id, m.sender_id FROM (
    SELECT message_id FROM messaging_attempt WHERE code = 'worker_lost' GROUP BY message_id HAVING count(*) >= 2
) d JOIN conversations_message m ON m.id = d.message_id
WHERE m.status = 'queued' AND m.due_at <= clock_timestamp() ORDER BY m.due_at, m.position LIMIT 20
"""

UPLOADING = [channel.name for channel in BY_NAME.values() if channel.uploads]
_BLOCKED = orjson.dumps(BLOCKED).decode()


@dataclass(frozen=True, slots=True)
class Claim:
    """A message in this worker's hands until its lease ends."""

    message_id: int
    business_id: int
    attempt: int
    attempts_allowed: int
    channel: str
    provider: str
    from_address: str
    to_address: str
    body: str
    media_count: int = 0
    account_id: int | None = None
    traceparent: str | None = None


def promote_scheduled() -> int:
    """Scheduled messages whose time has come join the queue, behind what was queued before; how many."""
    return len(sql.rows(_PROMOTE))


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim took, and how many it set aside instead: blocked, or put back for quiet hours.

    `troubled` are the accounts of providers that had a fault since they took something (services/circuits.py).
    """

    claims: list[Claim]
    set_aside: int
    troubled: frozenset[tuple[str, int | None]] = frozenset()


def claim_due(*, room: int, in_flight: Mapping[int, int], most: int, worker: str) -> Claimed:
    """Claim up to `room` messages. No business gets more than its share, nor more than `most` in flight."""
    claimed = sql.in_transaction(lambda: _claim(room, in_flight, most, worker))
    if claimed.claims:
        failpoints.hit("claim.after_commit")
    return claimed


def claim_alone(*, worker: str) -> Claimed:
    """Claim one message that two workers died over, for a worker that has nothing else in hand. None, mostly."""
    for suspect in sql.rows(_SUSPECTS):
        claimed = sql.in_transaction(partial(_claim, 1, {}, 1, worker, suspect))
        if claimed.claims or claimed.set_aside:
            return claimed
    return Claimed([], 0)


def _claim(
    room: int, in_flight: Mapping[int, int], most: int, worker: str, only: dict[str, Any] | None = None
) -> Claimed:
    promote_scheduled()
    senders = [row for row in sql.rows(_SENDERS) if only is None or row["sender_id"] == only["sender_id"]]
    limits = _limits([row for row in senders if not row["is_shut"]], room, in_flight, most)
    trials = _trials([row for row in senders if row["is_shut"] and row["may_try"]])
    limits |= dict.fromkeys(trials, 1)
    if not limits:
        return Claimed([], 0)
    params = {
        "shut": [row["sender_id"] for row in senders if row["is_shut"]], "hold": HOLD_SECONDS,
        "senders": list(limits), "limits": list(limits.values()), "room": room, "lease": LEASE_SECONDS,
        "worker": worker, "uploading": UPLOADING, "upload": UPLOAD_LEASE_SECONDS, "blocked": _BLOCKED,
        "alone": only["id"] if only else None,
    }  # fmt: skip
    found = sql.rows(_CLAIM, params)
    _not_tried(trials, found)
    _spend(senders, found)
    going = [row for row in found if row["status"] == Message.Status.SENDING]
    quiet_now = _quiet(going)
    if quiet_now:
        sql.rows(_PUT_BACK, {"ids": list(quiet_now), "due": list(quiet_now.values())})
    taken = [row for row in going if row["id"] not in quiet_now]
    if taken:
        failpoints.hit("claim.before_commit")
    _tell_waits(taken)
    troubled = frozenset((row["provider"], row["account_id"]) for row in senders if row["circuit_id"])
    return Claimed([as_claim(row) for row in taken], len(found) - len(taken), troubled)


def _tell_waits(taken: list[dict[str, Any]]) -> None:
    """A back-off waits on purpose: only the first try tells how long the queue is."""
    for row in taken:
        if row["attempts"] == 1:
            WAITS.labels(row["channel"], wakeup.QUEUES[row["priority"]]).observe(max(0.0, row["waited"]))


def _limits(senders: list[dict[str, Any]], room: int, in_flight: Mapping[int, int], most: int) -> dict[int, int]:
    """How many each sender may claim: its business's share of the room, and what its rate leaves."""
    businesses = {row["business_id"] for row in senders}
    share = max(1, -(-room // max(1, len(businesses))))
    limits = {}
    for row in senders:
        left = min(share, most - in_flight.get(row["business_id"], 0))
        if row["tokens"] is not None:
            left = min(left, row["tokens"])
        if left > 0:
            limits[row["sender_id"]] = left
    return limits


def _trials(shut: list[dict[str, Any]]) -> dict[int, int]:
    """A few senders of each shut account that this worker is to try, with the account's circuit."""
    ids = sorted({row["circuit_id"] for row in shut})
    if not ids:
        return {}
    found: dict[int, int] = {}
    for taken in sql.rows(_TRY, {"ids": ids, "lease": LEASE_SECONDS}):
        able = [row["sender_id"] for row in shut if row["circuit_id"] == taken["id"] and row["tokens"] != 0]
        found |= dict.fromkeys(random.sample(able, min(_TRIALS, len(able))), taken["id"])
    return found


def _not_tried(trials: dict[int, int], found: list[dict[str, Any]]) -> None:
    """Where nothing could be claimed to try an account with, the next claim is to try it."""
    tried = {trials[row["sender_id"]] for row in found if row["sender_id"] in trials}
    if left := sorted(set(trials.values()) - tried):
        sql.rows(_NOT_TRIED, {"ids": left})


def _spend(senders: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    limited = {row["sender_id"] for row in senders if row["tokens"] is not None}
    used: dict[int, int] = {}
    for row in found:
        if row["sender_id"] in limited and row["status"] == Message.Status.SENDING:
            used[row["sender_id"]] = used.get(row["sender_id"], 0) + 1
    if used:
        sql.rows(_SPEND, {"senders": list(used), "used": list(used.values())})


def _quiet(rows: list[dict[str, Any]]) -> dict[int, datetime]:
    """Bulk messages that fell into the client's quiet hours while they waited, with the time when they may go."""
    held = {}
    for row in rows:
        if row["priority"] == Message.Priority.BULK:
            local = quiet.zone(row["client_timezone"], row["business_timezone"])
            release = quiet.release_time(row["now"], local, _time(row["quiet_from"]), _time(row["quiet_until"]))
            if release:
                held[row["id"]] = release
    return held


def _time(value: time) -> time:
    return value.replace(tzinfo=None)


def as_claim(row: dict[str, Any]) -> Claim:
    return Claim(
        message_id=row["id"],
        business_id=row["business_id"],
        attempt=row["attempts"],
        attempts_allowed=row["attempts_allowed"],
        channel=row["channel"],
        provider=row["provider"],
        from_address=row["from_address"],
        to_address=row["to_address"],
        body=row["body"],
        media_count=row["media_count"],
        account_id=row.get("account_id"),
        traceparent=row["traceparent"],
    )
