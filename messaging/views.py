"""Sending, recording, status, retry and explanation over HTTP."""

from dataclasses import asdict
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from conversations.serializers import message_object
from conversations.services import calls as words
from conversations.services import reading
from messaging import serializers as shapes
from messaging.services import explaining, recording, retrying, sending, statuses
from messaging.services.phone_calls import CallToRecord
from messaging.services.texts import TextToQueue, TextToRecord
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound, parameter_error
from omega_project.lib.api.examples import asked
from omega_project.lib.api.fields import REQUEST_ID

BY_ID = reading.Order("m.id", "bigint", descending=True, tie="m.id")


def accepted(answer: sending.Accepted, status: int) -> Response:
    """A write's answer; `Idempotent-Replayed` where the same request had been answered before."""
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else None
    return Response(accepted_body(answer), status=status, headers=headers)


def accepted_body(answer: sending.Accepted) -> dict[str, Any]:
    """`expected_at` only where there is something to say: most messages go at once."""
    expected = {"expected_at": answer.expected_at} if answer.expected_at else {}
    return expected | {
        "request_id": answer.request_id,
        "message_id": answer.message_id,
        "conversation_id": answer.conversation_id,
        "client_id": answer.client_id,
        "status": answer.status,
        "segments": answer.segments,
    }


def draft_fields(body: shapes.Queue, given: Given, staff_id: int | None) -> dict[str, Any]:
    """What a draft of any channel takes from its body."""
    return {
        "business_id": body.business_id,
        "client_id": body.client_id,
        "location_id": body.location_id,
        "staff_id": body.staff_id or staff_id,
        "scheduled_at": body.scheduled_at,
        "template_id": body.template_id,
        "variables": body.variables,
        "priority": body.priority,
        "metadata": body.metadata,
        "request_id": given.request_id,
        "expected_last_message_id": body.expected_last_message_id,
    }


def text_to_queue(body: shapes.QueueSms, given: Given, staff_id: int | None) -> TextToQueue:
    return TextToQueue(
        **draft_fields(body, given, staff_id),
        to=body.to,
        body=body.body,
        media_urls=body.media_urls,
        sender=body.from_,
        fingerprint=given.fingerprint("sms/queue"),
    )


class Sms(OmegaViewSet):
    """`/sms/…`."""

    @endpoint(
        summary="Queue SMS for sending and database recording",
        operation_id="sms_queue",
        audited=False,
        description=(
            "To a `client_id`, or `to` a number, which makes a client where it is new. The message is on disk before "
            "the answer. `dry_run` says what would happen, and stores nothing."
        ),
        examples=[asked({"business_id": 12, "to": "+12125550142", "body": "See you at 10 on Friday!"})],
        tags=["sms"],
        body=shapes.QueueSms,
        answers={200: shapes.DryRun, 202: shapes.SmsAccepted},
        errors=(403, 404, 409, 413),
        idempotent=True,
    )
    def queue(self, request: Request, given: Given) -> Response:
        text = text_to_queue(given.body, given, caller(request).staff_id)
        if given.body.dry_run:
            return Response(dry_run(sending.decide(text)))
        return accepted(sending.queue_message(text), 202)

    @endpoint(
        summary="Record SMS message in database without sending",
        operation_id="sms_record",
        audited=False,
        description="A text that went or came by another way. The same `provider_message_id` twice is one message.",
        examples=[asked({"business_id": 12, "direction": "inbound", "from": "+12125550142", "body": "On my way"})],
        tags=["sms"],
        body=shapes.RecordSms,
        answers={201: shapes.SmsAccepted},
        errors=(403, 404, 409, 413),
        idempotent=True,
    )
    def record(self, request: Request, given: Given) -> Response:
        return accepted(recording.record_message(text_to_record(given.body, given, caller(request).staff_id)), 201)

    @endpoint(
        summary="Update SMS delivery status",
        operation_id="sms_status",
        description="A status never moves backwards: `applied` says whether it moved.",
        examples=[asked({"message_id": 901177, "status": "delivered"})],
        tags=["sms"],
        body=shapes.StatusUpdate,
        answers={200: shapes.StatusApplied},
        errors=(404, 413),
    )
    def status(self, request: Request, given: Given) -> Response:
        applied = statuses.apply_report(report_of(given.body, given.body.status, caller(request).business_id))
        if applied.message_id is None:
            raise NotFound("There is no such outgoing message.")
        return Response({"message_id": applied.message_id, "status": applied.status, "applied": applied.applied})


def report_of(body: shapes.Receipt, status: str, business_id: int | None, *, channel: str = "sms") -> statuses.Report:
    """A caller's receipt; by our id where it gives both."""
    return statuses.Report(
        status=status,
        message_id=body.message_id,
        provider_message_id="" if body.message_id else body.provider_message_id or "",
        error_code=body.error_code or "",
        error_message=body.error_message or "",
        occurred_at=body.occurred_at,
        business_id=business_id,
        channel=channel,
    )


def record_fields(body: shapes.Record, given: Given, staff_id: int | None) -> dict[str, Any]:
    """What a record of any channel takes from its body."""
    return {
        "business_id": body.business_id,
        "direction": body.direction,
        "status": body.status or ("received" if body.direction == "inbound" else "sent"),
        "client_id": body.client_id,
        "location_id": body.location_id,
        "staff_id": body.staff_id or (staff_id if body.direction == "outbound" else None),
        "provider_message_id": body.provider_message_id,
        "sent_at": body.sent_at,
        "delivered_at": body.delivered_at,
        "error": body.error.model_dump() if body.error else None,
        "metadata": body.metadata,
        "request_id": given.request_id,
    }


def text_to_record(body: shapes.RecordSms, given: Given, staff_id: int | None) -> TextToRecord:
    return TextToRecord(
        **record_fields(body, given, staff_id),
        from_=body.from_,
        to=body.to,
        body=body.body or "",
        media_urls=body.media_urls,
        provider=body.provider or ("twilio" if body.provider_message_id else None),
        fingerprint=given.fingerprint("sms/record"),
    )


def call_to_record(body: shapes.RecordCall, given: Given, staff_id: int | None) -> CallToRecord:
    told, inbound = body.call, body.direction == "inbound"
    status = "received" if inbound else words.MESSAGE_STATUS[told.status]
    unanswered = None if inbound else words.SENTENCES.get(told.status)
    return CallToRecord(
        business_id=body.business_id,
        direction=body.direction,
        status=status,
        client_id=body.client_id,
        from_=body.from_,
        to=body.to,
        location_id=body.location_id,
        staff_id=body.staff_id or staff_id,
        provider=body.provider,
        provider_message_id=told.sid,
        sent_at=None if inbound else told.started_at,
        error={"code": told.status, "message": unanswered} if unanswered else None,
        metadata=body.metadata,
        request_id=given.request_id,
        fingerprint=given.fingerprint("calls/record"),
        line=body.body or "",
        call_status=told.status,
        duration=told.duration,
        started_at=told.started_at,
        recording_url=told.recording_url,
    )


def dry_run(decision: sending.Decision) -> dict[str, Any]:
    """The decision in the shape of api.md, 7."""
    return {
        "dry_run": True,
        "would": decision.would,
        "reason": decision.reason or None,
        "from": decision.sender["address"],
        "to": decision.to,
        "consent": decision.consent,
        "release_at": decision.release_at,
        **({"expected_at": decision.expected_at} if decision.expected_at else {}),
        **decision.content.shown,
    }


class Messages(OmegaViewSet):
    """`/messages/…` and their twins under a business."""

    @endpoint(
        summary="Retry Processing of Failed Messages (platform)",
        operation_id="messages_retry",
        description="All filters together, newest first. A permanent fault needs `force`; a blocked one never goes.",
        examples=[asked({"business_id": 12, "channel": "sms", "limit": 100})],
        tags=["messages"],
        body=shapes.Retry,
        answers={202: shapes.RetryAnswer},
        errors=(403, 404, 413),
    )
    def retry(self, request: Request, given: Given) -> Response:
        caller(request).require_platform()
        return _retried(given.body, given.body.business_id)

    @endpoint(
        summary="Retry Processing of Failed Messages (business)",
        operation_id="business_messages_retry",
        description="As the platform's, within one business.",
        examples=[asked({"message_ids": [901177]})],
        tags=["messages"],
        body=shapes.Retry,
        answers={202: shapes.RetryAnswer},
        errors=(403, 404, 413),
    )
    def retry_in_business(self, request: Request, given: Given, business_id: int) -> Response:
        if given.body.business_id not in {None, business_id}:
            raise parameter_error("business_id", "differs from the path's")
        return _retried(given.body, business_id)

    @endpoint(
        summary="Get messages by request ID (platform)",
        operation_id="messages_by_request",
        description="In every business that the credential opens.",
        tags=["messages"],
        answers={200: shapes.RequestMessages},
        errors=(404,),
        path_text=("request_id",),
    )
    def by_request(self, request: Request, given: Given, request_id: str) -> Response:
        return _by_request(request_id, caller(request).business_id)

    @endpoint(
        summary="Get messages by request ID (business)",
        operation_id="business_messages_by_request",
        description="What a write of this business made.",
        tags=["messages"],
        answers={200: shapes.RequestMessages},
        errors=(403, 404),
        path_text=("request_id",),
    )
    def by_request_in_business(self, request: Request, given: Given, business_id: int, request_id: str) -> Response:
        return _by_request(request_id, business_id)

    @endpoint(
        summary="Get a message with its history and trace",
        operation_id="messages_get",
        description="`history` is each status with its time and source, `trace` why it went as it did.",
        tags=["messages"],
        answers={200: shapes.MessageDetail},
        errors=(404,),
    )
    def retrieve(self, request: Request, given: Given, message_id: int) -> Response:
        rows = reading.messages_by_ids([message_id])
        if not rows or caller(request).business_id not in {None, rows[0]["business_id"]}:
            raise NotFound("There is no such message.")
        return Response(message_object(rows[0]) | explaining.explain(rows[0]))

    @endpoint(
        summary="Cancel a message that has not been handed over",
        operation_id="messages_cancel",
        description="Surely not sent, or 409 `already_handed_over`; never a maybe.",
        tags=["messages"],
        answers={200: shapes.Canceled},
        errors=(404, 409),
    )
    def cancel(self, request: Request, given: Given, message_id: int) -> Response:
        retrying.cancel_message(message_id=message_id, business_id=caller(request).business_id)
        return Response({"message_id": message_id, "status": "canceled"})


def _retried(body: shapes.Retry, business_id: int | None) -> Response:
    wanted = retrying.Wanted(**body.model_dump(exclude={"business_id"}), business_id=business_id)
    return Response(asdict(retrying.retry_failed(wanted)), status=202)


def _by_request(request_id: str, business_id: int | None) -> Response:
    if not REQUEST_ID.match(request_id):
        raise parameter_error("request_id", "must be 1 to 128 characters of A-Z a-z 0-9 . _ : -", "path")
    narrowing = reading.Narrowing(["m.request_id = %(request)s::text"], {"request": request_id})
    if business_id is not None:
        narrowing.add("m.business_id = %(business)s::bigint", business=business_id)
    rows = reading.message_rows(narrowing, BY_ID, limit=100)
    if not rows:
        raise NotFound("No message was made by this request_id.")
    return Response({"request_id": request_id, "results": [message_object(row) for row in rows]})
