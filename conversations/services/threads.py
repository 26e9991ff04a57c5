"""The thread as a whole: made, assigned, given a status, read. Each change stands in its history as an activity."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Staff
from conversations.models import Assignment, Conversation, Message
from conversations.services.notifying import notify
from conversations.services.timeline import NewMessage, append_messages, first_of, new_request_id
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict, NotFound, parameter_error

_ENSURE = """
WITH made AS (
INSERT INTO conversations_conversation (business_id, client_id, location_id, assigned_to_id, status, unread_count,
    message_count, channels, labels, last_message_at, created_at, updated_at)
VALUES (%(business)s, %(client)s, %(location)s, %(staff)s, 'open', 0, 0, '{}', '{}', now(), now(), now())
ON CONFLICT (client_id) DO NOTHING RETURNING id, client_id
), told AS (
    UPDATE accounts_client c SET has_conversation = true FROM made WHERE c.id = made.client_id
)
SELECT id FROM made
"""
# Newest first, and no further than the last unread one: a long conversation is not walked for its newest message.
# A scalar look-up of the mark for each message: EXISTS could be planned as one hash over every mark that there is.
_MARK_READ = """
WITH chosen AS MATERIALIZED (
    SELECT m.id FROM conversations_message m
    WHERE m.conversation_id = %(conversation)s::bigint AND m.direction = 'inbound' AND NOT m.is_read
      AND (SELECT r.read_at FROM conversations_messageread r WHERE r.message_id = m.id) IS NULL {narrowing}
    ORDER BY m.created_at DESC, m.id DESC
    LIMIT (SELECT unread_count FROM conversations_conversation WHERE id = %(conversation)s::bigint)
), marked AS (
    INSERT INTO conversations_messageread (message_id, read_at) SELECT id, now() FROM chosen
    ON CONFLICT DO NOTHING RETURNING 1
), counted AS (SELECT -count(*)::int AS n FROM marked) {count}
"""
_MARK_UNREAD = """
WITH chosen AS MATERIALIZED (
    SELECT m.id, m.is_read FROM conversations_message m
    WHERE m.conversation_id = %(conversation)s::bigint AND m.direction = 'inbound'
      AND (m.is_read OR (SELECT r.read_at FROM conversations_messageread r WHERE r.message_id = m.id) IS NOT NULL)
      {narrowing}
), unmarked AS (
    DELETE FROM conversations_messageread r USING chosen c WHERE r.message_id = c.id RETURNING r.message_id AS id
), reborn AS (
    UPDATE conversations_message m SET is_read = false, read_at = NULL FROM chosen c
    WHERE c.is_read AND m.id = c.id AND m.is_read RETURNING m.id
), counted AS (SELECT count(*)::int AS n FROM (SELECT id FROM unmarked UNION SELECT id FROM reborn) x) {count}
"""
_NARROWING = """
      AND (%(ids)s::bigint[] IS NULL OR m.id = ANY(%(ids)s::bigint[]))
      AND (%(channel)s::text IS NULL OR m.channel = %(channel)s::text)
      AND (%(direction)s::text IS NULL OR m.direction = %(direction)s::text)
      AND (%(before)s::timestamptz IS NULL OR m.created_at < %(before)s::timestamptz)
      AND (%(after)s::timestamptz IS NULL OR m.created_at > %(after)s::timestamptz)
"""
_COUNT = """
UPDATE conversations_conversation
SET unread_count = GREATEST(0, unread_count + counted.n),
    updated_at = CASE WHEN counted.n <> 0 THEN now() ELSE updated_at END
FROM counted WHERE id = %(conversation)s::bigint
RETURNING abs(counted.n) AS updated, unread_count
"""
_MARKS = {
    True: _MARK_READ.format(narrowing=_NARROWING, count=_COUNT),
    False: _MARK_UNREAD.format(narrowing=_NARROWING, count=_COUNT),
}


def ensure_conversation(
    *, business_id: int, client_id: int, location_id: int | None = None, assigned_to: int | None = None
) -> tuple[int, bool]:
    """The client's one conversation and whether it was made now; safe under a race by its unique constraint."""
    params = {"business": business_id, "client": client_id, "location": location_id, "staff": assigned_to}
    made = sql.row(_ENSURE, params)
    if made:
        return int(made["id"]), True
    found = sql.row("SELECT id FROM conversations_conversation WHERE client_id = %(client)s", {"client": client_id})
    assert found is not None  # noqa: S101
    return int(found["id"]), False


def create_or_retrieve(
    *, business_id: int, client_id: int, location_id: int | None, assigned_to: int | None, actor_id: int | None
) -> tuple[int, bool]:
    """As `ensure_conversation`; a new one that is given an owner says so in its history.

    409 `staff_unavailable` where a new one's owner is inactive or offline.
    """

    def work() -> tuple[int, bool]:
        found = ensure_conversation(business_id=business_id, client_id=client_id, location_id=location_id)
        if found[1] and assigned_to is not None:
            _require_assignable(business_id, assigned_to, force=False)
            conversation = Conversation.objects.select_for_update().get(pk=found[0])
            _assign(conversation, assigned_to, actor_id, forced=False)
        return found

    return sql.in_transaction(work)


def write_activity(conversation: Conversation, event: str, text: str, staff_id: int | None, **facts: Any) -> None:
    """One line of the history in the timeline. It is no last message and unread by nobody."""
    append_messages([_internal(conversation, "activity", text, staff_id, {"event": event, **facts})])


def _internal(
    conversation: Conversation, channel: str, body: str, staff_id: int | None, metadata: dict[str, Any]
) -> NewMessage:
    return NewMessage(
        business_id=conversation.business_id,
        conversation_id=conversation.pk,
        client_id=conversation.client_id,
        channel=channel,
        direction="internal",
        status=Message.Status.RECEIVED,
        request_id=new_request_id(),
        body=body,
        staff_id=staff_id,
        metadata=metadata,
    )


def assign_conversation(
    *, conversation: Conversation, staff_id: int | None, actor_id: int | None, force: bool = False
) -> bool:
    """Give the conversation to a staff member (None: to nobody). False where that was so already.

    404 where the staff member is not of this business; 409 `staff_unavailable` where inactive or offline, unless
    `force`. Writes the assignment, an activity in the timeline, and tells old and new assignee.
    """
    if staff_id is not None:
        _require_assignable(conversation.business_id, staff_id, force)

    def work() -> bool:
        locked = Conversation.objects.select_for_update().get(pk=conversation.pk)
        if locked.assigned_to_id == staff_id:
            return False
        _assign(locked, staff_id, actor_id, forced=force)
        return True

    return sql.in_transaction(work)


def _require_assignable(business_id: int, staff_id: int, force: bool) -> None:
    staff = Staff.objects.in_business(business_id).filter(pk=staff_id).first()
    if staff is None:
        raise NotFound("There is no such staff member in this business.")
    if force:
        return
    if not staff.is_active:
        raise Conflict(f"{staff.name} is not active.", "staff_unavailable")
    if staff.availability == Staff.Availability.OFFLINE:
        raise Conflict(f"{staff.name} is offline; force=true assigns all the same.", "staff_unavailable")


def _assign(conversation: Conversation, staff_id: int | None, actor_id: int | None, *, forced: bool) -> None:
    previous = conversation.assigned_to_id
    names = dict(Staff.objects.filter(pk__in=[i for i in (previous, staff_id) if i]).values_list("pk", "name"))
    Conversation.objects.filter(pk=conversation.pk).update(assigned_to_id=staff_id, updated_at=timezone.now())
    Assignment.objects.create(
        conversation=conversation, previous_id=previous, staff_id=staff_id, actor_id=actor_id, forced=forced
    )
    text = f"Assigned to {names[staff_id]}" if staff_id else "Unassigned"
    if previous:
        text += f" (was {names.get(previous, 'somebody')})"
    write_activity(conversation, "assignment", text, actor_id, assignee_id=staff_id, previous_id=previous)
    notify(
        conversation=conversation,
        staff_ids={one for one in (previous, staff_id) if one and one != actor_id},
        kind="assignment",
        text=f"The conversation with {conversation.client} is {text[0].lower()}{text[1:]}.",
    )


def change_status(
    *, conversation: Conversation, status: str, snoozed_until: datetime | None, actor_id: int | None
) -> bool:
    """Open, set pending, snooze (until a future time) or close. False where that was so already.

    409 `invalid_transition` where a blocked client's conversation would be opened by hand.
    """
    _check_snooze(status, snoozed_until)

    def work() -> bool:
        locked = Conversation.objects.select_for_update().select_related("client").get(pk=conversation.pk)
        if locked.status == status and locked.snoozed_until == snoozed_until:
            return False
        if locked.client.is_blocked and status != Conversation.Status.CLOSED and locked.status == "closed":
            raise Conflict("This client is blocked: the conversation stays closed.", "invalid_transition")
        _set_status(locked, status, snoozed_until, actor_id)
        return True

    return sql.in_transaction(work)


def _check_snooze(status: str, snoozed_until: datetime | None) -> None:
    if status == Conversation.Status.SNOOZED:
        if snoozed_until is None or snoozed_until <= timezone.now():
            raise parameter_error("snoozed_until", "must be a time in the future for the status snoozed")
    elif snoozed_until is not None:
        raise parameter_error("snoozed_until", "goes with the status snoozed only")


def _set_status(locked: Conversation, status: str, snoozed_until: datetime | None, actor_id: int | None) -> None:
    now = timezone.now()
    closed_at = (locked.closed_at or now) if status == Conversation.Status.CLOSED else None
    Conversation.objects.filter(pk=locked.pk).update(
        status=status, snoozed_until=snoozed_until, closed_at=closed_at, updated_at=now
    )
    text = f"Status changed from {locked.status} to {status}"
    if snoozed_until:
        text += f" until {snoozed_until:%Y-%m-%d %H:%M} UTC"
    write_activity(locked, "status", text, actor_id, previous=locked.status, status=status)


def note_reopening(conversation_id: int) -> None:
    """Say in the history that the message about to be appended reopens the conversation. Call in its transaction."""
    conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
    if conversation.status != Conversation.Status.OPEN:
        text = f"Reopened by a new message (was {conversation.status})"
        write_activity(conversation, "status", text, None, previous=conversation.status, status="open")


def take_up(conversation_id: int, came_at: datetime) -> None:
    """Let a message that is there count as a word of the client's: it opens the conversation, as a new one does.

    Call in a transaction.
    """
    note_reopening(conversation_id)
    Conversation.objects.filter(pk=conversation_id).update(
        status=Conversation.Status.OPEN, snoozed_until=None, closed_at=None, updated_at=timezone.now(),
        first_inbound_at=Coalesce("first_inbound_at", Value(came_at)),
    )  # fmt: skip


def wake_snoozed(*, limit: int = 500) -> int:
    """Open the conversations whose snooze has ended; how many."""

    def work() -> int:
        due = Conversation.objects.select_for_update(skip_locked=True).filter(
            status=Conversation.Status.SNOOZED, snoozed_until__lte=timezone.now()
        )
        woken = list(due.order_by("snoozed_until")[:limit])
        for conversation in woken:
            _set_status(conversation, Conversation.Status.OPEN, None, None)
        return len(woken)

    return sql.in_transaction(work)


@dataclass(slots=True)
class NewNote:
    """An internal note. `fingerprint` is the request's digest, for idempotency."""

    body: str
    staff_id: int | None = None
    mentions: list[int] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    fingerprint: bytes = b""


def add_note(*, conversation: Conversation, note: NewNote) -> tuple[int, bool]:
    """Write a note, never sent to a client; its message's id, and whether the same request had been answered before.

    Who is mentioned is told. 404 where a staff id is not of this business, 409 where the request_id had another body.
    """
    wanted = {*note.mentions, *([note.staff_id] if note.staff_id else [])}
    known = set(Staff.objects.in_business(conversation.business_id).filter(pk__in=wanted).values_list("pk", flat=True))
    if wanted - known:
        raise NotFound(f"There is no staff member {min(wanted - known)} in this business.")
    return sql.in_transaction(lambda: _add_note(conversation, note))


def _add_note(conversation: Conversation, note: NewNote) -> tuple[int, bool]:
    metadata = {**note.metadata, "mentions": note.mentions}
    row = _internal(conversation, "note", note.body, note.staff_id, metadata)
    row.request_id = note.request_id or row.request_id
    row.request_hash = note.fingerprint.hex() or None
    stored = append_messages([row]).get(0)
    if stored is None:
        return first_of(conversation.business_id, row.request_id, note.fingerprint)["id"], True
    text = f"You are mentioned in a note on the conversation with {conversation.client}: {note.body[:200]}"
    notify(conversation=conversation, staff_ids=set(note.mentions) - {note.staff_id}, kind="mention", text=text)
    return stored["id"], False


def mark_read(*, conversation_id: int, is_read: bool, chosen: dict[str, Any]) -> dict[str, int]:
    """Mark inbound messages read or unread in one statement; `{"updated", "unread_count"}`.

    `chosen` narrows by `ids`, `channel`, `direction`, `before` and `after`.
    """
    params = dict.fromkeys(("ids", "channel", "direction", "before", "after")) | chosen
    return sql.retried(lambda: sql.rows(_MARKS[is_read], params | {"conversation": conversation_id})[0])


def set_labels(*, conversation: Conversation, labels: list[str]) -> None:
    """Set the conversation's labels, in the order given, each once."""
    Conversation.objects.filter(pk=conversation.pk).update(
        labels=list(dict.fromkeys(labels)), updated_at=timezone.now()
    )
