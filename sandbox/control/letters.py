"""POST /handset/email: a client writes to omega, or answers a mail of the ledger."""

import base64
import binascii
from typing import Any

from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.control.answers import as_json, body_of, control, flag_of, known, text_of
from sandbox.faults import ControlError
from sandbox.sendgrid import inbound
from sandbox.sendgrid.events import signature_headers
from sandbox.sendgrid.inbound import File, Letter
from sandbox.sendgrid.mail import Mail
from sandbox.signing import SendGridSigner

WEBHOOK = "email/inbound/sendgrid"
FIELDS = {
    *("from", "to", "subject", "text", "html", "in_reply_to", "attachments"),
    *("headers", "raw", "url", "wait"),
}


@control
async def send_email(request: web.Request) -> web.Response:
    """A client's mail; answers with its Message-ID and what the webhook answered.

    `in_reply_to` is a Message-ID, or the id of a ledger's mail: then `to` and `subject` follow from that.
    `raw` posts the whole MIME mail, `headers` adds some (Auto-Submitted, say), `url` sends it elsewhere.
    """
    carrier, given = request.app[CARRIER], await body_of(request)
    letter = _read(carrier, given)
    try:
        mime = inbound.as_mime(letter)
    except ValueError as fault:
        raise ControlError(f"This makes no mail: {fault}.") from fault
    raw = flag_of(given, "raw", default=False)
    body = inbound.raw_form(letter, mime) if raw else inbound.parsed_form(letter, mime)
    url = text_of(given, "url", carrier.settings.omega_url(WEBHOOK))
    headers = _headers(carrier, body)
    if not flag_of(given, "wait", default=True):
        carrier.caller.enqueue(lambda: carrier.caller.post(url, body, headers))
        return as_json({"message_id": mime["Message-ID"], "webhook": None}, 202)
    answer = await carrier.caller.post(url, body, headers)
    webhook = {"status": answer.status, "body": answer.body}
    return as_json({"message_id": mime["Message-ID"], "webhook": webhook})


def _headers(carrier: Carrier, body: bytes) -> dict[str, str]:
    key = carrier.settings.sendgrid_webhook_private_key
    signer = SendGridSigner(key) if key else None
    return {
        "Content-Type": f"multipart/form-data; boundary={inbound.BOUNDARY}",
        "User-Agent": inbound.AGENT,
        **inbound.basic_header(carrier.settings.inbound_email_basic_auth),
        **signature_headers(signer, body),
    }


def _read(carrier: Carrier, given: dict[str, Any]) -> Letter:
    known(given, FIELDS)
    replied = text_of(given, "in_reply_to", "")
    mail = _mail(carrier, replied) if replied and "@" not in replied else None
    letter = Letter(
        sender=text_of(given, "from", mail.to if mail else ""),
        to=text_of(given, "to", (mail.reply_to or mail.from_) if mail else ""),
        subject=text_of(given, "subject", f"Re: {mail.subject}" if mail else ""),
        text=text_of(given, "text", ""),
        html=text_of(given, "html", ""),
        in_reply_to=mail.headers.get("Message-ID", f"<{mail.sid}@geopod-ismtpd-3>") if mail else replied,
        headers=_more_headers(given.get("headers") or {}),
        files=_files(given.get("attachments") or []),
    )
    if "@" not in letter.sender or "@" not in letter.to:
        raise ControlError("from and to must be mail addresses.")
    if any("\n" in line or "\r" in line for line in (letter.sender, letter.to, letter.subject, letter.in_reply_to)):
        raise ControlError("from, to, subject and in_reply_to must be one line each.")
    return letter


def _mail(carrier: Carrier, sid: str) -> Mail:
    for entry in reversed(carrier.ledger.entries):
        if entry.sid == sid and isinstance(entry, Mail):
            return entry
    raise ControlError("in_reply_to must be a Message-ID, or the id of a mail in the ledger.")


def _more_headers(given: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, dict) or not all(isinstance(v, str) and "\n" not in v for v in given.values()):
        raise ControlError("headers must be an object of one-line texts.")
    return tuple(given.items())


def _files(given: Any) -> tuple[File, ...]:
    try:
        return tuple(
            File(
                str(item["name"]),
                item.get("content_type") or "application/octet-stream",
                base64.b64decode(item["content_base64"], validate=True),
            )
            for item in given
        )
    except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as fault:
        raise ControlError("Each of attachments must have name, content_type and content_base64.") from fault
