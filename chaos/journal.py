"""What the callers did and were told: the one witness besides the carrier's ledger and omega's rows."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Said:
    """One call that a caller made, and the last answer that it got (status 0: none at all)."""

    kind: str
    request_id: str
    business_id: int
    to: str
    body: str
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    at: float = 0.0

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.status < 300


@dataclass(slots=True)
class Heard:
    """One text or mail that a client sent."""

    sender: str
    to: str
    body: str
    at: float
    sid: str = ""
    is_mail: bool = False


class Journal:
    """Every thread's notes, in one place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.said: list[Said] = []
        self.heard: list[Heard] = []
        self.strange: list[str] = []
        self.faults: list[str] = []
        self.began = time.monotonic()

    def call(self, said: Said) -> None:
        with self._lock:
            self.said.append(said)

    def text(self, heard: Heard) -> None:
        with self._lock:
            self.heard.append(heard)

    def wonder(self, what: str) -> None:
        """An answer that nobody should ever get."""
        with self._lock:
            self.strange.append(what)

    def fault(self, what: str) -> None:
        with self._lock:
            self.faults.append(f"{time.monotonic() - self.began:6.1f} s  {what}")
