"""POST /v3/mail/send: 202 with an X-Message-Id and no body, or SendGrid's errors."""

import asyncio
import contextlib
import secrets
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.mishaps import carry_out
from sandbox.sendgrid import view
from sandbox.sendgrid.errors import CRYPTIC, TOO_LARGE, MailError, SendGridWords, errors, rate_headers
from sandbox.sendgrid.events import Courier
from sandbox.sendgrid.mail import Copy, Mail
from sandbox.sendgrid.steps import UNVERIFIED, magic_of, name_of
from sandbox.sendgrid.validation import check

LARGEST_MAIL = 30 * 1024 * 1024


async def send(request: web.Request) -> web.StreamResponse:
    """Answer one mail/send."""
    carrier = request.app[CARRIER]
    fault = carrier.faults.sendgrid
    words = SendGridWords(fault.retry_after)
    if fault.latency_ms:
        await asyncio.sleep(fault.latency_ms / 1000)
    refused = refuse_caller(request) or await _refuse_size(request)
    if refused is not None:
        return refused
    try:
        mail = _mail(check(_parse(await request.read())))
    except MailError as found:
        return errors(400, *found.faults)
    except UnicodeDecodeError:
        return words.refusal(415)
    if carrier.faults.magic and name_of(mail.from_) == UNVERIFIED:
        return words.refusal(403)
    mode, code, slow_ms = _mishap(carrier, mail)
    return await carry_out(
        request,
        mode,
        words=words,
        accept=partial(_take, request.app[COURIER], mail),
        code=code,
        slow_ms=slow_ms,
        accepted=fault.accepted,
    )


def _mishap(carrier: Carrier, mail: Mail) -> tuple[str, int | None, int]:
    """What befalls the request: the fault in force, else the first recipient whose magic says so."""
    fault, recipients = carrier.faults.sendgrid, mail.recipients
    mode = fault.draw_any(list(recipients))
    if mode != "none" or not carrier.faults.magic:
        return mode, fault.code, fault.slow_ms
    for address in recipients:
        magic = magic_of(address)
        if magic and magic.mode != "none" and not (magic.times and not carrier.still_failing(address, magic.times)):
            return magic.mode, None, magic.slow_ms
    return "none", None, 0


def authorised(carrier: Carrier, header: str) -> bool:
    """The configured key; where none is configured, any key."""
    kind, _, key = header.partition(" ")
    expected = carrier.settings.sendgrid_api_key.encode()
    return kind == "Bearer" and bool(key) and (not expected or secrets.compare_digest(key.encode(), expected))


def refuse_caller(request: web.Request) -> web.Response | None:
    """401 for whoever has no key."""
    known = authorised(request.app[CARRIER], request.headers.get("Authorization", ""))
    return None if known else SendGridWords().refusal(401)


async def _refuse_size(request: web.Request) -> web.Response | None:
    with contextlib.suppress(web.HTTPRequestEntityTooLarge):
        if len(await request.read()) <= LARGEST_MAIL:
            return None
    return web.Response(status=413, body=TOO_LARGE, content_type="text/html")


def _parse(raw: bytes) -> Any:
    raw.decode()  # the real one says 415 to what is no UTF-8
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise MailError(CRYPTIC) from fault


def _mail(given: dict[str, Any]) -> Mail:
    try:
        return Mail(secrets.token_urlsafe(16), given)
    except (TypeError, AttributeError, KeyError) as fault:  # a value of a type that no rule names
        raise MailError(CRYPTIC) from fault


COURIER: web.AppKey[Courier] = web.AppKey("courier", Courier)


async def _take(courier: Courier, mail: Mail, code: int | None) -> web.Response:
    """Accept a mail into the ledger and the mailboxes, and let it take its course."""
    if mail.sandboxed:
        return web.Response(status=200, headers=rate_headers())
    carrier = courier.carrier
    mail.kept_message_id = not carrier.faults.own_message_id
    carrier.ledger.accept(mail)
    carrier.mailboxes.receive(mail)
    for copy in mail.copies:
        carrier.hub.tell(partial(_shown, copy))
    if carrier.faults.callbacks.before_response:
        await courier.run_before_answer(mail.copies, code)
    else:
        courier.start(mail.copies, code)
    return web.Response(status=202, headers={"X-Message-Id": mail.sid} | rate_headers())


def _shown(copy: Copy) -> dict[str, Any]:
    return {"type": "mail", "address": copy.address, "mail": view.line(copy)}
