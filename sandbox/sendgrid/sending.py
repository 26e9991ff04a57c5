"""POST /v3/mail/send: 202 with an X-Message-Id and no body, or SendGrid's errors."""

import asyncio
import secrets
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.mishaps import carry_out
from sandbox.sendgrid.errors import TOO_LARGE, MailError, SendGridWords, errors, rate_headers
from sandbox.sendgrid.events import Courier
from sandbox.sendgrid.mail import Mail, recipients_of
from sandbox.sendgrid.validation import check

LARGEST_MAIL = 30 * 1024 * 1024


async def send(request: web.Request) -> web.StreamResponse:
    """Answer one mail/send."""
    carrier, words = request.app[CARRIER], SendGridWords()
    fault = carrier.faults.sendgrid
    if fault.latency_ms:
        await asyncio.sleep(fault.latency_ms / 1000)
    if not authorised(carrier, request.headers.get("Authorization", "")):
        return words.refusal(401)
    raw = await request.read()
    if len(raw) > LARGEST_MAIL:
        return web.Response(status=413, body=TOO_LARGE, content_type="text/html")
    try:
        given = check(_parse(raw))
    except MailError as refused:
        return errors(400, refused.body)
    mode = fault.draw_any(recipients_of(given))
    return await carry_out(
        request,
        mode,
        words=words,
        accept=partial(_take, request.app[COURIER], given),
        code=fault.code,
        slow_ms=fault.slow_ms,
        retry_after=fault.retry_after,
        accepted=fault.accepted,
    )


def authorised(carrier: Carrier, header: str) -> bool:
    """The configured key; where none is configured, any key."""
    kind, _, key = header.partition(" ")
    expected = carrier.settings.sendgrid_api_key
    return kind == "Bearer" and bool(key) and (not expected or secrets.compare_digest(key, expected))


def _parse(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise MailError("Bad Request", None) from fault


COURIER: web.AppKey[Courier] = web.AppKey("courier", Courier)


async def _take(courier: Courier, given: dict[str, Any], code: int | None) -> web.Response:
    if given.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
        return web.Response(status=200, headers=rate_headers())
    mail = Mail(secrets.token_urlsafe(16), given)
    carrier = courier.carrier
    carrier.ledger.accept(mail)
    carrier.hub.tell(lambda: {"type": "mail"})
    if carrier.faults.callbacks.before_response:
        await courier.run_before_answer(mail, code)
    else:
        courier.start(mail, code)
    return web.Response(status=202, headers={"X-Message-Id": mail.sid} | rate_headers())
