"""Live updates for the page: changes are gathered for a moment and sent to every open browser."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

GATHER_SECONDS = 0.08
MOST_CHANGES = 200
MOST_WAITING = 64


class Hub:
    """Whoever listens gets batches of changes; a flood is told as `reload` and not as a thousand changes."""

    def __init__(self) -> None:
        self.listeners: set[asyncio.Queue[bytes | None]] = set()
        self._pending: list[Callable[[], dict[str, Any]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.closed = False

    def tell(self, change: Callable[[], dict[str, Any]]) -> None:
        """Note a change; it is rendered only when somebody listens, at the end of the gathering time."""
        if not self.listeners:
            return
        if len(self._pending) <= MOST_CHANGES:
            self._pending.append(change)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._flush)

    def _flush(self) -> None:
        pending, self._pending, self._timer = self._pending, [], None
        if len(pending) > MOST_CHANGES:
            batch = b'[{"type":"reload"}]'
        else:
            batch = orjson.dumps([change() for change in pending])
        for listener in list(self.listeners):
            self._put(listener, batch)

    def _put(self, listener: asyncio.Queue[bytes | None], batch: bytes | None) -> None:
        try:
            listener.put_nowait(batch)
        except asyncio.QueueFull:
            self.listeners.discard(listener)

    def listen(self) -> asyncio.Queue[bytes | None]:
        """A new listener's queue; None in it means that the carrier stops."""
        listener: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_WAITING)
        self.listeners.add(listener)
        return listener

    def close(self) -> None:
        """Tell every listener that the carrier stops."""
        self.closed = True
        for listener in list(self.listeners):
            self._put(listener, None)
