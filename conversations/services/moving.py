"""Messages moved from one conversation to another, and what a conversation keeps of them counted anew."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from conversations.models import Conversation
from omega_project.lib import sql

# What a merge may change on the kept conversation beside what is counted.
_KEPT = ("location_id", "assigned_to_id", "labels", "status", "snoozed_until", "closed_at", "first_inbound_at",
         "first_response_at", "last_sender_id", "last_message_at")  # fmt: skip
# What belongs to a conversation beside its messages.
_ENTRIES = ("conversations_assignment", "conversations_notification")
_TIMES = frozenset({"snoozed_until", "closed_at", "first_inbound_at", "first_response_at", "last_message_at"})
# Of two conversations made one, the livelier one's status counts.
_LIVELY = ("open", "pending", "snoozed", "closed")

_MOVE = """
UPDATE conversations_message SET conversation_id = %(to)s, client_id = %(client)s
WHERE conversation_id = %(from)s RETURNING id
"""
_MOVE_BACK = """
UPDATE conversations_message SET conversation_id = %(to)s, client_id = %(client)s
WHERE id = ANY(%(ids)s::bigint[]) AND conversation_id = %(from)s RETURNING id
"""
_MOVE_ENTRIES = "UPDATE {table} SET conversation_id = %(to)s WHERE conversation_id = %(from)s RETURNING id"
_MOVE_ENTRIES_BACK = """
UPDATE {table} SET conversation_id = %(to)s WHERE id = ANY(%(ids)s::bigint[]) AND conversation_id = %(from)s
"""
# The same rules as timeline's append: activities are no last message, calls and texts make a channel.
_RECOUNT = """
UPDATE conversations_conversation c SET
    last_message_id = s.last_id, last_message_at = COALESCE(s.last_at, c.last_message_at), unread_count = s.unread,
    message_count = s.messages, channels = s.channels, last_sender_id = COALESCE(s.sender_id, c.last_sender_id),
    updated_at = clock_timestamp()
FROM (
    SELECT w.id,
        (array_agg(m.id ORDER BY m.created_at DESC, m.id DESC) FILTER (WHERE m.channel <> 'activity'))[1] AS last_id,
        max(m.created_at) FILTER (WHERE m.channel <> 'activity') AS last_at, count(m.id) AS messages,
        count(m.id) FILTER (WHERE NOT m.is_read AND r.message_id IS NULL) AS unread,
        COALESCE(array_agg(DISTINCT m.channel) FILTER (WHERE m.channel IN ('sms', 'email', 'voice')), '{}') AS channels,
        (array_agg(m.sender_id ORDER BY m.id DESC) FILTER (WHERE m.channel = 'sms' AND m.sender_id IS NOT NULL))[1]
            AS sender_id
    FROM unnest(%(ids)s::bigint[]) AS w(id) LEFT JOIN conversations_message m ON m.conversation_id = w.id
    LEFT JOIN conversations_messageread r ON r.message_id = m.id
    GROUP BY w.id
) s
WHERE c.id = s.id
"""
_STRAGGLERS = """
SELECT v.id FROM conversations_conversation v JOIN accounts_client c ON c.id = v.client_id
WHERE c.merged_into_id IS NOT NULL AND v.message_count > 0 ORDER BY v.id LIMIT %(limit)s::int
"""


def locked_threads(own_id: int, other_id: int) -> tuple[Conversation, Conversation]:
    """Both conversations, locked in the order of their ids: no two merges can deadlock."""
    found = Conversation.objects.select_for_update(no_key=True).filter(pk__in=[own_id, other_id]).order_by("pk")
    rows = {row.pk: row for row in found}
    return rows[own_id], rows[other_id]


def facts_of(conversation: Conversation) -> dict[str, Any]:
    """What `part` needs to know of how it was, as JSON can keep it."""
    facts = {name: getattr(conversation, name) for name in _KEPT}
    return {"id": conversation.pk} | {name: _as_json(value) for name, value in facts.items()}


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _as_python(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in _TIMES and value else value


def move_messages(from_id: int, to: Conversation) -> list[int]:
    """All messages of a conversation to another one and its client; their ids. Attachments and history follow."""
    params = {"from": from_id, "to": to.pk, "client": to.client_id}
    return [row["id"] for row in sql.rows(_MOVE, params)]


def move_back(ids: list[int], from_id: int, to: Conversation) -> None:
    """These messages to where they were; one that went elsewhere meanwhile stays there."""
    sql.rows(_MOVE_BACK, {"from": from_id, "to": to.pk, "client": to.client_id, "ids": ids})


def move_message(message_id: int, from_id: int, to: Conversation) -> None:
    """One message to another conversation and its client, and both counted anew. Call in a transaction."""
    move_back([message_id], from_id, to)
    recount(from_id, to.pk)


def move_entries(from_id: int, to_id: int) -> dict[str, list[int]]:
    """What else belongs to a conversation (its owners' history, notifications) to another one; the ids by table."""
    params = {"from": from_id, "to": to_id}
    return {table: [row["id"] for row in sql.rows(_MOVE_ENTRIES.format(table=table), params)] for table in _ENTRIES}


def move_entries_back(ids: dict[str, list[int]], from_id: int, to_id: int) -> None:
    """These entries to where they were."""
    for table in _ENTRIES:
        params = {"ids": ids.get(table, []), "from": from_id, "to": to_id}
        sql.rows(_MOVE_ENTRIES_BACK.format(table=table), params)


def recount(*ids: int) -> None:
    """Last message, unread and message counts, channels and the number that the client knows, from the messages."""
    sql.rows(_RECOUNT, {"ids": list(ids)})


def join(own: Conversation, other: Conversation, *, made: bool) -> None:
    """Make `own` what both were, and `other` an empty one that lists leave out."""
    livelier = other if made or _LIVELY.index(other.status) < _LIVELY.index(own.status) else own
    Conversation.objects.filter(pk=own.pk).update(
        location_id=own.location_id or other.location_id,
        assigned_to_id=own.assigned_to_id or other.assigned_to_id,
        labels=list(dict.fromkeys([*own.labels, *other.labels])),
        status=livelier.status,
        snoozed_until=livelier.snoozed_until,
        closed_at=livelier.closed_at,
        first_inbound_at=_first(own.first_inbound_at, other.first_inbound_at),
        first_response_at=_first(own.first_response_at, other.first_response_at),
        last_sender_id=own.last_sender_id or other.last_sender_id,
    )
    Conversation.objects.filter(pk=other.pk).update(merged_into_id=own.pk)
    recount(own.pk, other.pk)


def _first(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def reverted(current: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What goes back to `before`: what the merge changed and nobody has changed since."""
    return {k: before[k] for k in before if before[k] != after[k] and current[k] == after[k]}


def part(own: Conversation, other: Conversation, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Make both what they were: what was changed since stays, what is counted is counted anew."""
    back = reverted(facts_of(own), before["kept"], after["kept"])
    Conversation.objects.filter(pk=own.pk).update(
        **{name: _as_python(name, value) for name, value in back.items()}, updated_at=timezone.now()
    )
    was = {name: _as_python(name, before["merged"][name]) for name in _KEPT}
    Conversation.objects.filter(pk=other.pk).update(**was, merged_into_id=None, updated_at=timezone.now())
    recount(own.pk, other.pk)


def receive(own: Conversation, other: Conversation) -> int:
    """Stragglers of a merged client's conversation to the kept one, unread ones open it; how many."""
    moved = move_messages(other.pk, own)
    move_entries(other.pk, own.pk)
    Conversation.objects.filter(pk=other.pk).update(merged_into_id=own.pk)
    if other.unread_count:
        Conversation.objects.filter(pk=own.pk).update(status="open", snoozed_until=None, closed_at=None)
    recount(own.pk, other.pk)
    return len(moved)


def is_bare(conversation: Conversation) -> bool:
    """Nothing in it but what a merge wrote there."""
    entries = conversation.messages.exclude(channel="activity", metadata__event="merge")
    return not entries.exists() and not conversation.assignments.exists()


def stragglers(limit: int) -> list[int]:
    """Conversations of merged clients that something was written into after the merge."""
    return [row["id"] for row in sql.rows(_STRAGGLERS, {"limit": limit})]
