"""POST /handset/email: a client writes to omega, or answers a mail of the ledger."""

import asyncio
import base64
import binascii
import re
from email.utils import parseaddr
from functools import partial
from typing import Any

from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.control.answers import as_json, body_of, control, flag_of, known, text_of
from sandbox.faults import ControlError
from sandbox.sendgrid.conventions import CONVENTIONS, Convention, Original
from sandbox.sendgrid.letter import Letter
from sandbox.sendgrid.mail import Attachment, Copy, Mail
from sandbox.sendgrid.post import POST, WEBHOOK

FIELDS = {
    *("from", "to", "cc", "subject", "text", "html", "in_reply_to", "attachments", "headers"),
    *("mode", "raw", "convention", "quote", "charset", "mime_base64", "envelope_from", "envelope_to"),
    *("url", "wait", "copies"),
}
MODES = ("parsed", "raw")
CHARSETS = ("utf-8", "iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1252", "windows-1251", "koi8-r", "shift_jis")
CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
MOST_FILES, MOST_BYTES, MOST_COPIES = 50, 28 * 1024 * 1024, 100


@control
async def send_email(request: web.Request) -> web.Response:
    """A client's mail; answers with its Message-ID and what the webhook answered at the first try.

    `in_reply_to` is a Message-ID, or the id of a ledger's mail: then `from`, `to` and `subject` follow from that.
    Besides: sandbox/README.md.
    """
    carrier, given = request.app[CARRIER], await body_of(request)
    known(given, FIELDS)
    letter, raw = _read(carrier, given), _is_raw(given)
    url, copies = text_of(given, "url", carrier.settings.omega_url(WEBHOOK)), _copies(given)
    try:
        sent, body = request.app[POST].write(letter, raw=raw)
    except (ValueError, LookupError) as fault:
        raise ControlError(f"This makes no mail: {fault}.") from fault
    call, found = partial(request.app[POST].carry, sent, body, url), {"id": sent.sid, "message_id": letter.message_id}
    if not flag_of(given, "wait", default=True):
        for _ in range(copies):
            carrier.caller.enqueue(call)
        return as_json(found | {"webhook": None}, 202)
    answers = await asyncio.gather(*(call() for _ in range(copies)))
    webhooks = [{"status": answer.status, "body": answer.body} for answer in answers]
    return as_json(found | {"webhook": webhooks[0], "webhooks": webhooks})


def _is_raw(given: dict[str, Any]) -> bool:
    mode = text_of(given, "mode", "raw" if flag_of(given, "raw", default=False) else "parsed")
    if mode not in MODES:
        raise ControlError(f"mode must be one of {', '.join(MODES)}.")
    if "mime_base64" in given and mode != "raw":
        raise ControlError("mime_base64 is a whole mail, so that mode must be raw.")
    return mode == "raw"


def _copies(given: dict[str, Any]) -> int:
    copies = given.get("copies", 1)
    if type(copies) is not int or not 1 <= copies <= MOST_COPIES:
        raise ControlError(f"copies must be 1 to {MOST_COPIES}.")
    return copies


def _read(carrier: Carrier, given: dict[str, Any]) -> Letter:
    replied = text_of(given, "in_reply_to", "")
    mail = _mail(carrier, replied) if replied else None
    copy = _copy(mail, given) if mail else None
    convention = _convention(given)
    sender = text_of(given, "from", copy.person.header if copy else "")
    text, markup = _bodies(given, convention, copy)
    letter = Letter(
        sender=sender,
        to=text_of(given, "to", ", ".join(mail.reply_to) or mail.from_ if mail else ""),
        cc=text_of(given, "cc", ""),
        subject=text_of(given, "subject", _answering(copy.subject) if copy else ""),
        text=text,
        html=markup,
        message_id=convention.message_id(parseaddr(sender)[1].partition("@")[2] or "example.net"),
        in_reply_to=mail.message_id if mail else replied,
        references=_references(mail) if mail else replied,
        charset=_charset(given),
        headers=(*_more_headers(given.get("headers") or {}), *(convention.headers if "convention" in given else ())),
        files=_files(given.get("attachments") or []),
        envelope_from=_optional(given, "envelope_from"),
        envelope_to=_optional(given, "envelope_to"),
        raw=_mime(given),
    )
    _check(letter)
    return letter


def _optional(given: dict[str, Any], name: str) -> str | None:
    return text_of(given, name) if given.get(name) is not None else None


def _check(letter: Letter) -> None:
    if "@" not in letter.sender or "@" not in letter.to:
        raise ControlError("from and to must be mail addresses.")
    lines = (letter.sender, letter.to, letter.cc, letter.subject, letter.in_reply_to)
    if any("\n" in line or "\r" in line for line in lines):
        raise ControlError("from, to, cc, subject and in_reply_to must be one line each.")


def _mail(carrier: Carrier, name: str) -> Mail | None:
    """The mail of the ledger with that id or Message-ID; a Message-ID may as well be of another world."""
    found = carrier.mailboxes.mail(name)
    if found is None and "@" not in name:
        raise ControlError("in_reply_to must be a Message-ID, or the id of a mail in the ledger.")
    return found


def _copy(mail: Mail, given: dict[str, Any]) -> Copy:
    """The copy of whoever answers; the first where somebody answers who never got it."""
    return mail.copy_of(parseaddr(text_of(given, "from", ""))[1]) or mail.copies[0]


def _answering(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"


def _references(mail: Mail) -> str:
    found = {name.lower(): value for name, value in mail.parts[0].headers.items()}
    before = found.get("references") or found.get("in-reply-to") or ""
    return f"{before} {mail.message_id}".strip()


def _convention(given: dict[str, Any]) -> Convention:
    name = text_of(given, "convention", "plain")
    if name not in CONVENTIONS:
        raise ControlError(f"convention must be one of {', '.join(CONVENTIONS)}.")
    return CONVENTIONS[name]


def _bodies(given: dict[str, Any], convention: Convention, copy: Copy | None) -> tuple[str, str]:
    """The words as they are, or written as a mail program does, with the original under them where `quote` asks."""
    text, markup = text_of(given, "text", ""), text_of(given, "html", "")
    quote = flag_of(given, "quote", default=False)
    if quote and copy is None:
        raise ControlError("quote needs in_reply_to to name a mail of the ledger.")
    if not quote and "convention" not in given:
        return text, markup
    original = Original.of(copy) if quote and copy else None
    return convention.text(text, original), markup or convention.html(text, original)


def _charset(given: dict[str, Any]) -> str:
    name = text_of(given, "charset", "utf-8").lower()
    if name not in CHARSETS:
        raise ControlError(f"charset must be one of {', '.join(CHARSETS)}.")
    return name


def _mime(given: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(text_of(given, "mime_base64", ""), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise ControlError("mime_base64 must be base64.") from fault


def _more_headers(given: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, dict) or not all(isinstance(v, str) and "\n" not in v for v in given.values()):
        raise ControlError("headers must be an object of one-line texts.")
    return tuple(given.items())


def _files(given: Any) -> tuple[Attachment, ...]:
    if not isinstance(given, list) or len(given) > MOST_FILES:
        raise ControlError(f"attachments must be a list of at most {MOST_FILES}.")
    found = tuple(_file(item) for item in given)
    if sum(file.size for file in found) > MOST_BYTES:
        raise ControlError(f"attachments must have at most {MOST_BYTES} bytes together.")
    return found


def _file(item: Any) -> Attachment:
    try:
        data = base64.b64decode(item["content_base64"], validate=True)
        name, content_type = str(item["name"]), item.get("content_type") or "application/octet-stream"
        content_id = item.get("content_id") or ""
    except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as fault:
        raise ControlError("Each of attachments must have name, content_type and content_base64.") from fault
    if not isinstance(content_type, str) or not CONTENT_TYPE.fullmatch(content_type):
        raise ControlError("content_type must be a type such as image/png.")
    if not isinstance(content_id, str):
        raise ControlError("content_id must be text.")
    return Attachment(name, content_type, data, inline=bool(content_id), content_id=content_id)
