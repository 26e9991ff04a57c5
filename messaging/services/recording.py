"""Recording a message that went or came by another way: in the timeline, never sent."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from conversations.services.threads import ensure_conversation, note_reopening
from conversations.services.timeline import NewMessage, new_request_id
from messaging.services import channels, parties
from messaging.services.sending import Accepted, Content, append, checked, replayed
from omega_project.lib import sql
from omega_project.lib.api.errors import parameter_error


@dataclass(slots=True)
class Record:
    """A message as its caller knows it; each channel has its own kind (texts.py, mails.py).

    Inbound: `from_` is the client, `to` the business's sender.
    """

    channel: ClassVar[channels.Channel]

    business_id: int
    direction: str
    status: str
    client_id: int | None = None
    from_: str | None = None
    to: str | None = None
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
    def is_inbound(self) -> bool:
        return self.direction == "inbound"

    @property
    def is_news(self) -> bool:
        """Whether it waits to be read, and opens its conversation."""
        return self.is_inbound

    @property
    def client_field(self) -> str:
        return "from" if self.is_inbound else "to"

    @property
    def client_address(self) -> str | None:
        return self.from_ if self.is_inbound else self.to

    @property
    def own_address(self) -> str | None:
        return self.to if self.is_inbound else self.from_

    def compose(self, client_address: str) -> Content:
        """What was said."""
        raise NotImplementedError

    def hang(self, message_id: int, client_id: int, address: str) -> None:
        """Store what hangs on the message, and hear what it says; in the transaction of the write."""
        raise NotImplementedError


def record_message(given: Record) -> Accepted:
    """Put a message into its conversation. The same `provider_message_id` twice is one message."""
    return sql.in_transaction(lambda: _record(given))


def _record(given: Record) -> Accepted:
    facts = _facts(given)
    address = facts.to or facts.client_address
    if not address:
        raise parameter_error("client_id", given.channel.no_address)
    content = given.compose(address)
    client_id = facts.client_id or parties.client_by_address(
        channel=given.channel, business_id=given.business_id, address=address
    )
    conversation_id = facts.conversation_id
    if conversation_id is None:
        conversation_id, _ = ensure_conversation(
            business_id=given.business_id, client_id=client_id, location_id=given.location_id
        )
    elif given.is_news and not facts.blocked:
        note_reopening(conversation_id)
    message = _row(given, content, facts, (client_id, conversation_id, address))
    stored = append([message], [content]).get(0)
    if stored is None:
        return _known(given, message)
    given.hang(stored["id"], client_id, address)
    return Accepted(message.request_id, stored["id"], conversation_id, client_id, message.status, message.segments)


def _facts(given: Record) -> parties.Facts:
    to = None
    if given.client_address is not None:
        try:
            to = given.channel.read(given.client_address, lambda: parties.country(given.business_id))
        except ValueError as error:
            raise parameter_error(given.client_field, str(error)) from None
    ends = parties.Ends(
        given.business_id, given.client_id, to, staff=given.staff_id, location=given.location_id, channel=given.channel
    )
    return checked(given, parties.facts_for([ends])[0], given.client_field)


def _row(given: Record, content: Content, facts: parties.Facts, whose: tuple[int, int, str]) -> NewMessage:
    inbound, error, (client_id, conversation_id, address) = given.is_inbound, given.error or {}, whose
    own = given.channel.read_party(given.own_address) if given.own_address else (facts.sender or {}).get("address", "")
    from_address, to_address = (address, own) if inbound else (own, address)
    return NewMessage(
        business_id=given.business_id,
        conversation_id=conversation_id,
        client_id=client_id,
        channel=given.channel.name,
        direction=given.direction,
        status=given.status,
        request_id=given.request_id or new_request_id(),
        request_hash=given.fingerprint.hex() or None,
        body=content.body,
        subject=content.subject,
        html=content.html,
        from_address=from_address,
        to_address=to_address,
        cc=content.cc,
        bcc=content.bcc,
        staff_id=given.staff_id,
        provider=given.provider or "",
        provider_message_id=given.provider_message_id,
        error_code=error.get("code", ""),
        error_message=error.get("message", ""),
        error_retryable=error.get("retryable", False),
        segments=content.segments,
        media_count=content.media_count,
        is_read=not given.is_news or facts.blocked,
        sent_at=given.sent_at,
        delivered_at=given.delivered_at,
        decision={"source": "record"},
        metadata=given.metadata,
        call=content.call and content.call | {"from": from_address, "to": to_address},
        beside=content.beside,
    )


_BY_PROVIDER_ID = """
SELECT id, conversation_id, client_id, request_id, accepted_status, segments FROM conversations_message
WHERE business_id = %(business)s AND provider = %(provider)s AND provider_message_id = %(sid)s
"""


def _known(given: Record, message: NewMessage) -> Accepted:
    """The message that stands for this one already: by its provider's id, else by its request_id."""
    if given.provider_message_id:
        params = {"business": given.business_id, "provider": message.provider, "sid": given.provider_message_id}
        found = sql.row(_BY_PROVIDER_ID, params)
        if found and found["request_id"] != given.request_id:
            return Accepted(
                found["request_id"], found["id"], found["conversation_id"], found["client_id"],
                found["accepted_status"], found["segments"], replayed=True,
            )  # fmt: skip
    return replayed(given.business_id, message.request_id, given.fingerprint)
