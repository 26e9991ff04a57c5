"""`…/events` that stay open: an ASGI application, since a web worker has one thread (decision 20).

The API's own view lets a caller in and says what there is; from there on one task looks for what is new in every
business that somebody listens to. It writes each change once for all its listeners, and keeps the newest. Who is behind
those, because he came back or reads slowly, gets his from the database, page by page, as fast as he takes them: no
listener makes anything wait or grow.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from io import BytesIO

import structlog
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.db import DatabaseError, InterfaceError
from django.http.response import HttpResponseBase

from accounts.services.credentials import still_good
from conversations.event_feeds import Feed, Listener, Told
from conversations.event_views import EventStream, event
from conversations.services import changes
from omega_project.lib import reach
from omega_project.lib.api.rendering import dumps
from omega_project.lib.asgi import Asking, Headers, Receive, Scope, Send, for_pages_of_ours, until_gone

log = structlog.get_logger(__name__)
TICK_SECONDS, BEAT_SECONDS, RECHECK_SECONDS = 0.25, 15.0, 2.0
# Who takes nothing for so long is let go; he comes back and goes on from his place.
PATIENCE_SECONDS = 60.0
# At once in this process; by one token; and by one key with all its tokens as the settings say.
MOST, MOST_OF_A_TOKEN = 2000, 20
_PAGE = 50
_BEAT = b": here\n\n"
_WAIT = "5"
_PATH = re.compile(rf"^/{re.escape(settings.OMEGA_URL_PREFIX)}businesses/[^/]+/events/?\Z")


def is_stream(scope: Scope) -> bool:
    """Whether a request is one for these streams."""
    return scope["type"] == "http" and _PATH.match(scope["path"]) is not None


class EventStreams:
    """The application."""

    def __init__(self) -> None:
        self.feeds: dict[int, Feed] = {}
        # Threads with a connection of their own each: a look for news never waits behind a crowd that comes in.
        self._reading = Asking(1, "events-news")
        self._asking = Asking(2, "events-doors")
        self._tasks: list[asyncio.Task[None]] = []
        self._doors = BaseHandler()
        self._doors.load_middleware()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(_for_ever(one)) for one in (self._news, self._recheck)]
        response, body = await self._asking(self._let_in, scope)
        for name, value in for_pages_of_ours(scope) or []:
            response.headers[name.decode()] = value.decode()
        if not isinstance(response, EventStream) or not response.stays:
            await _answer(send, response, b"" if scope["method"] == "HEAD" else body)
        elif refusal := self._refusal(response):
            await _answer(send, response, refusal)
        else:
            await self._hold(response, body, receive, send)

    def _let_in(self, scope: Scope) -> tuple[HttpResponseBase, bytes]:
        """What the API answers, by all its doors."""
        request = ASGIRequest(scope, BytesIO())
        setattr(request, "can_stay", True)  # noqa: B010  Django types it not
        response = self._doors.get_response(request)
        body = b"".join(response)
        response.close()
        return response, body

    def _refusal(self, response: EventStream) -> bytes | None:
        """The body where there are too many already; the response becomes a 429."""
        keys = [one.key for feed in self.feeds.values() for one in feed.listeners]
        of_key = sum(key_id == response.key[0] for key_id, _ in keys)
        of_token = keys.count(response.key) if response.key[1] else 0
        if len(keys) < MOST and of_key < settings.EVENT_STREAMS_PER_KEY and of_token < MOST_OF_A_TOKEN:
            return None
        response.status_code = 429
        response.headers["Content-Type"], response.headers["Retry-After"] = "application/json", _WAIT
        return dumps({"detail": "Too many streams are open with this credential.", "code": "throttled"})

    async def _hold(self, response: EventStream, body: bytes, receive: Receive, send: Send) -> None:
        """Tell a listener everything until its client, its credential or our patience ends."""
        listener = Listener(response.business_id, response.key, response.position)
        feed = self.feeds.setdefault(listener.business_id, Feed(listener.position))
        feed.listeners.add(listener)
        gone = asyncio.create_task(until_gone(receive, listener.end))
        del response.headers["Content-Length"]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _headers_of(response)})
            await _give(send, body)
            await self._tell(feed, listener, send)
            await send({"type": "http.response.body", "body": b""})
        except (OSError, TimeoutError, DatabaseError, InterfaceError, changes.Forgotten) as reason:
            log.info("events.ended", business_id=listener.business_id, reason=type(reason).__name__)
        finally:
            gone.cancel()
            feed.listeners.discard(listener)
            if not feed.listeners:
                self.feeds.pop(listener.business_id, None)

    async def _tell(self, feed: Feed, listener: Listener, send: Send) -> None:
        while not listener.is_over:
            listener.woken.clear()
            told = feed.after(listener.position)
            if told is None:
                told = await self._asking(_written, listener.business_id, listener.position)
            for _, chunk in told.events:
                await _give(send, chunk)
            if told.position == listener.position:
                await _until_woken(listener, send)
            listener.position = told.position

    async def _news(self) -> None:
        """Look once; wake whoever listens to a business in which something is new."""
        await asyncio.sleep(TICK_SECONDS)
        places = {business_id: feed.position for business_id, feed in self.feeds.items()}
        if not places:
            return
        for business_id, told in (await self._reading(_look, places)).items():
            feed = self.feeds.get(business_id)
            if feed is None or feed.position != places[business_id]:
                continue  # a new one, whose first listener came meanwhile
            if told.is_broken:
                feed.begin(told.position)
            else:
                feed.add(told)
            for one in feed.listeners:
                one.woken.set()

    async def _recheck(self) -> None:
        """End the streams whose key or token has expired or was revoked."""
        await asyncio.sleep(RECHECK_SECONDS)
        listeners = [one for feed in self.feeds.values() for one in feed.listeners]
        if not listeners:
            return
        good = await self._reading(still_good, {one.key for one in listeners})
        for one in listeners:
            if one.key not in good:
                one.end()


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception as error:
            # Whatever it was, others still listen.
            log.warning("events.interrupted", error=repr(error))
            await asyncio.sleep(1.0)


def _look(places: dict[int, int]) -> dict[int, Told]:
    """By business, what is new behind these places; where some of that is kept no longer, the end."""
    found = {}
    for business_id in changes.stirred(places):
        try:
            found[business_id] = _written(business_id, places[business_id])
        except changes.Forgotten:
            found[business_id] = Told([], changes.end(business_id), is_broken=True)
    return found


def _written(business_id: int, position: int) -> Told:
    """Some of the changes behind a place, as events. Raises Forgotten."""
    with reach.one_business(business_id):
        page = changes.read(business_id=business_id, after=position, limit=_PAGE)
    return Told([(one.position, event(business_id, one)) for one in page.changes], page.position)


async def _until_woken(listener: Listener, send: Send) -> None:
    try:
        async with asyncio.timeout(BEAT_SECONDS):
            await listener.woken.wait()
    except TimeoutError:
        await _give(send, _BEAT)


async def _give(send: Send, chunk: bytes) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _answer(send: Send, response: HttpResponseBase, body: bytes) -> None:
    response.headers["Content-Length"] = str(len(body))
    await send({"type": "http.response.start", "status": response.status_code, "headers": _headers_of(response)})
    await send({"type": "http.response.body", "body": body})


def _headers_of(response: HttpResponseBase) -> Headers:
    found = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    return found + [(b"set-cookie", one.output(header="").strip().encode()) for one in response.cookies.values()]
