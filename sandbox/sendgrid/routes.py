"""SendGrid's paths, as in its own API."""

from aiohttp import web

from sandbox.sendgrid import lists, sending
from sandbox.sendgrid.suppressions import BLOCKS, REASONS


def add_routes(router: web.UrlDispatcher) -> None:
    """Put SendGrid's half on the router."""
    router.add_post("/v3/mail/send", sending.send)
    one_of = "|".join((*REASONS, BLOCKS))
    router.add_get(f"/v3/suppression/{{list:{one_of}}}", lists.show)
    router.add_delete(f"/v3/suppression/{{list:{one_of}}}", lists.remove_many)
    router.add_get(f"/v3/suppression/{{list:{one_of}}}/{{email}}", lists.find)
    router.add_delete(f"/v3/suppression/{{list:{one_of}}}/{{email}}", lists.remove)
    router.add_delete("/v3/asm/suppressions/global/{email}", lists.remove)
