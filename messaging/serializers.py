"""What callers send and read around sending, recording, retrying and explaining."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from conversations.serializers import ChannelName, DirectionName, Message, MessageBase, StatusName, reversed_range
from conversations.services.calls import ProvidersWord
from omega_project.lib.api.fields import Body, Flag, Id, Metadata, Phone, RequestId, ShortText, Text, Time, Url

Priority = Literal["high", "normal", "bulk"]
RecordedStatus = Literal[
    "received", "queued", "sending", "sent", "delivered", "read", "failed", "undelivered", "blocked", "canceled"
]


class Addressed(Body):
    """Whom it is for: one of `client_id` and `to`, or both where they agree."""

    business_id: Id
    client_id: Id | None = None
    metadata: Metadata = {}
    request_id: RequestId | None = None


class Queue(Addressed):
    """A message to send, whatever its channel."""

    location_id: Id | None = None
    staff_id: Id | None = None
    scheduled_at: Time | None = None
    template_id: Id | None = None
    variables: dict[ShortText, Text] = {}
    priority: Priority = "normal"
    dry_run: Flag = False
    expected_last_message_id: Id | None = None


class QueueSms(Queue):
    """A text to send."""

    to: Phone | None = None
    body: Annotated[Text, Field(max_length=1600)] | None = None
    media_urls: Annotated[list[Url], Field(max_length=10)] = []
    from_: Annotated[Text, Field(min_length=1, max_length=64)] | None = Field(None, alias="from")

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        lacking = []
        if given.get("client_id") is None and given.get("to") is None:
            lacking.append(("to", "is required where there is no client_id"))
        if given.get("body") in (None, "") and given.get("template_id") is None and not given.get("media_urls"):
            lacking.append(("body", "is required where there are no media_urls and no template_id"))
        if given.get("body") is not None and given.get("template_id") is not None:
            lacking.append(("template_id", "goes without a body: the template gives it"))
        return lacking


class ErrorGiven(Body):
    code: Annotated[Text, Field(max_length=64)]
    message: Annotated[Text, Field(max_length=2000)] = ""
    retryable: Flag = False


class Record(Addressed):
    """A message that went or came by another way, whatever its channel."""

    direction: Literal["inbound", "outbound"] = "outbound"
    status: RecordedStatus | None = None
    location_id: Id | None = None
    staff_id: Id | None = None
    provider: Annotated[Text, Field(pattern=r"^[a-z0-9_-]{1,32}$")] | None = None
    provider_message_id: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    sent_at: Time | None = None
    delivered_at: Time | None = None
    error: ErrorGiven | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        inbound = given.get("direction") == "inbound"
        address, status = "from" if inbound else "to", given.get("status")
        lacking = []
        if given.get("client_id") is None and given.get(address) is None:
            lacking.append((address, "is required where there is no client_id"))
        if inbound and status not in (None, "received"):
            lacking.append(("status", "is received where the direction is inbound"))
        if not inbound and status == "received":
            lacking.append(("status", "cannot be received where the direction is outbound"))
        return lacking


class RecordSms(Record):
    """A text that went or came by another way, recorded without sending."""

    to: Phone | None = None
    from_: Annotated[Text, Field(min_length=1, max_length=64)] | None = Field(None, alias="from")
    body: Annotated[Text, Field(max_length=1600)] | None = None
    media_urls: Annotated[list[Url], Field(max_length=10)] = []

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        lacking = super().missing(given)
        if given.get("body") in (None, "") and not given.get("media_urls"):
            lacking.append(("body", "is required where there are no media_urls"))
        return lacking


class CallGiven(Body):
    """What is known of a call. A later report of the provider on this `sid` finds it."""

    sid: Annotated[Text, Field(min_length=1, max_length=64)]
    status: ProvidersWord = "completed"
    duration: Annotated[int, Field(strict=True, ge=0, le=10_000_000, description="Seconds of talk.")] | None = None
    started_at: Time | None = None
    recording_url: Url | None = None


class RecordCall(Addressed):
    """A call that was placed or taken elsewhere."""

    direction: Literal["inbound", "outbound"] = "outbound"
    to: Phone | None = None
    from_: Annotated[Text, Field(min_length=1, max_length=64)] | None = Field(None, alias="from")
    location_id: Id | None = None
    staff_id: Id | None = None
    body: Annotated[Text, Field(max_length=1600, description="A line of the caller's own.")] | None = None
    call: CallGiven
    provider: Annotated[Text, Field(pattern=r"^[a-z0-9_-]{1,32}$")] = "twilio"

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        address = "from" if given.get("direction") == "inbound" else "to"
        if given.get("client_id") is None and given.get(address) is None:
            return [(address, "is required where there is no client_id")]
        return []


EXPECTED = (
    "When it will go, about: only where its sender's queue is so long that this is more than ten seconds away. It goes "
    "by the sender's rate, or by what left the queue of late."
)


class SmsAccepted(BaseModel):
    """The first answer to a send or a record. `segments` is 0 for what is no text."""

    request_id: str
    message_id: int
    conversation_id: int
    client_id: int
    status: StatusName
    segments: int
    expected_at: datetime | None = Field(default=None, description=EXPECTED)


class DryRun(BaseModel):
    """The decision that a real send would meet now."""

    dry_run: bool
    would: Literal["send", "schedule", "block"]
    reason: str | None
    from_: str = Field(alias="from")
    to: str
    segments: int
    encoding: Literal["gsm7", "ucs2"]
    ucs2_characters: list[str]
    consent: Literal["opted_in", "opted_out", "unknown"]
    release_at: datetime | None
    expected_at: datetime | None = Field(default=None, description=EXPECTED)
    body: str


class Receipt(Body):
    """What became of a message, whatever its channel."""

    message_id: Id | None = None
    provider_message_id: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    error_code: Annotated[Text, Field(max_length=64)] | None = None
    error_message: Annotated[Text, Field(max_length=2000)] | None = None
    occurred_at: Time | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        if given.get("message_id") is None and given.get("provider_message_id") is None:
            return [("message_id", "is required where there is no provider_message_id")]
        return []


class StatusUpdate(Receipt):
    """A delivery receipt from a caller."""

    status: Literal["queued", "sending", "sent", "delivered", "read", "failed", "undelivered", "canceled"]


class StatusApplied(BaseModel):
    message_id: int
    status: StatusName
    applied: bool


class Retry(Body):
    """Which failed messages to try again; all filters together, newest first."""

    message_ids: Annotated[list[Id], Field(max_length=1000)] | None = None
    business_id: Id | None = None
    channel: ChannelName | None = None
    direction: DirectionName | None = None
    error_code: Annotated[Text, Field(max_length=64)] | None = None
    failed_after: Time | None = None
    failed_before: Time | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=1000)] = 100
    dry_run: Flag = False
    force: Flag = False

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        return reversed_range(given, "failed_after", "failed_before")


class Skipped(BaseModel):
    id: int
    reason: str


class RetryAnswer(BaseModel):
    matched: int
    retried: list[int]
    skipped: list[Skipped]


class RequestMessages(BaseModel):
    request_id: str
    results: list[Message]


class HistoryEntry(BaseModel):
    status: StatusName
    at: datetime
    source: str
    detail: str | None = None


class TraceEntry(BaseModel):
    step: str
    at: datetime | None
    result: str
    detail: dict[str, Any]


class MessageDetail(MessageBase):
    """A message with why it went as it did."""

    history: list[HistoryEntry]
    trace: list[TraceEntry]


class Canceled(BaseModel):
    message_id: int
    status: Literal["canceled"]
