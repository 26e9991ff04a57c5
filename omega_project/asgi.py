"""The ASGI door, for connections that are held open: granian serves everything else by WSGI (docs/architecture.md)."""

import gc
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omega_project.settings")
django.setup()

from conversations.event_streams import EventStreams, is_stream  # noqa: E402  after the set-up
from messaging.console.live import Live  # noqa: E402
from omega_project.lib.asgi import Receive, Scope, Send  # noqa: E402

windows, streams = Live(), EventStreams()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Open windows of the inbox, and event streams of the API."""
    await (streams if is_stream(scope) else windows)(scope, receive, send)


gc.collect()
gc.freeze()
