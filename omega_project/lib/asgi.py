"""What programs with an event loop share: threads that ask the database, and who may listen from another port."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Headers = list[tuple[bytes, bytes]]


class Asking:
    """Some threads, each with a database connection of its own: what waits in one never holds the loop up."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, name)

    async def __call__(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(_guarded, work, *args))


def _guarded(work: Callable[..., T], *args: Any) -> T:
    """Run `work`; a connection that the database has cut is made anew next time."""
    try:
        return work(*args)
    except (DatabaseError, InterfaceError):
        connection.close()
        raise


async def until_gone(receive: Receive, then: Callable[[], object]) -> None:
    """Wait for the client to leave, and do `then`."""
    while (await receive())["type"] != "http.disconnect":
        continue
    then()


def for_pages_of_ours(scope: Scope) -> Headers | None:
    """The headers that let a page of ours hear us from another port of its host; None for a page that is not ours."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin:
        return []
    host = headers.get(b"host", b"").decode("latin-1").rpartition(":")[0]
    is_demo = settings.DEBUG and urlsplit(origin).hostname == host
    if origin != settings.PUBLIC_BASE_URL and not is_demo:
        return None
    return [(b"access-control-allow-origin", origin.encode()), (b"access-control-allow-credentials", b"true")]
