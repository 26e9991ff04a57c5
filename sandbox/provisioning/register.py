"""Everything that was set up at the providers. Unlike the messages it outlives a restart, as accounts do."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUBACCOUNT, NUMBER, APPLICATION, KEY, DOMAIN, SENDER = (
    *("subaccount", "number", "application", "key", "domain", "sender"),
)
SECRETS = {"auth_token", "secret"}

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Thing:
    """One thing that was set up; `values` are its resource's own fields. Times in epoch seconds."""

    kind: str
    sid: str
    account: str
    values: dict[str, Any]
    made_by: str = "api"  # or "control"
    at: float = field(default_factory=time.time)
    updated_at: float = 0.0
    removed_at: float | None = None

    def __post_init__(self) -> None:
        self.updated_at = self.updated_at or self.at

    @property
    def name(self) -> str:
        """What a person knows it by."""
        found = (self.values.get(key) for key in ("phone_number", "domain", "from_email", "friendly_name"))
        return next((str(value) for value in found if value), "")

    def as_line(self) -> str:
        """Its line in the journal."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}) + "\n"


class Register:
    """Things by kind and sid. A journal in `home` brings them back; without that folder they are in memory only."""

    def __init__(self, home: Path) -> None:
        self._path = home / "sandbox-provisioning.jsonl" if home.is_dir() else None
        self._things: dict[tuple[str, str], Thing] = {}
        self._numbers: dict[str, Thing] = {}
        self._seeds: dict[tuple[str, str], Thing] = {}
        self.listeners: list[Callable[[Thing], None]] = []
        self._read()

    def _read(self) -> None:
        """Take in the journal, the last line of each thing being true; a line cut by a kill is passed over."""
        if self._path is None or not self._path.exists():
            return
        for line in self._path.read_text("utf-8", "replace").splitlines():
            try:
                self._hold(Thing(**json.loads(line)))
            except (ValueError, TypeError):
                logger.warning("A line of %s makes no sense and is left out.", self._path)
        self._write("w", "".join(thing.as_line() for thing in self._things.values()))

    def _write(self, mode: str, lines: str) -> None:
        if self._path is None:
            return
        try:
            with self._path.open(mode, encoding="utf-8") as journal:
                self._path.chmod(0o600)  # it holds the subaccounts' tokens
                journal.write(lines)
        except OSError as fault:
            logger.warning("What is set up is not kept: %s", fault)

    def _hold(self, thing: Thing) -> None:
        self._things[thing.kind, thing.sid] = thing
        if thing.kind == NUMBER:
            number = thing.values["phone_number"]
            if thing.removed_at is None:
                self._numbers[number] = thing
            elif number in self._numbers and self._numbers[number].sid == thing.sid:
                del self._numbers[number]

    def save(self, thing: Thing) -> Thing:
        """Put a new or changed thing into the register and its journal."""
        self._hold(thing)
        self._write("a", thing.as_line())
        for listener in self.listeners:
            listener(thing)
        return thing

    def change(self, thing: Thing, values: dict[str, Any]) -> Thing:
        """Change some of its fields."""
        thing.values |= values
        thing.updated_at = time.time()
        return self.save(thing)

    def remove(self, thing: Thing) -> None:
        """Take it away; the register, being evidence, remembers it."""
        thing.removed_at = thing.updated_at = time.time()
        self.save(thing)

    def seed(self, thing: Thing) -> None:
        """A thing that was there from the start: found, but no evidence of anything."""
        self._seeds[thing.kind, thing.sid] = thing

    def clear(self) -> None:
        """Forget everything that was set up."""
        self._things.clear()
        self._numbers.clear()
        self._write("w", "")

    def all(self) -> list[Thing]:
        """Everything ever set up, in order, removed things too."""
        return list(self._things.values())

    def find(self, kind: str, sid: str) -> Thing | None:
        """A thing that is still there."""
        thing = self._things.get((kind, sid)) or self._seeds.get((kind, sid))
        return thing if thing and thing.removed_at is None else None

    def of(self, kind: str, account: str | None = None) -> Iterator[Thing]:
        """What is there of a kind, newest first, of one account or of all."""
        for (found, _), thing in [*self._seeds.items(), *self._things.items()][::-1]:
            if found == kind and thing.removed_at is None and account in {None, thing.account}:
                yield thing

    def number(self, number: str) -> Thing | None:
        """The number as an account owns it."""
        return self._numbers.get(number)
