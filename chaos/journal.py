"""What the callers and clients did and were told: the one witness besides the carrier's ledger and omega's rows."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Said:
    """One call that a caller made, and the last answer that it got (status 0: none at all).

    `began` is when it called first, `at` when it was answered, both by time.monotonic.
    """

    kind: str
    request_id: str
    business_id: int
    to: str
    body: str
    channel: str = "sms"
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    began: float = 0.0
    at: float = 0.0
    # What it was about, where that is no message: a conversation, its assignee, the messages marked read.
    conversation_id: int = 0
    staff_id: int | None = None
    message_ids: tuple[int, ...] = ()

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.status < 300

    def is_before(self, other: "Said") -> bool:
        """Whether it was answered before the other began, so that nobody can say that they were at one time."""
        return 0 < self.at < other.began


@dataclass(slots=True)
class Heard:
    """One text, mail or call that a client made; `at` by time.time."""

    sender: str
    to: str
    body: str
    at: float
    sid: str = ""
    kind: str = "text"
    copies: int = 1


class Journal:
    """Every thread's notes, in one place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.said: list[Said] = []
        self.heard: list[Heard] = []
        self.strange: list[str] = []
        self.trespassed: list[str] = []
        self.faults: list[str] = []
        self.done: Counter[str] = Counter()
        self.left_out: dict[str, str] = {}
        self.began = time.monotonic()

    def call(self, said: Said) -> None:
        with self._lock:
            self.said.append(said)

    def listen(self, heard: Heard) -> None:
        with self._lock:
            self.heard.append(heard)

    def wonder(self, what: str) -> None:
        """An answer that nobody should ever get."""
        with self._lock:
            self.strange.append(what)

    def trespass(self, what: str) -> None:
        """A business's key that opened what is another's."""
        with self._lock:
            self.trespassed.append(what)

    def fault(self, kind: str, what: str) -> None:
        with self._lock:
            self.done[kind] += 1
            self.faults.append(f"{time.monotonic() - self.began:6.1f} s  {what}")

    def leave_out(self, kind: str, why: str) -> None:
        """A fault that this machine cannot have."""
        with self._lock:
            self.left_out[kind] = why
