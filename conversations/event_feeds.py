"""The newest events of a business that somebody listens to, written once for all who do, and how far each has come."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

MOST_KEPT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Told:
    """Changes as events, each with its place, and the place that they reach."""

    events: list[tuple[int, bytes]]
    position: int
    # Whether something before them is kept no longer.
    is_broken: bool = False


@dataclass(eq=False, slots=True)
class Listener:
    """One open connection; `position` is how far it has been told."""

    business_id: int
    key: tuple[int, int | None]
    position: int
    is_over: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self) -> None:
        self.is_over = True
        self.woken.set()


class Feed:
    """A business's newest events, and who listens."""

    def __init__(self, position: int) -> None:
        self.listeners: set[Listener] = set()
        self.begin(position)

    def begin(self, position: int) -> None:
        """Nothing is kept. All that comes behind `floor` will be, as far as `position`."""
        self.position = self.floor = position
        self.recent: deque[tuple[int, bytes]] = deque()
        self.size = 0

    def add(self, told: Told) -> None:
        """Keep what is new, and let go of the oldest."""
        self.recent.extend(told.events)
        self.size += sum(len(chunk) for _, chunk in told.events)
        self.position = told.position
        while self.size > MOST_KEPT_BYTES:
            self.floor, chunk = self.recent.popleft()
            self.size -= len(chunk)

    def after(self, position: int) -> Told | None:
        """What is behind a place; None where not all of it is kept."""
        if position < self.floor:
            return None
        found = []
        for one in reversed(self.recent):
            if one[0] <= position:
                break
            found.append(one)
        return Told(found[::-1], max(position, self.position))
