"""The page's paths."""

from aiohttp import web

from sandbox.page import files, mails, pictures, stream


def add_routes(router: web.UrlDispatcher) -> None:
    """Put the page on the router."""
    router.add_get("/", files.index)
    router.add_get("/static/{name}", files.static)
    router.add_get("/config", files.config)
    router.add_get("/events", stream.events)
    router.add_get(r"/media/{sid}/{at:\d{1,2}}", pictures.picture)
    router.add_get("/mailbox/{address}/{sid}/page", mails.page)
    router.add_get("/mailbox/{address}/{sid}/source", mails.source)
    router.add_get(r"/mails/{sid}/attachments/{at:\d{1,3}}", mails.attachment)
