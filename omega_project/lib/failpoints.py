"""Named points where a test ends, stops or slows this very process: what only happens between two lines, at will.

`FAILPOINTS` in the environment, heard only where DEBUG is on, says what happens where:

    FAILPOINTS=claim.after_commit:kill:1,deliver.before_call:kill:*:POISON      by this process's own count
    FAILPOINTS=@/some/folder                                                  armed while the programs run

`name:action:which[:word]`: `which` is the n-th time that this process comes by, or `*` for each; `word` must stand in
what the point tells of itself. In a folder, a file with the point's name holds `action[:word]`: the first process that
comes by takes the file away, so that it acts once in all of them; `action:word:*` stays. Actions: `kill` (SIGKILL),
`stop` (SIGSTOP), `raise`, and seconds to sleep, such as `2.5`.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

POINTS = (
    "queue.before_kick",  # a message is committed, nobody was told
    "claim.before_commit",
    "claim.after_commit",  # messages are ours, no provider was called
    "deliver.before_call",
    "deliver.after_call",  # the provider has answered, nobody knows
    "settle.before_commit",
    "settle.after_commit",
    "webhook.before_store",  # verified, nothing stored
    "webhook.before_commit",
    "webhook.after_commit",  # stored, not answered
    "spool.before_rename",  # written and synced, not in its place
    "spool.after_rename",
    "event.processing",
)


class Failed(Exception):
    """What `raise` raises."""


@dataclass(frozen=True, slots=True)
class _Order:
    action: str
    which: str = "1"
    word: str = ""


class _Points:
    """What is armed: by the environment, or in a folder."""

    def __init__(self, text: str) -> None:
        self.folder = Path(text[1:]) if text.startswith("@") else None
        self.orders: dict[str, list[_Order]] = {}
        self.seen: Counter[_Order] = Counter()
        for one in text.split(",") if text and not self.folder else ():
            name, action, *rest = one.strip().split(":", 3)
            self.orders.setdefault(name, []).append(_Order(action, *rest))

    def hit(self, name: str, about: str) -> None:
        if self.folder:
            self._from_folder(self.folder / name, about)
        for order in self.orders.get(name, ()):
            if order.word in about:
                self.seen[order] += 1
                if order.which in {"*", str(self.seen[order])}:
                    _act(order.action, name)

    def _from_folder(self, file: Path, about: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            action, _, rest = file.read_text().strip().partition(":")
            word, _, which = rest.partition(":")
            if word not in about:
                return
            if which != "*":
                file.rename(file.with_suffix(file.suffix + f".taken-{os.getpid()}"))
            _act(action, file.name)


_armed: _Points | None = None


def arm(text: str) -> None:
    """Do from now on what `text` says; nothing where it is empty."""
    global _armed
    _armed = _Points(text) if text else None


def hit(name: str, about: str = "") -> None:
    """Come by the point `name`, which speaks of `about`. Costs nothing where nothing is armed."""
    if _armed is not None:
        _armed.hit(name, about)


def _act(action: str, name: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        # To this very thread: sent to the process, another thread may take it while this one goes on for a moment.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
    elif action == "raise":
        raise Failed(f"failpoint {name}")
    else:
        time.sleep(float(action))
