"""Claims made ready to be handed over, whatever their channels: what they need is loaded a batch at a time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from messaging.providers.base import Outcome, SendResult
from messaging.services import mail_handover, text_handover
from messaging.services.claiming import Claim
from messaging.services.prepared import NotReady, Prepared

_PREPARE: dict[str, Callable[[list[Claim]], list[Prepared]]] = {
    "sms": text_handover.prepare,
    "email": mail_handover.prepare,
}
# Bytes of files in memory at once, whatever the number of threads; on its way each takes some four times that.
MOST_BYTES = 48_000_000


def prepare(claims: list[Claim]) -> list[Prepared]:
    """Each claim made ready, in their order. Asks the database, a statement a channel at most."""
    by_channel: dict[str, list[Claim]] = {}
    for claim in claims:
        by_channel.setdefault(claim.channel, []).append(claim)
    found: dict[int, Prepared] = {}
    for channel, some in by_channel.items():
        found |= {claim.message_id: one for claim, one in zip(some, _PREPARE[channel](some), strict=True)}
    return [found[claim.message_id] for claim in claims]


class Room:
    """Memory for files, shared by the threads that send. What is larger than all of it goes alone."""

    def __init__(self, most: int) -> None:
        self._most, self._used = most, 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, weight: int, seconds: float) -> Iterator[None]:
        """Take room for `weight` bytes, waiting `seconds` at most; then NotReady: the claim is given back."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._fits(weight), max(0.0, seconds)):
                raise NotReady(SendResult(Outcome.NOT_TAKEN, code="released", detail="no room for its files yet"))
            self._used += weight
        try:
            yield
        finally:
            with self._changed:
                self._used -= weight
                self._changed.notify_all()

    def _fits(self, weight: int) -> bool:
        return not weight or not self._used or self._used + weight <= self._most


room = Room(MOST_BYTES)
