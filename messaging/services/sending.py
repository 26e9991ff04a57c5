"""The queue's door: a message is checked, decided on and put on disk; sending it is delivery's work.

Three round trips for a known client: the caller's key, everything that the decision needs, and one write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

from conversations.models import Message
from conversations.services.threads import ensure_conversation
from conversations.services.timeline import NewMessage, append_messages, first_of, new_request_id
from messaging.services import channels, consent, parties, quiet, wakeup
from omega_project.lib import sql
from omega_project.lib.api.errors import ApiError, Conflict, NotFound, parameter_error

PRIORITIES = {"high": 0, "normal": 1, "bulk": 2}


@dataclass(slots=True)
class Content:
    """What is sent, as its channel made it of what the caller gave.

    `facts` join the message's decision; `shown` the answer to a dry run. `refusal` is a reason of the channel's own
    why this cannot go. `beside` are the values of a row of the channel's own that `beside_sql` appends with the
    message (timeline.append_messages).
    """

    body: str = ""
    subject: str = ""
    html: str = ""
    cc: list[str] = field(default_factory=list)
    bcc: list[str] = field(default_factory=list)
    segments: int = 0
    media_count: int = 0
    refusal: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] | None = None
    beside: dict[str, Any] | None = None
    beside_sql: str = ""


@dataclass(slots=True)
class Draft:
    """What a caller wants sent, whatever the channel; each has its own kind (texts.py, mails.py).

    `fingerprint` is the request's digest, for idempotency.
    """

    channel: ClassVar[channels.Channel]

    business_id: int
    client_id: int | None = None
    to: str | None = None
    sender: str | None = None
    location_id: int | None = None
    staff_id: int | None = None
    scheduled_at: datetime | None = None
    template_id: int | None = None
    variables: dict[str, str] = field(default_factory=dict)
    priority: str = "normal"
    metadata: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    fingerprint: bytes = b""
    expected_last_message_id: int | None = None
    source: str = "api"

    @property
    def has_files(self) -> bool:
        """Whether something hangs on the message that is stored by `hang`."""
        raise NotImplementedError

    def compose(self, facts: parties.Facts, to: str) -> Content:
        """What goes to `to`; 422 for what cannot be sent."""
        raise NotImplementedError

    def hang(self, message_id: int) -> None:
        """Store what hangs on the message; in the transaction of the write."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a write: `replayed` where the same request had been answered before."""

    request_id: str
    message_id: int
    conversation_id: int
    client_id: int
    status: str
    segments: int
    replayed: bool = False
    expected_at: datetime | None = None


@dataclass(slots=True)
class Decision:
    """What a real send would meet now. `would` is send, schedule or block."""

    would: str
    reason: str
    sender: dict[str, Any]
    to: str
    content: Content
    consent: str
    release_at: datetime | None
    facts: parties.Facts
    expected_at: datetime | None = None


def queue_message(draft: Draft) -> Accepted:
    """Accept a message for sending: it is on disk when this returns. A repeated request gives the first answer again.

    422 for what cannot be sent, 404 for what is not of this business, 409 `request_id_conflict` or
    `conversation_moved`.
    """
    try:
        decision = decide(draft)
        if is_simple(draft, decision):
            # A list that holds the thread may wait for this request's key meanwhile: then it is tried again.
            return sql.retried(lambda: _store(draft, decision))
        return sql.in_transaction(lambda: _store(draft, _with_thread(draft, decision)))
    except ApiError:
        again = _answered_before(draft)
        if again is None:
            raise
        return again


def _answered_before(draft: Draft) -> Accepted | None:
    """The first answer, where this very request had one: what holds it back now does not matter any more."""
    try:
        return replayed(draft.business_id, draft.request_id, draft.fingerprint) if draft.request_id else None
    except Conflict:
        return None


def is_simple(draft: Draft, decision: Decision) -> bool:
    """True where one append does it: the client and the thread are known, and nothing hangs on the message."""
    known = decision.facts.client_id is not None and decision.facts.conversation_id is not None
    return known and not draft.has_files and draft.expected_last_message_id is None


def decide(draft: Draft, known: parties.Facts | None = None) -> Decision:
    """The decision that a send would meet now; nothing is stored. `known` are its facts where they were looked up."""
    facts = known or facts_of(draft)
    to = facts.to or facts.client_address
    if not to:
        raise parameter_error("client_id", draft.channel.no_address)
    content = draft.compose(facts, to)
    sender = _sender(draft, facts)
    if draft.expected_last_message_id is not None and facts.conversation_id is not None:
        _require_unmoved(facts.conversation_id, draft.expected_last_message_id)
    would, reason, release = _verdict(draft, facts, content)
    expected = facts.queue.expected_at(PRIORITIES[draft.priority], facts.now) if would == "send" else None
    return Decision(would, reason, sender, to, content, facts.consent, release, facts, expected)


def ends_of(draft: Draft, field_name: str = "to") -> parties.Ends:
    """The two ends that a draft names; 422 where an address is none of its channel."""
    to = _address(draft, field_name) if draft.to is not None else None
    return parties.Ends(
        draft.business_id, draft.client_id, to, draft.sender, draft.staff_id, draft.location_id, draft.channel
    )


def facts_of(draft: Draft, field_name: str = "to") -> parties.Facts:
    """Everything about both ends; 404 for what is not of this business, 422 for what is no address."""
    return checked(draft, parties.facts_for([ends_of(draft, field_name)])[0], field_name)


class NamesEnds(Protocol):
    """What names the ends of a message: a draft, or a record."""

    channel: ClassVar[channels.Channel]
    client_id: int | None
    staff_id: int | None
    location_id: int | None


def checked(draft: NamesEnds, facts: parties.Facts | None, field_name: str = "to") -> parties.Facts:
    """The facts where all that the draft names belongs together; 404 or 422 where it does not."""
    if facts is None:
        raise NotFound("There is no such business.")
    if draft.client_id is not None and facts.client_id is None:
        raise NotFound("There is no such client in this business.")
    if draft.staff_id is not None and not facts.staff_known:
        raise NotFound("There is no such staff member in this business.")
    if draft.location_id is not None and not facts.location_known:
        raise NotFound("There is no such location in this business.")
    if facts.to and facts.client_address and facts.to != facts.client_address:
        raise parameter_error(field_name, draft.channel.not_theirs)
    return facts


def _address(draft: Draft, field_name: str) -> str:
    try:
        return draft.channel.read(str(draft.to), lambda: parties.country(draft.business_id))
    except ValueError as error:
        raise parameter_error(field_name, str(error)) from None


def _sender(draft: Draft, facts: parties.Facts) -> dict[str, Any]:
    if facts.sender is not None:
        return facts.sender
    if draft.sender is not None:
        raise parameter_error("from", draft.channel.not_our_sender)
    raise parameter_error("business_id", draft.channel.no_sender)


def _verdict(draft: Draft, facts: parties.Facts, content: Content) -> tuple[str, str, datetime | None]:
    refusal = _refusal(facts) or content.refusal
    if refusal:
        return "block", refusal, None
    if draft.scheduled_at is not None and draft.scheduled_at > facts.now:
        return "schedule", "scheduled_at", draft.scheduled_at
    if draft.priority == "bulk":
        local = quiet.zone(facts.client_timezone, facts.business_timezone)
        release = quiet.release_time(facts.now, local, facts.quiet_from, facts.quiet_until)
        if release:
            return "schedule", "quiet_hours", release
    return "send", "", None


def _refusal(facts: parties.Facts) -> str:
    if facts.suspended:
        return "business_suspended"
    if facts.blocked:
        return "client_blocked"
    if facts.consent == consent.OPTED_OUT:
        return "opted_out"
    return "address_bounced" if facts.bounced else ""


def _with_thread(draft: Draft, decision: Decision) -> Decision:
    """Make the client and the conversation where they are missing; in the transaction of the write."""
    facts = decision.facts
    if facts.client_id is None:
        facts.client_id = parties.client_by_address(
            channel=draft.channel, business_id=draft.business_id, address=decision.to
        )
        facts.conversation_id = None
    if facts.conversation_id is None:
        facts.conversation_id, _ = ensure_conversation(
            business_id=draft.business_id, client_id=facts.client_id, location_id=draft.location_id
        )
    if draft.expected_last_message_id is not None:
        sql.rows(_LOCK_THREAD, {"conversation": facts.conversation_id})
        _require_unmoved(facts.conversation_id, draft.expected_last_message_id)
    return decision


_LOCK_THREAD = "SELECT 1 AS one FROM conversations_conversation WHERE id = %(conversation)s FOR UPDATE"
_EXPECTED = "SELECT created_at FROM conversations_message WHERE id = %(expected)s::bigint"
_MISSED = """
SELECT m.id, m.channel, m.direction, m.body, m.created_at FROM conversations_message m
WHERE m.conversation_id = %(conversation)s::bigint AND m.channel <> 'activity'
  AND (m.created_at, m.id) > (%(at)s::timestamptz, %(expected)s::bigint)
ORDER BY m.created_at, m.id LIMIT 50
"""


def _require_unmoved(conversation_id: int, expected: int) -> None:
    """An id that no message has expects an empty conversation: whatever was written was missed."""
    known = sql.row(_EXPECTED, {"expected": expected})
    at = known["created_at"] if known else datetime.min.replace(tzinfo=UTC)
    missed = sql.rows(_MISSED, {"conversation": conversation_id, "expected": expected, "at": at})
    if missed:
        raise Conflict("Somebody wrote in this conversation meanwhile.", "conversation_moved", messages_missed=missed)


def _store(draft: Draft, decision: Decision) -> Accepted:
    message = row_of(draft, decision)
    stored = append([message], [decision.content]).get(0)
    if stored is None:
        return replayed(draft.business_id, message.request_id, draft.fingerprint)
    if draft.has_files:
        draft.hang(stored["id"])
    if message.status == Message.Status.QUEUED:
        wakeup.wake_dispatch(message.priority)
    return Accepted(
        message.request_id, stored["id"], message.conversation_id, message.client_id, message.status, message.segments,
        expected_at=decision.expected_at,
    )  # fmt: skip


def append(messages: list[NewMessage], contents: Sequence[Content]) -> dict[int, dict[str, Any]]:
    """Append messages and, in the same statement, the rows that their channels keep beside them."""
    beside = {content.beside_sql for content in contents if content.beside_sql}
    return append_messages(messages, beside=tuple(sorted(beside)))


_STATUS = {"send": "queued", "schedule": "scheduled", "block": "blocked"}


def row_of(draft: Draft, decision: Decision) -> NewMessage:
    """The message that a decision makes of a draft."""
    facts, content = decision.facts, decision.content
    assert facts.client_id is not None and facts.conversation_id is not None  # noqa: S101, PT018
    blocked = decision.would == "block"
    return NewMessage(
        business_id=draft.business_id,
        conversation_id=facts.conversation_id,
        client_id=facts.client_id,
        channel=draft.channel.name,
        direction="outbound",
        status=_STATUS[decision.would],
        request_id=draft.request_id or new_request_id(),
        request_hash=draft.fingerprint.hex() or None,
        body=content.body,
        subject=content.subject,
        html=content.html,
        from_address=decision.sender["address"],
        to_address=decision.to,
        cc=content.cc,
        bcc=content.bcc,
        staff_id=draft.staff_id,
        sender_id=decision.sender["id"],
        provider=decision.sender["provider"],
        error_code=decision.reason if blocked else "",
        error_message=channels.why_blocked(draft.channel.name, decision.reason) if blocked else "",
        segments=content.segments,
        media_count=content.media_count,
        priority=PRIORITIES[draft.priority],
        sends=not blocked,
        due_at=decision.release_at,
        scheduled_at=draft.scheduled_at or decision.release_at,
        decision={
            "would": decision.would,
            "reason": decision.reason,
            "consent": facts.consent,
            "sender": facts.sender_reason,
            "release_at": decision.release_at,
            "source": draft.source,
            **({"expected_at": decision.expected_at} if decision.expected_at else {}),
            **content.facts,
        },
        metadata=draft.metadata,
        beside=content.beside,
    )


def replayed(business_id: int, request_id: str, fingerprint: bytes) -> Accepted:
    """The first answer of this request again; 409 where its body was another."""
    first = first_of(business_id, request_id, fingerprint)
    return Accepted(
        request_id, first["id"], first["conversation_id"], first["client_id"], first["accepted_status"],
        first["segments"], replayed=True,
        expected_at=datetime.fromisoformat(first["expected_at"]) if first["expected_at"] else None,
    )  # fmt: skip
