"""Twilio's paths, as in its own API."""

from aiohttp import web

from sandbox.twilio import reading, sending

MESSAGES = "/2010-04-01/Accounts/{account}/Messages"


def add_routes(router: web.UrlDispatcher) -> None:
    """Put Twilio's half on the router; the send comes first, since it is what has to be fast."""
    router.add_post(MESSAGES + ".json", sending.create)
    router.add_get(MESSAGES + ".json", reading.listing)
    router.add_get(MESSAGES + "/{sid}.json", reading.fetch)
    router.add_post(MESSAGES + "/{sid}.json", reading.update)
    router.add_delete(MESSAGES + "/{sid}.json", reading.delete)
    router.add_get(MESSAGES + "/{sid}/Media.json", reading.media_list)
    router.add_get(MESSAGES + "/{sid}/Media/{media}", reading.media)
