"""A claim before it is handed over: ready to be made into the provider's terms, in the thread that sends."""

from collections.abc import Callable
from dataclasses import dataclass

from messaging.providers.base import Outgoing, SendResult


class NotReady(Exception):
    """The message cannot be handed over as it is; `result` says what that means for it."""

    def __init__(self, result: SendResult) -> None:
        super().__init__(result.detail)
        self.result = result


@dataclass(frozen=True, slots=True)
class Prepared:
    """`make` asks no database; it raises NotReady. `weight`: the bytes of the files that it takes into memory."""

    make: Callable[[], Outgoing]
    weight: int = 0
