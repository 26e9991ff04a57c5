"""The way into SendGrid's resources of domains and senders: latency, the key and faults, then the handler."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.mishaps import carry_out
from sandbox.sendgrid.errors import JSON, SendGridWords, errors, rate_headers
from sandbox.sendgrid.sending import authorised
from sandbox.twilio.door import Handler


class Asked:
    """One request that was let in."""

    def __init__(self, request: web.Request, raw: bytes) -> None:
        self.request, self.raw = request, raw
        self.carrier: Carrier = request.app[CARRIER]

    def object(self) -> dict[str, Any]:
        """The body's JSON object; an empty one where there is none."""
        try:
            given = orjson.loads(self.raw or b"{}")
        except orjson.JSONDecodeError:
            return {}
        return given if isinstance(given, dict) else {}

    def answer(self, body: Any, status: int = 200) -> web.Response:
        """A JSON answer as SendGrid's."""
        return web.Response(status=status, body=orjson.dumps(body), headers=JSON | rate_headers())


def refuse(field: str, message: str) -> web.Response:
    """400 about one field."""
    return errors(400, {"message": message, "field": field})


def missing() -> web.Response:
    """404."""
    return errors(404, {"message": "resource not found", "field": None})


def whole(asked: Asked, name: str, default: int) -> int:
    """A whole number of the query, or the default."""
    text = asked.request.query.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else default


def resource(handler: Callable[[Asked], web.Response]) -> Handler:
    """Let a request in and meet the faults; a GET is spared unless they hit reads."""

    async def answered(request: web.Request) -> web.StreamResponse:
        carrier = request.app[CARRIER]
        fault = carrier.faults.sendgrid
        words = SendGridWords(fault.retry_after)
        if fault.latency_ms:
            await asyncio.sleep(fault.latency_ms / 1000)
        if not authorised(carrier, request.headers.get("Authorization", "")):
            return words.refusal(401)
        asked = Asked(request, await request.read())

        async def accept(_code: int | None) -> web.Response:
            return handler(asked)

        return await carry_out(
            request,
            fault.draw(None if request.method == "GET" else str(asked.object().get("domain", ""))),
            words=words,
            accept=accept,
            code=fault.code,
            slow_ms=fault.slow_ms,
            accepted=fault.accepted,
        )

    return answered
