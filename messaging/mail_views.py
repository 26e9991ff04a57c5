"""E-mail over HTTP: sending, recording, and leaving a list by one click."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from rest_framework.request import Request
from rest_framework.response import Response

from messaging import mail_serializers as shapes
from messaging.providers.mail_event import MailEvent
from messaging.serializers import SmsAccepted, StatusApplied
from messaging.services import mail_events, mail_rules, recording, sending, statuses, unsubscribing
from messaging.services.mail_files import GivenFile
from messaging.services.mails import MailToQueue, MailToRecord
from messaging.views import accepted, draft_fields, dry_run, record_fields, report_of
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound
from omega_project.lib.api.examples import asked
from omega_project.lib.reach import everything

_MAIL = {
    "business_id": 12, "to": "ana@example.com", "subject": "Your class on Friday", "text": "See you at 10 on Friday!",
}  # fmt: skip
_CAME = {
    "business_id": 12, "direction": "inbound", "from": "ana@example.com", "subject": "Re: Your class", "text": "Yes!",
}  # fmt: skip


def mail_to_queue(body: shapes.QueueEmail, given: Given, staff_id: int | None) -> MailToQueue:
    return MailToQueue(
        **draft_fields(body, given, staff_id),
        to=body.to,
        sender=body.from_,
        subject=body.subject,
        text=body.text,
        html=body.html or "",
        cc=body.cc,
        bcc=body.bcc,
        reply_to=body.reply_to or "",
        headers=body.headers,
        files=_files(body.attachments),
        in_reply_to=body.in_reply_to,
        fingerprint=given.fingerprint("email/queue"),
    )


def mail_to_record(body: shapes.RecordEmail, given: Given, staff_id: int | None) -> MailToRecord:
    return MailToRecord(
        **record_fields(body, given, staff_id),
        from_=body.from_,
        to=body.to,
        subject=body.subject or "",
        text=body.text,
        html=body.html or "",
        cc=body.cc,
        bcc=body.bcc,
        files=_files(body.attachments),
        provider=body.provider or (settings.EMAIL_PROVIDER if body.provider_message_id else None),
        fingerprint=given.fingerprint("email/record"),
    )


def _files(attachments: list[shapes.Attachment]) -> list[GivenFile]:
    return [
        GivenFile(
            name=one.name or "",
            content_type=one.content_type or "",
            content=mail_rules.content_of(one.content_base64) if one.content_base64 else b"",
            url=one.url or "",
        )
        for one in attachments
    ]


class Email(OmegaViewSet):
    """`/email/…`."""

    @endpoint(
        summary="Queue email for sending and database recording",
        operation_id="email_queue",
        audited=False,
        description=(
            "To a `client_id`, or `to` an address, which makes a client where it is new. A text part is made of the "
            "`html` where there is none. Attachments are files in base64 or URLs; a mail with URLs waits `queued` "
            "until they were fetched. An answer (`in_reply_to`) needs no subject. Replies come back into the "
            "conversation unless `reply_to` says otherwise. `priority: bulk` carries a one-click unsubscribe."
        ),
        examples=[asked(_MAIL)],
        tags=["email"],
        body=shapes.QueueEmail,
        answers={200: shapes.EmailDryRun, 202: SmsAccepted},
        errors=(403, 404, 409, 413),
        idempotent=True,
    )
    def queue(self, request: Request, given: Given) -> Response:
        mail = mail_to_queue(given.body, given, caller(request).staff_id)
        if given.body.dry_run:
            return Response(dry_run(sending.decide(mail)))
        return accepted(sending.queue_message(mail), 202)

    @endpoint(
        summary="Record email message in database without sending",
        operation_id="email_record",
        audited=False,
        description="A mail that went or came by another way. The same `provider_message_id` twice is one message.",
        examples=[asked(_CAME)],
        tags=["email"],
        body=shapes.RecordEmail,
        answers={201: SmsAccepted},
        errors=(403, 404, 409, 413),
        idempotent=True,
    )
    def record(self, request: Request, given: Given) -> Response:
        return accepted(recording.record_message(mail_to_record(given.body, given, caller(request).staff_id)), 201)

    @endpoint(
        summary="Update email delivery status",
        operation_id="email_status",
        description=(
            "A status never moves backwards, but a bounce may follow `delivered`: `applied` says whether it moved. "
            "`opened` and `clicked` make `read`, `bounced` and `dropped` make `undelivered`; `complained` and "
            "`unsubscribed` change the recipient's consent."
        ),
        examples=[asked({"message_id": 901177, "status": "bounced", "error_message": "550 No such user"})],
        tags=["email"],
        body=shapes.EmailStatusUpdate,
        answers={200: StatusApplied},
        errors=(404, 413),
    )
    def status(self, request: Request, given: Given) -> Response:
        body: shapes.EmailStatusUpdate = given.body
        apply = _event if body.status in mail_events.MEANINGS else _plain
        applied = apply(body, caller(request).business_id)
        if applied.message_id is None:
            raise NotFound("There is no such outgoing mail.")
        return Response({"message_id": applied.message_id, "status": applied.status, "applied": applied.applied})


def _event(body: shapes.EmailStatusUpdate, business_id: int | None) -> mail_events.Applied:
    event = MailEvent(
        kind=body.status,
        message_id=body.message_id,
        provider_message_id="" if body.message_id else body.provider_message_id or "",
        at=body.occurred_at,
        code=body.error_code or "",
        reason=body.error_message or "",
    )
    return mail_events.apply_events([event], business_id=business_id)[0]


def _plain(body: shapes.EmailStatusUpdate, business_id: int | None) -> statuses.Applied:
    return statuses.apply_report(report_of(body, body.status, business_id, channel="email"))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@everything()  # the signed token names the mail, and the mail its business
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A mail program's one click is a POST (RFC 8058); a GET, which scanners make too, shows a page that asks."""
    mail = unsubscribing.mail_of(token)
    if mail is None:
        return _page(request, "unknown", {}, 404)
    if request.method != "POST":
        return _page(request, "done" if mail["state"] == "opted_out" else "ask", mail)
    unsubscribing.unsubscribe(mail)
    return _page(request, "done", mail)


def _page(request: HttpRequest, step: str, mail: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(
        request, "messaging/unsubscribe.html", {"step": step, "business": mail.get("business")}, status=status
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    return response
