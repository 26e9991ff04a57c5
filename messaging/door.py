"""`POST /messages`: one door for every channel, for one message or a list of up to a hundred."""

from collections.abc import Callable
from typing import Any, Literal

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, ConfigDict, Field, RootModel
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.models import Conversation
from conversations.serializers import Note
from conversations.services import threads
from conversations.services.timeline import new_request_id
from messaging import mail_serializers as mail_shapes
from messaging import serializers as shapes
from messaging.mail_views import mail_to_queue, mail_to_record
from messaging.services import batches, recording, sending
from messaging.views import accepted, accepted_body, call_to_record, dry_run, text_to_queue, text_to_record
from omega_project.lib.api import parsing
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet
from omega_project.lib.api.errors import ApiError, Fault, NotFound, ParameterError
from omega_project.lib.api.examples import answered, asked
from omega_project.lib.api.fields import Id
from omega_project.lib.api.schema import response_map

MOST_ROWS = 100


class SendText(shapes.QueueSms):
    """A text to send."""

    channel: Literal["sms"]
    direction: Literal["outbound"] = "outbound"
    action: Literal["send"]


class RecordText(shapes.RecordSms):
    """A text that went or came by another way."""

    channel: Literal["sms"]
    action: Literal["record"]


class SendMail(mail_shapes.QueueEmail):
    """A mail to send."""

    channel: Literal["email"]
    direction: Literal["outbound"] = "outbound"
    action: Literal["send"]


class RecordMail(mail_shapes.RecordEmail):
    """A mail that went or came by another way."""

    channel: Literal["email"]
    action: Literal["record"]


class RecordCall(shapes.RecordCall):
    """A call that was placed or taken elsewhere."""

    channel: Literal["voice"]
    action: Literal["record"]


class RecordNote(Note):
    """An internal note; never sent."""

    channel: Literal["note"]
    direction: Literal["internal"] = "internal"
    action: Literal["record"]
    business_id: Id
    conversation_id: Id | None = None
    client_id: Id | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        if given.get("conversation_id") is None and given.get("client_id") is None:
            return [("conversation_id", "is required where there is no client_id")]
        return []


# Channel and action to the shape of the rest.
SHAPES: dict[tuple[str, str], type[BaseModel]] = {
    ("sms", "send"): SendText,
    ("sms", "record"): RecordText,
    ("email", "send"): SendMail,
    ("email", "record"): RecordMail,
    ("voice", "record"): RecordCall,
    ("note", "record"): RecordNote,
}


class MessageToTake(RootModel[SendText | RecordText | SendMail | RecordMail | RecordCall | RecordNote]):
    """One message of any channel."""


class MessagesToTake(RootModel[MessageToTake | list[MessageToTake]]):
    """One message, or a list of 1 to 100."""


class RowAnswer(BaseModel):
    """A row's own answer, or its error."""

    model_config = ConfigDict(extra="allow")
    index: int
    status: int = Field(description="The row's HTTP status: 202, 201, 409 or 422 (403, 404 where they apply).")


class ListAnswer(BaseModel):
    results: list[RowAnswer]


class DoorAnswer(RootModel[ListAnswer | shapes.DryRun | mail_shapes.EmailDryRun]):
    """The rows of a list in its order, or the decision of a `dry_run`."""


_TEXT = {"channel": "sms", "action": "send", "business_id": 12, "to": "+12125550142", "body": "See you at 10!"}
_LETTER = {
    "channel": "email", "action": "send", "business_id": 12, "to": "ana@example.com", "subject": "Your class",
    "text": "See you at 10!",
}  # fmt: skip
_CALL = {
    "channel": "voice", "action": "record", "business_id": 12, "direction": "inbound", "from": "+12125550142",
    "call": {"sid": "CA0123456789abcdef0123456789abcdef", "status": "completed", "duration": 130},
}  # fmt: skip
_NOTE = {
    "channel": "note", "action": "record", "business_id": 12, "client_id": 1204, "staff_id": 17, "body": "Called.",
}  # fmt: skip
_ROWS = {
    "results": [
        {
            "index": 0, "status": 202, "message_status": "queued", "request_id": "visit-77-reminder",
            "message_id": 901177, "conversation_id": 54321, "client_id": 1204, "segments": 1,
        },
        {"index": 1, "status": 404, "detail": "There is no such conversation in this business.", "code": "not_found"},
    ]
}  # fmt: skip


class Door(OmegaViewSet):
    """`/messages`."""

    @extend_schema(
        summary="Process and record messages from any supported channel",
        operation_id="messages_take",
        description="One message, or a list of 1 to 100 that is answered row by row: a bad row spoils no other.",
        tags=["messages"],
        request=MessagesToTake,
        responses=response_map(
            {200: DoorAnswer, 201: shapes.SmsAccepted, 202: shapes.SmsAccepted}, (403, 404, 409, 413)
        ),
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        examples=[
            asked(_TEXT, "Text"),
            asked(_LETTER, "Mail"),
            asked(_CALL, "Call"),
            asked(_NOTE, "Note"),
            asked([_TEXT, _NOTE], "List"),
            answered(_ROWS, 200),
        ],
    )
    def take(self, request: Request) -> Response:
        raw = parsing.read_body(request._request, settings.OMEGA_MAX_BODY_BYTES)
        value = parsing.json_value(raw)
        if isinstance(value, list):
            return self._list(request, value)
        faults: list[Fault] = []
        header = parsing.idempotency_key(request, faults)
        if not isinstance(value, dict):
            faults.append(Fault(["body"], "must be a JSON object, or a list of 1 to 100 of them"))
            raise ParameterError(faults)
        return self._one(request, value, header, faults)

    def _one(self, request: Request, value: dict[str, Any], header: str | None, faults: list[Fault]) -> Response:
        work, status, given = _work(request, value, header, faults)
        if isinstance(work, sending.Draft):
            if given.body.dry_run:
                return Response(dry_run(sending.decide(work)))
            return accepted(sending.queue_message(work), status)
        return accepted(work(), status)

    def _list(self, request: Request, values: list[Any]) -> Response:
        if not 1 <= len(values) <= MOST_ROWS:
            raise ParameterError(
                [Fault(["body"], f"must be a list of 1 to {MOST_ROWS} messages; it has {len(values)}")]
            )
        faults: list[Fault] = []
        header = parsing.idempotency_key(request, faults)
        if faults:
            raise ParameterError(faults)
        return Response({"results": _take_all(request, values, header)})


def _take_all(request: Request, values: list[Any], header: str | None) -> list[dict[str, Any]]:
    answers: dict[int, dict[str, Any]] = {}
    work: dict[int, tuple[batches.Work, int]] = {}
    for index, value in enumerate(values):
        try:
            row, status, given = _work(request, value, f"{header}.{index}"[-128:] if header else None)
            if isinstance(row, sending.Draft) and given.body.dry_run:
                answers[index] = {**dry_run(sending.decide(row)), "index": index, "status": 200}
            else:
                work[index] = (row, status)
        except ApiError as error:
            answers[index] = _error(index, error)
    results = batches.take([row for row, _ in work.values()])
    for (index, (_, status)), result in zip(work.items(), results, strict=True):
        if isinstance(result, ApiError):
            answers[index] = _error(index, result)
        else:
            answers[index] = {
                **accepted_body(result),
                "index": index,
                "message_status": result.status,
                "status": status,
            }
    return [answers[index] for index in sorted(answers)]


def _error(index: int, error: ApiError) -> dict[str, Any]:
    return {"index": index, "status": error.status, **error.body()}


def _work(
    request: Request, value: Any, header: str | None, faults: list[Fault] | None = None
) -> tuple[batches.Work, int, Given]:
    """What a row asks for, checked: a text to queue, or a call that records; and the status of its answer."""
    given = _checked(value, header, faults)
    caller(request).require_business(given.body.business_id)
    staff_id = caller(request).staff_id
    work = _WORK[type(given.body)](given, staff_id)
    return work, 202 if isinstance(work, sending.Draft) else 201, given


def _record(given: recording.Record) -> Callable[[], sending.Accepted]:
    return lambda: recording.record_message(given)


def _checked(value: Any, header: str | None, others: list[Fault] | None) -> Given:
    """The message, or its faults and `others`. A row of a list (`others` None) has its own request_id or the list's."""
    faults = list(others or [])
    if not isinstance(value, dict):
        raise ParameterError([Fault(["body"], "must be a JSON object")])
    shape = SHAPES.get((str(value.get("channel")), str(value.get("action"))))
    if shape is None:
        raise ParameterError([*faults, *_which(value)])
    given = Given()
    given.raw = value
    given.body = parsing.checked(shape, value, "body", faults)
    in_body = getattr(given.body, "request_id", None)
    given.request_id = in_body or header
    if others is not None and header and in_body and header != in_body:
        faults.append(Fault(["header", "Idempotency-Key"], "differs from the body's request_id"))
    if faults:
        raise ParameterError(faults)
    return given


class _Whatever(BaseModel):
    """What a message of any channel has."""

    business_id: Id


def _which(value: dict[str, Any]) -> list[Fault]:
    """The faults of a message that no shape can be found for."""
    channels, faults = sorted({channel for channel, _ in SHAPES}), list[Fault]()
    actions, ending = ["send", "record"], ""
    if value.get("channel") in channels:
        actions, ending = [action for channel, action in SHAPES if channel == value["channel"]], " for this channel"
    else:
        faults.append(Fault(["body", "channel"], f"must be one of {', '.join(channels)}"))
    if value.get("action") not in actions:
        faults.append(Fault(["body", "action"], f"must be {' or '.join(actions)}{ending}"))
    parsing.checked(_Whatever, value, "body", faults)
    return faults


def _note(given: Given, staff_id: int | None) -> Callable[[], sending.Accepted]:
    body: RecordNote = given.body
    note = threads.NewNote(
        body=body.body,
        staff_id=body.staff_id or staff_id,
        mentions=list(dict.fromkeys(body.mentions)),
        metadata=body.metadata,
        request_id=given.request_id,
        fingerprint=given.fingerprint("notes"),
    )
    return lambda: _add(body, note)


# What the row of each shape asks for.
_WORK: dict[type[BaseModel], Callable[[Given, int | None], batches.Work]] = {
    SendText: lambda given, staff_id: text_to_queue(given.body, given, staff_id),
    RecordText: lambda given, staff_id: _record(text_to_record(given.body, given, staff_id)),
    SendMail: lambda given, staff_id: mail_to_queue(given.body, given, staff_id),
    RecordMail: lambda given, staff_id: _record(mail_to_record(given.body, given, staff_id)),
    RecordCall: lambda given, staff_id: _record(call_to_record(given.body, given, staff_id)),
    RecordNote: _note,
}


def _add(body: RecordNote, note: threads.NewNote) -> sending.Accepted:
    conversation = _conversation(body)
    note.request_id = note.request_id or new_request_id()
    note_id, replayed = threads.add_note(conversation=conversation, note=note)
    return sending.Accepted(
        note.request_id, note_id, conversation.pk, conversation.client_id, "received", 0, replayed=replayed
    )


def _conversation(body: RecordNote) -> Conversation:
    found = Conversation.objects.in_business(body.business_id)
    if body.conversation_id is not None:
        found = found.filter(pk=body.conversation_id)
    if body.client_id is not None:
        found = found.filter(client_id=body.client_id)
    conversation = found.select_related("client").first()
    if conversation is None:
        raise NotFound("There is no such conversation in this business.")
    return conversation
