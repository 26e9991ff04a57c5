"""What must be true of the data at any moment, as statements that find what is not, and how it is mended.

A check walks its table by id in windows, so that it is bounded on data of any size. What a window finds is looked at
once more under the rows' locks before it counts: under traffic a first look may see one write and miss the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conversations.services import moving
from messaging.services import intake, recovery
from omega_project.lib import sql

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. `find` reads a window of `table` as `w` (id) and gives `id` and `detail` of what breaks it.

    `mend` puts right what can be derived from other rows, given the ids; None where only a person can tell.
    """

    name: str
    sentence: str
    table: str
    find: str
    mend: Callable[[list[int]], object] | None = None
    lock: bool = False
    window: int = 5000


_COUNTS = """
SELECT c.id, 'unread ' || c.unread_count || ' (is ' || x.unread || '), messages ' || c.message_count || ' (are '
    || x.messages || '), last message ' || COALESCE(c.last_message_id::text, 'none') || ' (is '
    || COALESCE(x.last_id::text, 'none') || ')' AS detail
FROM w JOIN conversations_conversation c ON c.id = w.id CROSS JOIN LATERAL (
    SELECT count(*) AS messages,
        (array_agg(m.id ORDER BY m.created_at DESC, m.id DESC) FILTER (WHERE m.channel <> 'activity'))[1] AS last_id,
        count(*) FILTER (WHERE NOT m.is_read AND NOT EXISTS (
            SELECT 1 FROM conversations_messageread r WHERE r.message_id = m.id)) AS unread
    FROM conversations_message m WHERE m.conversation_id = c.id) x
WHERE c.unread_count <> x.unread OR c.message_count <> x.messages OR c.last_message_id IS DISTINCT FROM x.last_id
"""
_CHANNELS = """
SELECT c.id, 'channels ' || c.channels::text || ', its messages say ' || x.channels::text AS detail
FROM w JOIN conversations_conversation c ON c.id = w.id CROSS JOIN LATERAL (
    SELECT COALESCE(array_agg(DISTINCT m.channel ORDER BY m.channel), '{}') AS channels FROM conversations_message m
    WHERE m.conversation_id = c.id AND m.channel IN ('sms', 'email', 'voice')) x
WHERE NOT (c.channels::text[] @> x.channels::text[] AND c.channels::text[] <@ x.channels::text[])
"""
_THREAD_TENANT = """
SELECT c.id, 'business ' || c.business_id || ': ' || concat_ws(', ',
    CASE WHEN p.business_id <> c.business_id THEN 'client of business ' || p.business_id END,
    CASE WHEN s.business_id <> c.business_id THEN 'assignee of business ' || s.business_id END,
    CASE WHEN l.business_id <> c.business_id THEN 'location of business ' || l.business_id END) AS detail
FROM w JOIN conversations_conversation c ON c.id = w.id JOIN accounts_client p ON p.id = c.client_id
LEFT JOIN accounts_staff s ON s.id = c.assigned_to_id LEFT JOIN accounts_location l ON l.id = c.location_id
WHERE p.business_id <> c.business_id OR s.business_id <> c.business_id OR l.business_id <> c.business_id
"""
_MESSAGE_TENANT = """
SELECT m.id, 'business ' || m.business_id || ', conversation of ' || c.business_id || ', client of ' || p.business_id
    || COALESCE(', sender of ' || s.business_id, '') || COALESCE(', staff of ' || f.business_id, '') AS detail
FROM w JOIN conversations_message m ON m.id = w.id JOIN conversations_conversation c ON c.id = m.conversation_id
JOIN accounts_client p ON p.id = m.client_id LEFT JOIN accounts_sender s ON s.id = m.sender_id
LEFT JOIN accounts_staff f ON f.id = m.staff_id
WHERE c.business_id <> m.business_id OR p.business_id <> m.business_id OR s.business_id <> m.business_id
    OR f.business_id <> m.business_id OR c.client_id <> m.client_id
"""
_HISTORY = """
SELECT m.id, 'status ' || m.status || ', its history ends with ' || e.status AS detail
FROM w JOIN conversations_message m ON m.id = w.id CROSS JOIN LATERAL (
    SELECT v.status FROM conversations_messageevent v WHERE v.message_id = m.id ORDER BY v.id DESC LIMIT 1) e
WHERE m.direction = 'outbound' AND e.status <> m.status
    AND NOT (e.status IN ('queued', 'scheduled', 'unknown', 'sent') AND m.status IN ('sending', 'queued'))
"""
# What failed after it was taken goes once more where a person says so: `retrying.py` writes that into its history.
_DOUBLE_HAND_OVER = """
SELECT m.id, count(*) + 1 || ' tries of it were accepted: ' || string_agg(x.sids, '; ') AS detail
FROM w JOIN conversations_message m ON m.id = w.id CROSS JOIN LATERAL (
    SELECT a.started_at, lag(a.started_at) OVER tries AS before,
        concat_ws(', then ', lag(a.provider_message_id) OVER tries, a.provider_message_id) AS sids,
        a.provider_message_id <> lag(a.provider_message_id) OVER tries AS other
    FROM messaging_attempt a WHERE a.message_id = m.id AND a.outcome = 'accepted' WINDOW tries AS (ORDER BY a.number)) x
WHERE x.other AND NOT EXISTS (
    SELECT 1 FROM conversations_messageevent e WHERE e.message_id = m.id AND e.status = 'queued'
        AND e.from_status IN ('failed', 'undelivered') AND e.at BETWEEN x.before AND x.started_at)
GROUP BY m.id
"""
_ORPHAN_TRIES = """
SELECT a.id, 'try ' || a.number || ' of message ' || a.message_id || ' never ended; the message is ' || m.status
    AS detail
FROM w JOIN messaging_attempt a ON a.id = w.id JOIN conversations_message m ON m.id = a.message_id
WHERE a.outcome = 'started' AND (m.status NOT IN ('sending', 'unknown') OR m.attempts > a.number)
    AND a.started_at < clock_timestamp() - interval '2 minutes'
"""
_END_TRIES = """
UPDATE messaging_attempt a SET finished_at = COALESCE(a.finished_at, clock_timestamp()),
    outcome = CASE WHEN m.provider_message_id IS NOT NULL AND m.attempts = a.number THEN 'accepted' ELSE 'unknown' END,
    detail = 'closed by the doctor'
FROM conversations_message m WHERE m.id = a.message_id AND a.id = ANY(%(ids)s::bigint[]) AND a.outcome = 'started'
RETURNING a.id
"""
_STUCK = """
SELECT m.id, m.status || ', due since ' || to_char(m.due_at, 'YYYY-MM-DD HH24:MI:SS') AS detail
FROM w JOIN conversations_message m ON m.id = w.id
WHERE m.due_at IS NOT NULL AND (
    (m.status = 'scheduled' AND m.due_at < clock_timestamp() - interval '1 minute')
    OR (m.status = 'queued' AND m.due_at < clock_timestamp() - interval '15 minutes'
        -- These wait on purpose: a suspended business, a shut account, a long queue that moves.
        AND EXISTS (SELECT 1 FROM accounts_business b WHERE b.id = m.business_id AND b.status = 'active')
        AND NOT EXISTS (
            SELECT 1 FROM messaging_circuit k WHERE k.state <> 'closed' AND k.provider = m.provider
            AND COALESCE(k.account_id, 0) = COALESCE((SELECT p.id FROM accounts_provideraccount p
                WHERE p.business_id = m.business_id AND p.provider = m.provider AND p.is_active), 0))
        AND NOT EXISTS (
            SELECT 1 FROM messaging_senderqueue q WHERE q.sender_id = m.sender_id AND q.per_second > 0
            AND q.measured_at > clock_timestamp() - interval '1 minute')))
"""
_EVENT_TENANT = """
SELECT e.id, 'event of business ' || e.business_id || ', its message of ' || m.business_id AS detail
FROM w JOIN messaging_webhookevent e ON e.id = w.id JOIN conversations_message m ON m.id = e.message_id
WHERE e.business_id <> m.business_id
"""
_STAFF_TENANT = """
SELECT a.id, 'conversation of business ' || c.business_id || ', staff of ' || s.business_id AS detail
FROM w JOIN conversations_assignment a ON a.id = w.id JOIN conversations_conversation c ON c.id = a.conversation_id
JOIN accounts_staff s ON s.id IN (a.staff_id, a.previous_id, a.actor_id) WHERE s.business_id <> c.business_id
"""
_NOTICE_TENANT = """
SELECT n.id, 'conversation of business ' || c.business_id || ', told to staff of ' || s.business_id AS detail
FROM w JOIN conversations_notification n ON n.id = w.id JOIN conversations_conversation c ON c.id = n.conversation_id
JOIN accounts_staff s ON s.id = n.staff_id WHERE s.business_id <> c.business_id OR n.business_id <> c.business_id
"""
_LEASES = """
SELECT m.id, 'its lease ended at ' || to_char(m.lease_until, 'YYYY-MM-DD HH24:MI:SS') AS detail
FROM w JOIN conversations_message m ON m.id = w.id
WHERE m.status = 'sending' AND m.due_at IS NOT NULL AND m.lease_until < clock_timestamp() - interval '1 minute'
"""
_UNKNOWN = """
SELECT m.id, COALESCE(NULLIF(m.error_message, ''), 'nobody knows whether it was sent') AS detail
FROM w JOIN conversations_message m ON m.id = w.id
WHERE m.status = 'unknown' AND m.lease_until IS NULL
"""
_EVENTS = """
SELECT e.id, e.provider || ' ' || e.kind || ', received ' || to_char(e.received_at, 'YYYY-MM-DD HH24:MI:SS')
    || CASE WHEN e.error <> '' THEN ': ' || left(e.error, 200) ELSE '' END AS detail
FROM w JOIN messaging_webhookevent e ON e.id = w.id
WHERE e.status = 'pending' AND e.received_at < clock_timestamp() - interval '10 minutes'
    AND (e.next_attempt_at IS NULL OR e.next_attempt_at < clock_timestamp() - interval '5 minutes')
"""
_CONSENT = """
SELECT t.id, t.channel || ' consent is ' || t.state || ', its history ends with ' || COALESCE(h.state, 'nothing')
    AS detail
FROM w JOIN messaging_consent t ON t.id = w.id LEFT JOIN LATERAL (
    SELECT k.state FROM messaging_consentchange k WHERE k.business_id = t.business_id AND k.channel = t.channel
        AND k.address = t.address ORDER BY k.id DESC LIMIT 1) h ON true
WHERE h.state IS DISTINCT FROM t.state
"""
_MEND_CONSENT = """
UPDATE messaging_consent t SET state = h.state, updated_at = now()
FROM (SELECT DISTINCT ON (k.business_id, k.channel, k.address) k.business_id, k.channel, k.address, k.state
      FROM messaging_consentchange k JOIN messaging_consent c USING (business_id, channel, address)
      WHERE c.id = ANY(%(ids)s::bigint[]) ORDER BY k.business_id, k.channel, k.address, k.id DESC) h
WHERE t.business_id = h.business_id AND t.channel = h.channel AND t.address = h.address RETURNING t.id
"""
_COPIES = """
SELECT c.id, string_agg(x.channel || ': the client shows ' || x.shown || ', the ledger says ' || t.state, '; ')
    AS detail
FROM w JOIN accounts_client c ON c.id = w.id CROSS JOIN LATERAL (VALUES ('sms', c.phone, c.consent_sms),
    ('voice', c.phone, c.consent_voice), ('email', c.email, c.consent_email)) AS x(channel, address, shown)
JOIN messaging_consent t ON t.business_id = c.business_id AND t.channel = x.channel AND t.address = x.address
WHERE x.address <> '' AND t.state = 'opted_out' AND x.shown <> 'opted_out' GROUP BY c.id
"""
_MEND_COPIES = """
UPDATE accounts_client c SET {column} = 'opted_out' FROM messaging_consent t
WHERE c.id = ANY(%(ids)s::bigint[]) AND t.business_id = c.business_id AND t.channel = '{channel}'
    AND t.address = c.{address} AND t.state = 'opted_out' AND c.{address} <> '' RETURNING c.id
"""
_HAVE_THREAD = """
SELECT c.id, CASE WHEN v.id IS NULL THEN 'said to have a conversation, has none' ELSE 'has one, said to have none' END
    AS detail
FROM w JOIN accounts_client c ON c.id = w.id LEFT JOIN conversations_conversation v ON v.client_id = c.id
WHERE c.has_conversation <> (v.id IS NOT NULL)
"""
_MEND_HAVE_THREAD = """
UPDATE accounts_client c SET has_conversation = EXISTS (
    SELECT 1 FROM conversations_conversation v WHERE v.client_id = c.id)
WHERE c.id = ANY(%(ids)s::bigint[]) RETURNING c.id
"""
_SENT_AFTER_STOP = """
SELECT m.id, 'handed over at ' || to_char(a.started_at, 'YYYY-MM-DD HH24:MI:SS') || ', opted out at '
    || to_char(h.at, 'YYYY-MM-DD HH24:MI:SS') AS detail
FROM w JOIN conversations_message m ON m.id = w.id JOIN messaging_attempt a ON a.message_id = m.id
    AND a.outcome = 'accepted'
CROSS JOIN LATERAL (
    SELECT k.state, k.at FROM messaging_consentchange k WHERE k.business_id = m.business_id AND k.channel = m.channel
        AND k.address = m.to_address AND k.at < a.started_at ORDER BY k.id DESC LIMIT 1) h
WHERE h.state = 'opted_out'
"""


def _mended(statement: str) -> Callable[[list[int]], object]:
    return lambda ids: sql.rows(statement, {"ids": ids})


def _mend_copies(ids: list[int]) -> None:
    for channel, address in (("sms", "phone"), ("voice", "phone"), ("email", "email")):
        sql.rows(_MEND_COPIES.format(column=f"consent_{channel}", channel=channel, address=address), {"ids": ids})


def _wake(ids: list[int]) -> None:
    del ids
    recovery.sweep()


def _process(ids: list[int]) -> None:
    for event_id in ids:
        intake.replay_event(event_id=event_id)


_THREADS, _MESSAGES = "conversations_conversation", "conversations_message"
CHECKS: tuple[Check, ...] = (
    Check("counters", "A conversation's counters and last message are those of its messages.", _THREADS, _COUNTS,
          lambda ids: moving.recount(*ids), lock=True, window=500),
    Check("channels", "A conversation's channels are those of its messages.", _THREADS, _CHANNELS,
          lambda ids: moving.recount(*ids), lock=True, window=500),
    Check("conversation_tenant", "A conversation's client, assignee and location are of its business.", _THREADS,
          _THREAD_TENANT),
    Check("message_tenant", "A message, its conversation, client, sender and staff are of one business.", _MESSAGES,
          _MESSAGE_TENANT),
    Check("event_tenant", "A webhook's event and its message are of one business.", "messaging_webhookevent",
          _EVENT_TENANT),
    Check("assignment_tenant", "Who a conversation was given to is of its business.", "conversations_assignment",
          _STAFF_TENANT),
    Check("notification_tenant", "Who is told of a conversation is of its business.", "conversations_notification",
          _NOTICE_TENANT),
    Check("history", "A message's status is the last of its history.", _MESSAGES, _HISTORY, lock=True),
    Check("handed_over_once", "A message was accepted by a provider once at most.", _MESSAGES, _DOUBLE_HAND_OVER),
    Check("sent_after_stop", "Nothing was handed over to somebody who had opted out.", _MESSAGES, _SENT_AFTER_STOP),
    Check("orphan_attempts", "A try that never ended belongs to a message that is on its way.", "messaging_attempt",
          _ORPHAN_TRIES, _mended(_END_TRIES)),
    Check("stuck_outbox", "What is due leaves.", _MESSAGES, _STUCK, _wake),
    Check("expired_leases", "A lost worker's messages are found when their lease ends.", _MESSAGES, _LEASES, _wake),
    Check("unknown_outcomes", "An outcome that nobody knows waits for a person.", _MESSAGES, _UNKNOWN),
    Check("events", "What a provider told us is processed.", "messaging_webhookevent", _EVENTS, _process),
    Check("consent", "A consent's state is the last of its history.", "messaging_consent", _CONSENT,
          _mended(_MEND_CONSENT)),
    Check("consent_copies", "A client shows that their address has opted out.", "accounts_client", _COPIES,
          _mend_copies),
    Check("has_conversation", "A client says truly whether they have a conversation.", "accounts_client",
          _HAVE_THREAD, _mended(_MEND_HAVE_THREAD)),
)  # fmt: skip
