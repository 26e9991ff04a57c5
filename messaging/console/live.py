"""The windows that live: one task looks for what changed, and tells every open window of the business.

An ASGI application for a process of its own: a window holds its connection for hours, and a web worker has one thread.
It only reads; what a window then shows it fetches from the web, where permissions are asked anew.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from io import BytesIO

import redis.asyncio
import structlog
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django_otp.middleware import OTPMiddleware
from redis.exceptions import RedisError

from accounts.admin_door import let_in
from conversations.services import changes, presence
from messaging.console.news_stream import MOST_LINES, RETRY_MS, backlog, event, place_of, told
from messaging.console.rooms import VIEW, number
from omega_project.lib.asgi import Asking, Headers, Receive, Scope, Send, for_pages_of_ours, until_gone
from omega_project.lib.reach import reach_of

log = structlog.get_logger(__name__)
PATH = "/admin/inbox/live/"
TICK_SECONDS, BEAT_SECONDS, RECHECK_SECONDS = 0.25, 15.0, 60.0
MOST_WINDOWS, MOST_OF_ONE = 2000, 30
# A window that takes nothing is let go; its browser comes back and goes on from its place.
_MOST_WAITING = 256
_BEAT = b": here\n\n"


@dataclass(eq=False, slots=True)
class Window:
    """One open connection; `position` is how far it has been told."""

    scope: Scope
    business_id: int
    login: int
    after: int | None
    position: int | None = None  # not known while it is told what it missed
    early: list[changes.Line] = field(default_factory=list)
    checked: float = field(default_factory=time.monotonic)
    beat: float = field(default_factory=time.monotonic)
    waiting: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_MOST_WAITING))

    def tell(self, chunk: bytes | None) -> None:
        """Put something in its way; where it takes nothing any more, its end."""
        try:
            self.waiting.put_nowait(chunk)
        except asyncio.QueueFull:
            while not self.waiting.empty():
                self.waiting.get_nowait()
            self.waiting.put_nowait(None)

    def hear(self, lines: list[changes.Line]) -> None:
        """Tell it what it has not been told yet; while that is not known, keep it."""
        if self.position is None:
            self.early += lines
            return
        place = self.position
        if fresh := [one for one in lines if one.position > place]:
            self.position = fresh[-1].position
            self.tell(told(fresh))


class Hub:
    """All windows of this process, by business, and how far each business's feed has been read."""

    def __init__(self) -> None:
        self.windows: dict[int, set[Window]] = defaultdict(set)
        self.positions: dict[int, int] = {}
        # A thread each with a connection of its own: a look for news never waits behind a crowd that logs in.
        self._reading = Asking(1, "live-news")
        self.ask = Asking(2, "live-doors")
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to look, in the loop that runs; once."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._for_ever(one)) for one in (self._news, self._presences, self._tend)
            ]

    def count(self, login: int | None = None) -> int:
        return sum(1 for some in self.windows.values() for one in some if login in {None, one.login})

    async def join(self, window: Window) -> None:
        """Let a window in, and tell it what it missed."""
        self.windows[window.business_id].add(window)
        missed, position = await self.ask(backlog, window.business_id, window.after)
        self.positions.setdefault(window.business_id, position)
        window.tell(f"retry: {RETRY_MS}\n\n".encode() + missed)
        window.position = position
        window.hear(window.early)

    def leave(self, window: Window) -> None:
        others = self.windows[window.business_id]
        others.discard(window)
        if not others:
            del self.windows[window.business_id]
            self.positions.pop(window.business_id, None)

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (DatabaseError, InterfaceError, RedisError, OSError) as error:
                log.warning("live.interrupted", error=type(error).__name__)
                await asyncio.sleep(1.0)

    async def _news(self) -> None:
        """Look once; every window hears what is new in its business."""
        await asyncio.sleep(TICK_SECONDS)
        if not self.positions:
            return
        found = await self._reading(_look, dict(self.positions))
        for business_id, (lines, position) in found.items():
            if business_id not in self.positions:
                continue
            self.positions[business_id] = position
            for window in list(self.windows.get(business_id, ())):
                if lines is None:
                    window.position = position
                    window.tell(event("anew", {}, position))
                else:
                    window.hear(lines)

    async def _presences(self) -> None:
        """Who looks and who types, as Redis tells it."""
        line = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            async with line.pubsub() as heard:
                await heard.psubscribe(presence.channel_of("*"))
                async for message in heard.listen():
                    if message["type"] == "pmessage":
                        self._pass_on(message["channel"].decode(), message["data"])
        finally:
            await line.aclose()

    def _pass_on(self, channel: str, data: bytes) -> None:
        business_id = number(channel.rpartition(":")[2]) or 0
        chunk = b"event: here\ndata: " + data.replace(b"\n", b" ") + b"\n\n"
        for window in list(self.windows.get(business_id, ())):
            window.tell(chunk)

    async def _tend(self) -> None:
        """Keep connections from falling asleep, and end those whose log-in is over."""
        await asyncio.sleep(1.0)
        now = time.monotonic()
        for window in [one for some in self.windows.values() for one in some]:
            if now - window.beat > BEAT_SECONDS:
                window.beat = now
                window.tell(_BEAT)
            if now - window.checked > RECHECK_SECONDS:
                window.checked = now
                if not isinstance(await self.ask(_let_in, window.scope), Window):
                    window.tell(event("over", {}))
                    window.tell(None)


def _look(positions: dict[int, int]) -> dict[int, tuple[list[changes.Line] | None, int]]:
    """By business: what is new and the place reached; None for the lines where some are kept no longer."""
    found: dict[int, tuple[list[changes.Line] | None, int]] = {}
    for business_id in changes.stirred(positions):
        try:
            lines = changes.lines(business_id=business_id, after=positions[business_id], limit=MOST_LINES)
        except changes.Forgotten:
            found[business_id] = (None, changes.end(business_id))
            continue
        if lines:
            found[business_id] = (lines, lines[-1].position)
    return found


def _let_in(scope: Scope) -> Window | int:
    """A window for a person who may see the inbox that they ask for; else the status of the refusal."""
    made: list[Window | int] = []

    def view(request: HttpRequest) -> HttpResponse:
        made.append(_window(request, scope))
        return HttpResponse()

    # The doors of the admin's own pages, in their order.
    SessionMiddleware(AuthenticationMiddleware(OTPMiddleware(view)))(ASGIRequest(scope, BytesIO()))
    return made[0]


def _window(request: HttpRequest, scope: Scope) -> Window | int:
    if not let_in(request):
        return 401
    reach, wanted = reach_of(request), number(request.GET.get("business")) or 0
    is_theirs = reach.is_everything or reach.business_id == wanted
    if not wanted or not is_theirs or not request.user.has_perm(VIEW):
        return 403
    return Window(scope, wanted, request.user.pk or 0, place_of(request))


class Live:
    """The application: `GET /admin/inbox/live/`, and `/health` for whoever keeps it running."""

    def __init__(self) -> None:
        self.hub = Hub()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.hub.start()
        if scope["path"] == "/health":
            await _answer(send, 200, b"ok")
        elif scope["path"] != PATH or scope["method"] != "GET":
            await _answer(send, 404)
        else:
            await self._listen(scope, receive, send)

    async def _listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = for_pages_of_ours(scope)
        if allowed is None:
            return await _answer(send, 403)
        try:
            found = await self.hub.ask(_let_in, scope)
            if not isinstance(found, Window):
                return await _answer(send, found, headers=allowed)
            if self.hub.count() >= MOST_WINDOWS or self.hub.count(found.login) >= MOST_OF_ONE:
                return await _answer(send, 503, headers=allowed)
            return await self._hold(found, receive, send, allowed)
        except (DatabaseError, InterfaceError):
            return await _answer(send, 503, headers=allowed)

    async def _hold(self, window: Window, receive: Receive, send: Send, allowed: Headers) -> None:
        """Tell the window everything until its browser, its session or its patience ends."""
        gone = asyncio.create_task(until_gone(receive, lambda: window.tell(None)))
        try:
            await self.hub.join(window)
            await send({"type": "http.response.start", "status": 200, "headers": [*_STREAM, *allowed]})
            while (chunk := await window.waiting.get()) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except OSError:
            return
        finally:
            gone.cancel()
            self.hub.leave(window)


_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Origin, Cookie"),
]


async def _answer(send: Send, status: int, body: bytes = b"", headers: Headers | None = None) -> None:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [kind, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})
