"""Puts the carrier together: one aiohttp application with both carriers, the control calls and the page."""

from collections.abc import AsyncIterator

from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.control.routes import add_routes as add_control
from sandbox.page.routes import add_routes as add_page
from sandbox.provisioning.applications import seed
from sandbox.provisioning.routes import add_routes as add_provisioning
from sandbox.sendgrid import view
from sandbox.sendgrid.events import Courier
from sandbox.sendgrid.post import POST, Post
from sandbox.sendgrid.routes import add_routes as add_sendgrid
from sandbox.sendgrid.sending import COURIER
from sandbox.settings import Settings
from sandbox.twilio.routes import add_routes as add_twilio
from sandbox.voice.exchange import EXCHANGE, Exchange
from sandbox.voice.routes import add_routes as add_voice

LARGEST_BODY = 40 * 1024 * 1024  # SendGrid takes 30 MB and refuses more in its own words


async def _client(app: web.Application) -> AsyncIterator[None]:
    carrier = app[CARRIER]
    carrier.caller.open()
    yield
    await app[EXCHANGE].close()
    await carrier.caller.close()


async def _let_go(app: web.Application) -> None:
    app[CARRIER].hub.close()
    app[EXCHANGE].devices.forget()


def make_app(settings: Settings) -> web.Application:
    """The application; all state hangs on it."""
    app = web.Application(client_max_size=LARGEST_BODY)
    app[CARRIER] = Carrier(settings)
    seed(app[CARRIER])
    app.cleanup_ctx.append(_client)
    app.on_shutdown.append(_let_go)
    app[COURIER] = Courier(app[CARRIER])
    app[POST] = Post(app[CARRIER], view.line)
    app[EXCHANGE] = Exchange(app[CARRIER])
    add_twilio(app.router)
    add_provisioning(app.router)
    add_voice(app.router)
    add_sendgrid(app.router)
    add_control(app.router)
    add_page(app.router)
    return app
