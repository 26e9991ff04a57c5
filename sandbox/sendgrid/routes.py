"""SendGrid's paths, as in its own API."""

from aiohttp import web

from sandbox.sendgrid import sending


def add_routes(router: web.UrlDispatcher) -> None:
    """Put SendGrid's half on the router."""
    router.add_post("/v3/mail/send", sending.send)
