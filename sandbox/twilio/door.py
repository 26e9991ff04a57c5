"""The way into Twilio's resources: latency, credentials and faults come first, then the handler."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.mishaps import carry_out
from sandbox.twilio.errors import JSON, TwilioError, TwilioWords, answer

SUBJECTS = ("To", "PhoneNumber", "FriendlyName", "AreaCode")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked:
    """One request that was let in: whose account it is about, and its form."""

    def __init__(self, request: web.Request, raw: bytes = b"") -> None:
        self.request, self.raw = request, raw
        self.carrier: Carrier = request.app[CARRIER]
        self.caller = request.headers.get("Authorization")

    @property
    def account(self) -> str:
        """The account in the path; the main one where the path names none."""
        return self.request.match_info.get("account", self.carrier.accounts.main_sid)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The form's fields in order; a list repeats its name."""
        return parse_qsl(self.raw.decode("utf-8", "replace"), keep_blank_values=True)

    @cached_property
    def form(self) -> dict[str, str]:
        """The form's fields, the last of each name."""
        return dict(self.pairs)

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's fields, names with < and > as they are."""
        return dict(parse_qsl(self.request.query_string, keep_blank_values=True))

    def name(self, part: str) -> str:
        """A part of the path."""
        return self.request.match_info[part]


Answering = Callable[[Asked], web.Response]


def as_json(body: dict[str, Any], status: int = 200) -> web.Response:
    """A JSON answer as Twilio's."""
    return web.Response(status=status, body=orjson.dumps(body), headers=JSON)


async def admitted(request: web.Request) -> web.StreamResponse | None:
    """The answer that ends a read early (credentials, or a fault set to hit reads); None to go on."""
    carrier, fault = request.app[CARRIER], request.app[CARRIER].faults.twilio
    refused = await _let_in(request)
    if refused is not None:
        return refused
    mode, code, slow_ms = carrier.mishap(fault, None)
    if mode == "none":
        return None
    if mode in {"slow", "drip"}:
        await asyncio.sleep(slow_ms / 1000)
        return None
    return await carry_out(
        request,
        "cut" if mode == "accept_then_cut" else mode,
        words=TwilioWords(),
        accept=_nothing,
        code=code,
        retry_after=fault.retry_after,
    )


async def _let_in(request: web.Request) -> web.Response | None:
    carrier = request.app[CARRIER]
    if carrier.faults.twilio.latency_ms:
        await asyncio.sleep(carrier.faults.twilio.latency_ms / 1000)
    caller, account = request.headers.get("Authorization"), request.match_info.get("account")
    accounts = carrier.accounts
    refusal = accounts.stranger(caller) if account is None else accounts.refusal(caller, account)
    return answer(refusal) if refusal else None


async def _nothing(_code: int | None) -> web.Response:
    return answer(20500)


def _attempt(handler: Answering, asked: Asked) -> web.Response:
    try:
        return handler(asked)
    except TwilioError as refused:
        return answer(refused.code, **refused.words)


def reads(handler: Answering) -> Handler:
    """A GET: spared by faults unless they hit reads."""

    async def answered(request: web.Request) -> web.StreamResponse:
        early = await admitted(request)
        return _attempt(handler, Asked(request)) if early is None else early

    return answered


def writes(handler: Answering) -> Handler:
    """A POST or DELETE: meets the faults that a send meets; `to` aims at a number or a FriendlyName."""

    async def answered(request: web.Request) -> web.StreamResponse:
        refused = await _let_in(request)
        if refused is not None:
            return refused
        asked = Asked(request, await request.read())
        return await _carried_out(handler, asked)

    return answered


async def _carried_out(handler: Answering, asked: Asked) -> web.StreamResponse:
    fault = asked.carrier.faults.twilio
    subject = next((asked.form[name] for name in SUBJECTS if asked.form.get(name)), "")

    async def accept(_code: int | None) -> web.Response:
        return _attempt(handler, asked)

    return await carry_out(
        asked.request,
        fault.draw(subject),
        words=TwilioWords(subject, asked.form.get("From", "")),
        accept=accept,
        code=fault.code,
        slow_ms=fault.slow_ms,
        retry_after=fault.retry_after,
        accepted=fault.accepted,
    )
