"""GET /media/{sid}/{at}: the bytes behind a message's media, from the store or from the app's own URL."""

import aiohttp
from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.media import MOST_BYTES, Media

FETCH_SECONDS = 10
SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"}
ALONE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


async def picture(request: web.Request) -> web.Response:
    """Serve one file; what is no picture is a download, and nothing in it can run."""
    carrier = request.app[CARRIER]
    text = carrier.ledger.by_sid.get(request.match_info["sid"])
    at = int(request.match_info["at"])
    if text is None or at >= len(text.media):
        raise web.HTTPNotFound
    kept = carrier.media.get(text.media[at].rpartition("/")[2])
    if text.inbound and kept is None:
        raise web.HTTPNotFound
    media = kept or Media("", "", url=text.media[at])
    if media.url:
        media = await _fetch(carrier, media)
    headers = ALONE | ({} if media.content_type in SHOWN else {"Content-Disposition": "attachment"})
    return web.Response(body=media.data, content_type=media.content_type, headers=headers)


async def _fetch(carrier: Carrier, media: Media) -> Media:
    try:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        async with carrier.caller.session.get(media.url, timeout=timeout) as answer:
            data = await answer.content.read(MOST_BYTES)
            while len(data) < MOST_BYTES and (more := await answer.content.read(MOST_BYTES - len(data))):
                data += more
            found = answer.status < 400
            content_type = answer.content_type
    except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
        raise web.HTTPBadGateway(text="The media's address does not answer.") from fault
    if not found:
        raise web.HTTPNotFound
    return Media(media.sid, content_type, data)
