"""The queue's door: a message is checked, decided on and put on disk; sending it is delivery's work.

Three round trips for a known client: the caller's key, everything that the decision needs, and one write.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from conversations.models import Attachment, Message
from conversations.services.threads import ensure_conversation
from conversations.services.timeline import NewMessage, append_messages, first_of, new_request_id
from messaging.segments import Segments, count_segments
from messaging.services import consent, parties, quiet, templates, wakeup
from omega_project.lib import sql
from omega_project.lib.addresses import normalise_phone
from omega_project.lib.api.errors import ApiError, Conflict, NotFound, parameter_error

PRIORITIES = {"high": 0, "normal": 1, "bulk": 2}
MOST_CHARACTERS = 1600


@dataclass(slots=True)
class TextToQueue:
    """What a caller wants sent by SMS. `fingerprint` is the request's digest, for idempotency."""

    business_id: int
    client_id: int | None = None
    to: str | None = None
    body: str | None = None
    media_urls: list[str] = field(default_factory=list)
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


@dataclass(slots=True)
class Decision:
    """What a real send would meet now. `would` is send, schedule or block."""

    would: str
    reason: str
    sender: dict[str, Any]
    to: str
    body: str
    segments: Segments
    consent: str
    release_at: datetime | None
    facts: parties.Facts


def queue_message(text: TextToQueue) -> Accepted:
    """Accept a text for sending: it is on disk when this returns. A repeated request gives the first answer again.

    422 for what cannot be sent, 404 for what is not of this business, 409 `request_id_conflict` or
    `conversation_moved`.
    """
    try:
        decision = decide(text)
        if is_simple(text, decision):
            return _store(text, decision)
        return sql.in_transaction(lambda: _store(text, _with_thread(text, decision)))
    except ApiError:
        again = _answered_before(text)
        if again is None:
            raise
        return again


def _answered_before(text: TextToQueue) -> Accepted | None:
    """The first answer, where this very request had one: what holds it back now does not matter any more."""
    try:
        return replayed(text.business_id, text.request_id, text.fingerprint) if text.request_id else None
    except Conflict:
        return None


def is_simple(text: TextToQueue, decision: Decision) -> bool:
    """True where one append does it: the client and the thread are known, and nothing hangs on the message."""
    known = decision.facts.client_id is not None and decision.facts.conversation_id is not None
    return known and not text.media_urls and text.expected_last_message_id is None


def decide(text: TextToQueue, known: parties.Facts | None = None) -> Decision:
    """The decision that a send would meet now; nothing is stored. `known` are its facts where they were looked up."""
    facts = known or facts_of(text)
    body = _body(text)
    to = facts.to or facts.client_phone
    if not to:
        raise parameter_error("client_id", "is a client without a phone number")
    sender = _sender(text, facts)
    segments = count_segments(body)
    if text.expected_last_message_id is not None and facts.conversation_id is not None:
        _require_unmoved(facts.conversation_id, text.expected_last_message_id)
    would, reason, release = _verdict(text, facts)
    return Decision(would, reason, sender, to, body, segments, facts.consent, release, facts)


def ends_of(text: TextToQueue, field_name: str = "to") -> parties.Ends:
    """The two ends that a text names; 422 where an address is no phone number."""
    to = _phone(text.to, text.business_id, field_name) if text.to is not None else None
    return parties.Ends(text.business_id, text.client_id, to, text.sender, text.staff_id, text.location_id)


def facts_of(text: TextToQueue, field_name: str = "to") -> parties.Facts:
    """Everything about both ends of a text; 404 for what is not of this business, 422 for what is no phone number."""
    return checked(text, parties.facts_for([ends_of(text, field_name)])[0], field_name)


def checked(text: TextToQueue, facts: parties.Facts | None, field_name: str = "to") -> parties.Facts:
    """The facts where all that the text names belongs together; 404 or 422 where it does not."""
    if facts is None:
        raise NotFound("There is no such business.")
    if text.client_id is not None and facts.client_id is None:
        raise NotFound("There is no such client in this business.")
    if text.staff_id is not None and not facts.staff_known:
        raise NotFound("There is no such staff member in this business.")
    if text.location_id is not None and not facts.location_known:
        raise NotFound("There is no such location in this business.")
    if facts.to and facts.client_phone and facts.to != facts.client_phone:
        raise parameter_error(field_name, "is not the phone number of this client")
    return facts


def _phone(value: str, business_id: int, field_name: str) -> str:
    region = None if value.strip().startswith("+") else parties.country(business_id)
    try:
        return normalise_phone(value, region)
    except ValueError as error:
        raise parameter_error(field_name, str(error)) from None


def _body(text: TextToQueue) -> str:
    body = text.body or ""
    if text.template_id is not None:
        body = templates.render(
            business_id=text.business_id, template_id=text.template_id, channel="sms", variables=text.variables
        )
    if len(body) > MOST_CHARACTERS:
        raise parameter_error("body", f"must have at most {MOST_CHARACTERS} characters")
    if not body.strip() and not text.media_urls:
        raise parameter_error("body", "is required where there are no media_urls and no template_id")
    return body


def _sender(text: TextToQueue, facts: parties.Facts) -> dict[str, Any]:
    if facts.sender is not None:
        return facts.sender
    if text.sender is not None:
        raise parameter_error("from", "is not a texting sender of this business")
    raise parameter_error("business_id", "is a business without a sender for texts: give it one first")


def _verdict(text: TextToQueue, facts: parties.Facts) -> tuple[str, str, datetime | None]:
    if facts.suspended:
        return "block", "business_suspended", None
    if facts.blocked:
        return "block", "client_blocked", None
    if facts.consent == consent.OPTED_OUT:
        return "block", "opted_out", None
    if text.scheduled_at is not None and text.scheduled_at > facts.now:
        return "schedule", "scheduled_at", text.scheduled_at
    if text.priority == "bulk":
        local = quiet.zone(facts.client_timezone, facts.business_timezone)
        release = quiet.release_time(facts.now, local, facts.quiet_from, facts.quiet_until)
        if release:
            return "schedule", "quiet_hours", release
    return "send", "", None


def _with_thread(text: TextToQueue, decision: Decision) -> Decision:
    """Make the client and the conversation where they are missing; in the transaction of the write."""
    facts = decision.facts
    if facts.client_id is None:
        facts.client_id = parties.client_by_phone(business_id=text.business_id, phone=decision.to)
        facts.conversation_id = None
    if facts.conversation_id is None:
        facts.conversation_id, _ = ensure_conversation(
            business_id=text.business_id, client_id=facts.client_id, location_id=text.location_id
        )
    if text.expected_last_message_id is not None:
        sql.rows(_LOCK_THREAD, {"conversation": facts.conversation_id})
        _require_unmoved(facts.conversation_id, text.expected_last_message_id)
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


def _store(text: TextToQueue, decision: Decision) -> Accepted:
    message = row_of(text, decision)
    stored = append_messages([message]).get(0)
    if stored is None:
        return replayed(text.business_id, message.request_id, text.fingerprint)
    if text.media_urls:
        _attach(stored["id"], text.media_urls)
    if message.status == Message.Status.QUEUED:
        wakeup.wake_dispatch(message.priority)
    return Accepted(
        message.request_id, stored["id"], message.conversation_id, message.client_id, message.status, message.segments
    )


_STATUS = {"send": "queued", "schedule": "scheduled", "block": "blocked"}
_BLOCKED = {
    "opted_out": "The client has opted out of texts.",
    "client_blocked": "The client is blocked.",
    "business_suspended": "The business is suspended: it receives and records, and sends nothing.",
}


def row_of(text: TextToQueue, decision: Decision) -> NewMessage:
    """The message that a decision makes of a text."""
    facts = decision.facts
    assert facts.client_id is not None and facts.conversation_id is not None  # noqa: S101, PT018
    blocked = decision.would == "block"
    return NewMessage(
        business_id=text.business_id,
        conversation_id=facts.conversation_id,
        client_id=facts.client_id,
        channel="sms",
        direction="outbound",
        status=_STATUS[decision.would],
        request_id=text.request_id or new_request_id(),
        request_hash=text.fingerprint.hex() or None,
        body=decision.body,
        from_address=decision.sender["address"],
        to_address=decision.to,
        staff_id=text.staff_id,
        sender_id=decision.sender["id"],
        provider=decision.sender["provider"],
        error_code=decision.reason if blocked else "",
        error_message=_BLOCKED[decision.reason] if blocked else "",
        segments=decision.segments.count,
        media_count=len(text.media_urls),
        priority=PRIORITIES[text.priority],
        sends=not blocked,
        due_at=decision.release_at,
        scheduled_at=text.scheduled_at or decision.release_at,
        decision={
            "would": decision.would,
            "reason": decision.reason,
            "consent": facts.consent,
            "sender": facts.sender_reason,
            "encoding": decision.segments.encoding,
            "release_at": decision.release_at,
            "source": text.source,
        },
        metadata=text.metadata,
    )


def _attach(message_id: int, urls: list[str]) -> None:
    Attachment.objects.bulk_create(
        Attachment(message_id=message_id, status="linked", source_url=url, name=url.rsplit("/", 1)[-1][:255])
        for url in urls
    )


def replayed(business_id: int, request_id: str, fingerprint: bytes) -> Accepted:
    """The first answer of this request again; 409 where its body was another."""
    first = first_of(business_id, request_id, fingerprint)
    return Accepted(
        request_id, first["id"], first["conversation_id"], first["client_id"], first["accepted_status"],
        first["segments"], replayed=True,
    )  # fmt: skip
