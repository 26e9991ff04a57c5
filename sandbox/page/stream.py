"""GET /events: server-sent events, so that a text appears on the page when it is accepted."""

import asyncio

from aiohttp import web

from sandbox.carrier import CARRIER

BEAT_SECONDS = 15
MOST_PAGES = 64


async def events(request: web.Request) -> web.StreamResponse:
    """Batches of changes as JSON lists until the browser leaves; a comment keeps the line open."""
    hub = request.app[CARRIER].hub
    if len(hub.listeners) >= MOST_PAGES:
        raise web.HTTPServiceUnavailable(text="Too many pages are open.")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    listener = hub.listen()
    try:
        await response.write(b"retry: 1000\n\n")
        while listener in hub.listeners and not hub.closed:
            batch = await _next(listener)
            if batch is None:
                break
            await response.write(batch)
    except ConnectionError:
        pass  # the browser has left
    finally:
        hub.listeners.discard(listener)
    return response


async def _next(listener: asyncio.Queue[bytes | None]) -> bytes | None:
    try:
        batch = await asyncio.wait_for(listener.get(), BEAT_SECONDS)
    except TimeoutError:
        return b": beat\n\n"
    return None if batch is None else b"data: " + batch + b"\n\n"
