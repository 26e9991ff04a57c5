"""Carries out a fault on one request, the same way for both carriers; only their words differ."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

LONGEST_HOLD_SECONDS = 60
LOOK_EVERY_SECONDS = 0.2
GARBAGE = b"<<<<<<< omega \x00\xff not json {{{"
HTML_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
REFUSALS = {"429": 429, "500": 500, "503": 503, "401": 401, "404": 404}
DROP_AT_CLOSE = struct.pack("ii", 1, 0)

Accept = Callable[[int | None], Awaitable[web.StreamResponse]]


class Words(Protocol):
    """A carrier's own bodies for what it refuses."""

    good_status: int

    def refusal(self, status: int) -> web.Response:
        """The answer for 401, 404, 429, 500 or 503."""

    def rejection(self, code: int | None) -> web.Response | None:
        """The answer for a code that is refused at once; None for one that is accepted and fails later."""


async def carry_out(
    request: web.Request,
    mode: str,
    *,
    words: Words,
    accept: Accept,
    code: int | None = None,
    slow_ms: int = 0,
    retry_after: int | None = None,
    accepted: bool = False,
) -> web.StreamResponse:
    """Answer one request as the mode says. `accept(code)` takes the message and gives the true answer."""
    if mode == "none":
        return await accept(None)
    if mode in REFUSALS:
        return _with_retry_after(words.refusal(REFUSALS[mode]), retry_after)
    if mode == "502":
        return web.Response(status=502, body=HTML_502, content_type="text/html")
    if mode == "reject":
        return words.rejection(code) or await accept(code)
    if mode in {"garbage", "empty"}:
        return await _nonsense(mode, words, accept, accepted)
    if mode in {"timeout", "cut"}:
        return await _unanswered(request, mode)
    return await _accepted_badly(request, mode, accept, slow_ms)


def _with_retry_after(response: web.Response, seconds: int | None) -> web.Response:
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


async def _nonsense(mode: str, words: Words, accept: Accept, accepted: bool) -> web.Response:
    if accepted:
        await accept(None)
    body = GARBAGE if mode == "garbage" else b""
    return web.Response(status=words.good_status, body=body, content_type="application/json")


async def _unanswered(request: web.Request, mode: str) -> web.StreamResponse:
    if mode == "timeout":
        until = time.monotonic() + LONGEST_HOLD_SECONDS
        while time.monotonic() < until and not _gone(request):
            await asyncio.sleep(LOOK_EVERY_SECONDS)
    return cut(request)


async def _accepted_badly(request: web.Request, mode: str, accept: Accept, slow_ms: int) -> web.StreamResponse:
    answer = await accept(None)
    if mode == "accept_then_cut":
        return cut(request)
    if mode == "drip":
        return await _drip(request, answer, slow_ms / 60_000)
    await asyncio.sleep(slow_ms / 1000)
    return answer


async def _drip(request: web.Request, answer: web.StreamResponse, pause: float) -> web.StreamResponse:
    """One byte at a time: each read succeeds, so that only a deadline over the whole call notices."""
    body = bytes(answer.body or b"") if isinstance(answer, web.Response) else b""  # type: ignore[arg-type]
    drip = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"} | dict(answer.headers))
    drip.content_length = len(body)
    await drip.prepare(request)
    for at in range(len(body)):
        if _gone(request):
            break
        await drip.write(body[at : at + 1])
        await asyncio.sleep(pause)
    return drip


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def cut(request: web.Request) -> web.Response:
    """Reset the connection without a byte of an answer."""
    transport = request.transport
    if transport is not None:
        line = transport.get_extra_info("socket")
        if line is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DROP_AT_CLOSE)
        transport.abort()
    return web.Response(status=500)
