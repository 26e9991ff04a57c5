"""The API's objects: what a caller reads (api.md, 5) and may ask for."""

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from django.utils import timezone
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter

from conversations import media_links
from omega_project.lib.api.fields import Body, Flag, Id, Metadata, Query, QueryId, RequestId, Text, Time
from omega_project.lib.api.pagination import PageQuery

ConversationStatus = Literal["open", "pending", "snoozed", "closed"]
ChannelName = Literal["sms", "email", "voice", "note", "activity"]
DirectionName = Literal["inbound", "outbound", "internal"]
StatusName = Literal[
    "scheduled", "queued", "sending", "unknown", "sent", "delivered", "read", "failed", "undelivered", "blocked",
    "canceled", "received",
]  # fmt: skip
_PREVIEW = 140
_AWAKE = ("open", "pending", "closed")
TIME: TypeAdapter[datetime] = TypeAdapter(Time)


class ErrorObject(BaseModel):
    code: str
    message: str
    retryable: bool


class MediaObject(BaseModel):
    id: int
    url: str
    content_type: str
    size: int | None
    name: str


class MessageBase(BaseModel):
    """The fields of a message."""

    id: int
    request_id: str
    business_id: int
    client_id: int
    conversation_id: int
    channel: ChannelName
    direction: DirectionName
    status: StatusName
    body: str
    subject: str | None
    html: str | None
    from_: str | None = Field(alias="from")
    to: str | None
    cc: list[str]
    bcc: list[str]
    staff_id: int | None
    provider: str | None
    provider_message_id: str | None
    error: ErrorObject | None
    attempts: int
    segments: int
    media: list[MediaObject]
    call: dict[str, Any] | None
    is_read: bool
    read_at: datetime | None
    scheduled_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    metadata: dict[str, Any]


class Message(MessageBase):
    """One entry of the timeline."""


class ConversationClient(BaseModel):
    id: int
    name: str
    phone: str | None
    email: str | None


class Assignee(BaseModel):
    id: int
    name: str


class LastMessage(BaseModel):
    id: int
    channel: ChannelName
    direction: DirectionName
    preview: str
    status: StatusName
    at: datetime


class Conversation(BaseModel):
    """One thread per client and business, whatever the channel."""

    id: int
    business_id: int
    client: ConversationClient
    location_id: int | None
    status: ConversationStatus
    assigned_to: Assignee | None
    unread_count: int
    channels: list[str]
    last_message: LastMessage | None
    labels: list[str]
    snoozed_until: datetime | None
    first_response_at: datetime | None
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None


class Page(BaseModel):
    next: str | None
    previous: str | None
    total: int | None = None


class ConversationPage(Page):
    results: list[Conversation]


class MessagePage(Page):
    results: list[Message]


def message_object(row: dict[str, Any]) -> dict[str, Any]:
    """A Message from a row of `reading.message_rows`."""
    error = None
    if row["error_code"]:
        error = {"code": row["error_code"], "message": row["error_message"], "retryable": row["error_retryable"]}
    return {
        "id": row["id"],
        "request_id": row["request_id"],
        "business_id": row["business_id"],
        "client_id": row["client_id"],
        "conversation_id": row["conversation_id"],
        "channel": row["channel"],
        "direction": row["direction"],
        "status": row["status"],
        "body": row["body"],
        "subject": row["subject"] or None,
        "html": row["html"] or None,
        "from": row["from_address"] or None,
        "to": row["to_address"] or None,
        "cc": row["cc"],
        "bcc": row["bcc"],
        "staff_id": row["staff_id"],
        "provider": row["provider"] or None,
        "provider_message_id": row["provider_message_id"],
        "error": error,
        "attempts": row["attempts"],
        "segments": row["segments"],
        "media": [media_object(item) for item in row["media"]],
        "call": orjson.Fragment(row["call"]) if row["call"] else None,
        "is_read": row["is_read"],
        "read_at": row["read_at"],
        "scheduled_at": row["scheduled_at"],
        "created_at": row["created_at"],
        "sent_at": row["sent_at"],
        "delivered_at": row["delivered_at"],
        "metadata": orjson.Fragment(row["metadata"]),
    }


def media_object(item: dict[str, Any]) -> dict[str, Any]:
    """An attachment: our own copy under a signed link, else where the caller said that it is."""
    url = item["source_url"] if item["status"] == "linked" else media_links.link_for(item["id"])
    return {
        "id": item["id"],
        "url": url,
        "content_type": item["content_type"],
        "size": item["size"],
        "name": item["name"],
    }


def preview_of(row: dict[str, Any]) -> str:
    text = row["last_subject"] or row["last_body"] or ("📎 Media" if row["last_media"] else "")
    line = " ".join(text.split())
    return line if len(line) <= _PREVIEW else line[: _PREVIEW - 1] + "…"


def conversation_object(row: dict[str, Any]) -> dict[str, Any]:
    """A Conversation from a row of `reading.conversation_rows`."""
    last = None
    if row["last_id"] is not None:
        last = {
            "id": row["last_id"],
            "channel": row["last_channel"],
            "direction": row["last_direction"],
            "preview": preview_of(row),
            "status": row["last_status"],
            "at": row["last_at"],
        }
    name = f"{row['first_name']} {row['last_name']}".strip()
    assigned = {"id": row["assigned_to_id"], "name": row["staff_name"]} if row["assigned_to_id"] else None
    return {
        "id": row["id"],
        "business_id": row["business_id"],
        "client": {
            "id": row["client_id"],
            "name": name or row["phone"] or row["email"],
            "phone": row["phone"] or None,
            "email": row["email"] or None,
        },
        "location_id": row["location_id"],
        "status": row["status"],
        "assigned_to": assigned,
        "unread_count": row["unread_count"],
        "channels": row["channels"],
        "last_message": last,
        "labels": row["labels"],
        "snoozed_until": row["snoozed_until"],
        "first_response_at": row["first_response_at"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "closed_at": row["closed_at"],
    }


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) < 2**63


def _assignee(value: Any) -> Any:
    if isinstance(value, str) and (value in {"me", "none"} or _is_id(value)):
        return value
    raise ValueError("must be a staff member's id, me or none")


class Between(PageQuery):
    """A list between two times; the later one first is a fault of both."""

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        return reversed_range(given, "updated_after", "updated_before") + reversed_range(
            given, "created_after", "created_before"
        )


def reversed_range(given: dict[str, Any], after: str, before: str) -> list[tuple[str, str]]:
    """A fault of both fields where both are times and the first is later than the second."""
    first, last = time_of(given.get(after)), time_of(given.get(before))
    if first is None or last is None or first <= last:
        return []
    return [(name, f"{after} is later than {before}") for name in (after, before)]


def time_of(value: Any) -> datetime | None:
    """The time that a caller gave; None where it is none, which is a fault of its own."""
    try:
        return TIME.validate_python(value)
    except ValueError:
        return None


Sort = Literal["-last_message_at", "last_message_at", "-created_at", "unread_first"]


class ConversationsQuery(Between):
    status: list[ConversationStatus] | None = None
    assigned_to: Annotated[str, BeforeValidator(_assignee)] | None = None
    channel: Literal["sms", "email", "voice"] | None = None
    unread: bool | None = None
    location_id: QueryId | None = None
    label: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    client_id: QueryId | None = None
    updated_after: Time | None = None
    updated_before: Time | None = None
    q: Annotated[Text, Field(max_length=200)] | None = None
    sort: Sort = "-last_message_at"


class MessageFilters(Between):
    channel: ChannelName | None = None
    direction: DirectionName | None = None
    status: list[StatusName] | None = None
    unread: bool | None = None
    created_after: Time | None = None
    created_before: Time | None = None
    has_media: bool | None = None


class MessagesQuery(MessageFilters):
    q: Annotated[Text, Field(max_length=200)] | None = None
    order: Literal["asc", "desc"] = "desc"


class SearchQuery(MessageFilters):
    q: Annotated[Text, Field(min_length=1, max_length=200)]


class FoundMessage(MessageBase):
    snippet: str


class FoundPage(Page):
    results: list[FoundMessage]


class Choice(BaseModel):
    value: str
    label: str
    count: int


class Filters(BaseModel):
    """What the list can be filtered on, with live counts."""

    statuses: list[Choice]
    channels: list[Choice]
    assignees: list[Choice]
    locations: list[Choice]
    labels: list[Choice]
    sorts: list[Choice]


class Assigned(BaseModel):
    conversation_id: int
    message: str


class Labels(Body):
    labels: Annotated[list[Annotated[Text, Field(min_length=1, max_length=64)]], Field(max_length=50)]


class OpenConversation(Body):
    location_id: Id | None = None
    assigned_to: Id | None = None


class AssignQuery(Query):
    assigned_to: Annotated[str, BeforeValidator(_assignee)]
    force: bool = False


class Note(Body):
    body: Annotated[Text, Field(min_length=1, max_length=20000)]
    staff_id: Id | None = None
    mentions: Annotated[list[Id], Field(max_length=50)] = []
    metadata: Metadata = {}
    request_id: RequestId | None = None


class StatusChange(Body):
    status: ConversationStatus
    snoozed_until: Time | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        until = given.get("snoozed_until")
        if given.get("status") == "snoozed":
            at = time_of(until)
            if until is None or (at is not None and at <= timezone.now()):
                return [("snoozed_until", "must be a time in the future for the status snoozed")]
        elif given.get("status") in _AWAKE and until is not None:
            return [("snoozed_until", "goes with the status snoozed only")]
        return []


class ReadStatus(Body):
    is_read: Flag
    message_ids: Annotated[list[Id], Field(max_length=10000)] | None = None
    channel: ChannelName | None = None
    direction: DirectionName | None = None
    before: Time | None = None
    after: Time | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        return reversed_range(given, "after", "before")


class ReadStatusAnswer(BaseModel):
    updated: int
    unread_count: int
