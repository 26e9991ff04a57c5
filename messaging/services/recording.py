"""Recording a text that went or came by another way: in the timeline, never sent."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conversations.models import Attachment
from conversations.services.threads import ensure_conversation, note_reopening
from conversations.services.timeline import NewMessage, append_messages, new_request_id
from messaging.segments import count_segments
from messaging.services import consent, parties, vocabulary
from messaging.services.sending import Accepted, TextToQueue, facts_of, replayed
from omega_project.lib import sql
from omega_project.lib.addresses import normalise_party
from omega_project.lib.api.errors import parameter_error


@dataclass(slots=True)
class TextToRecord:
    """A text as its caller knows it. Inbound: `from_` is the client, `to` the business's sender."""

    business_id: int
    direction: str
    status: str
    client_id: int | None = None
    from_: str | None = None
    to: str | None = None
    body: str = ""
    media_urls: list[str] = field(default_factory=list)
    location_id: int | None = None
    staff_id: int | None = None
    provider: str | None = None
    provider_message_id: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    error: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    fingerprint: bytes = b""

    @property
    def client_address(self) -> str | None:
        return self.from_ if self.direction == "inbound" else self.to

    @property
    def own_address(self) -> str | None:
        return self.to if self.direction == "inbound" else self.from_


def record_message(text: TextToRecord) -> Accepted:
    """Put a text into its conversation. The same `provider_message_id` twice is one message.

    An inbound STOP or START changes the consent, as it does by every door.
    """
    return sql.in_transaction(lambda: _record(text))


def _record(text: TextToRecord) -> Accepted:
    facts = facts_of(
        TextToQueue(
            text.business_id, client_id=text.client_id, to=text.client_address, location_id=text.location_id,
            staff_id=text.staff_id,
        ),
        "from" if text.direction == "inbound" else "to",
    )  # fmt: skip
    address = facts.to or facts.client_phone
    if not address:
        raise parameter_error("client_id", "is a client without a phone number")
    client_id = facts.client_id or parties.client_by_phone(business_id=text.business_id, phone=address)
    conversation_id = facts.conversation_id
    if conversation_id is None:
        conversation_id, _ = ensure_conversation(
            business_id=text.business_id, client_id=client_id, location_id=text.location_id
        )
    elif text.direction == "inbound" and not facts.blocked:
        note_reopening(conversation_id)
    return _append(text, facts, client_id, conversation_id, address)


def _append(text: TextToRecord, facts: parties.Facts, client_id: int, conversation_id: int, address: str) -> Accepted:
    message = _row(text, facts, client_id, conversation_id, address)
    stored = append_messages([message]).get(0)
    if stored is None:
        return _known(text, message)
    Attachment.objects.bulk_create(
        Attachment(message_id=stored["id"], status="linked", source_url=url) for url in text.media_urls
    )
    if text.direction == "inbound" and (keyword := vocabulary.keyword_in(text.body)):
        consent.hears_keyword(
            keyword=keyword, business_id=text.business_id, client_id=client_id, address=address,
            evidence={"message_id": stored["id"], "keyword": text.body.strip()[:64]}, source="record",
        )  # fmt: skip
    return Accepted(message.request_id, stored["id"], conversation_id, client_id, message.status, message.segments)


def _row(text: TextToRecord, facts: parties.Facts, client_id: int, conversation_id: int, address: str) -> NewMessage:
    inbound, error = text.direction == "inbound", text.error or {}
    own = normalise_party(text.own_address) if text.own_address else (facts.sender or {}).get("address", "")
    return NewMessage(
        business_id=text.business_id,
        conversation_id=conversation_id,
        client_id=client_id,
        channel="sms",
        direction=text.direction,
        status=text.status,
        request_id=text.request_id or new_request_id(),
        request_hash=text.fingerprint.hex() or None,
        body=text.body,
        from_address=address if inbound else own,
        to_address=own if inbound else address,
        staff_id=text.staff_id,
        provider=text.provider or "",
        provider_message_id=text.provider_message_id,
        error_code=error.get("code", ""),
        error_message=error.get("message", ""),
        error_retryable=error.get("retryable", False),
        segments=count_segments(text.body).count,
        media_count=len(text.media_urls),
        is_read=not inbound or facts.blocked,
        sent_at=text.sent_at,
        delivered_at=text.delivered_at,
        decision={"source": "record"},
        metadata=text.metadata,
    )


_BY_PROVIDER_ID = """
SELECT id, conversation_id, client_id, request_id, accepted_status, segments FROM conversations_message
WHERE business_id = %(business)s AND provider = %(provider)s AND provider_message_id = %(sid)s
"""


def _known(text: TextToRecord, message: NewMessage) -> Accepted:
    """The message that stands for this one already: by its provider's id, else by its request_id."""
    if text.provider_message_id:
        params = {"business": text.business_id, "provider": message.provider, "sid": text.provider_message_id}
        found = sql.row(_BY_PROVIDER_ID, params)
        if found and found["request_id"] != text.request_id:
            return Accepted(
                found["request_id"], found["id"], found["conversation_id"], found["client_id"],
                found["accepted_status"], found["segments"], replayed=True,
            )  # fmt: skip
    return replayed(text.business_id, message.request_id, text.fingerprint)
