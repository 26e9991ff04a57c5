"""One leg of a call: its state, what was heard on it, and the phone at its far end."""

import asyncio
import math
import time
from collections.abc import Iterator
from typing import Any

from sandbox.ledger import iso
from sandbox.twilio.resource import new_sid, rfc2822
from sandbox.voice.script import Script

ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
ROUNDING_SECONDS = 0.1  # what a told time may exceed by, since the end itself takes some
INBOUND, BY_API, BY_DIAL = "inbound", "outbound-api", "outbound-dial"


class Phone:
    """What is at the far end of a leg: a script, or a person at the page or at a device (`live`)."""

    def __init__(self, script: Script, *, live: bool = False, said: Script | None = None) -> None:
        """`said`: the call's script, which the phones that it rings go by too; this phone may go by another."""
        self.script, self.live, self.said = script, live, said or script
        self.decision: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.signal = asyncio.Event()  # hung up, or to be played another document
        self.hung_up = False
        self.keys: list[str] = list(script.digits)  # pressed and not yet heard

    def ring(self) -> None:
        """Ring from now on; a script decides by itself."""
        if not self.live:
            self._later(self.script.after_ms, self.decide, self.script.answer or "yes")

    def talk(self) -> None:
        """Talk from now on; a script hangs up by itself."""
        if not self.live:
            self._later(self.script.talk_ms, self.hang_up)

    def give_up_later(self) -> None:
        """A script's caller hangs up after its time, whatever it hears."""
        if self.script.hang_up_after_ms is not None:
            self._later(self.script.hang_up_after_ms, self.hang_up)

    def _later(self, milliseconds: int, what: Any, *words: str) -> None:
        asyncio.get_running_loop().call_later(milliseconds / 1000, what, *words)

    def decide(self, answer: str) -> None:
        """Answer, decline, …: the first decision counts."""
        if not self.decision.done():
            self.decision.set_result(answer)

    def hang_up(self) -> None:
        """Hang up; nothing undoes it."""
        self.hung_up = True
        self.signal.set()

    def press(self, keys: str) -> None:
        """Press keys; whoever gathers or records hears them."""
        self.keys += keys
        self.signal.set()


class Call:
    """One leg. A top-level one is an entry of the ledger, its legs are within it."""

    provider, kind = "twilio", "call"

    def __init__(
        self, *, account: str, from_: str, to: str, direction: str, phone: Phone, parent: "Call | None" = None
    ) -> None:
        self.sid, self.account, self.direction = new_sid("CA"), account, direction
        self.from_, self.to, self.parent, self.phone = from_, to, parent, phone
        self.at = self.updated_at = time.time()
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.extra_seconds = 0.0  # told beyond those that passed
        self.status = "queued" if direction == BY_API else "ringing"
        self.phase = self.status  # for the page: what the player is at
        self.index = -1
        self.application: str | None = None
        self.parameters: dict[str, str] = {}  # what the device said, or a <Parameter> tells it
        self.given_to = to  # `To` as the webhooks have it, where a device named something else
        self.legs: list[Call] = []
        self.spoken: list[str] = []
        self.played: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.callbacks: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.recordings: list[str] = []
        self.redirect: tuple[str, str, str] | None = None  # url, method, document: what a REST update asks for
        self.over = asyncio.Event()
        if parent is not None:
            parent.legs.append(self)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Whom it goes to, its legs' parties too."""
        return (self.to, *(leg.to for leg in self.legs))

    @property
    def ended(self) -> bool:
        """Whether it has a final status."""
        return self.status in ENDED

    @property
    def seconds(self) -> int:
        """How long it was answered, in whole seconds; 0 where it was not."""
        if self.answered_at is None:
            return 0
        passed = (self.ended_at or time.time()) - self.answered_at
        return max(math.ceil(passed + self.extra_seconds - ROUNDING_SECONDS), 1)

    def tell(self, seconds: float) -> None:
        """Tell a longer time than passed, of this leg and of the one that it belongs to."""
        self.extra_seconds += seconds
        if self.parent is not None:
            self.parent.tell(seconds)

    def family(self) -> Iterator["Call"]:
        """It and its legs."""
        yield self
        for leg in self.legs:
            yield from leg.family()

    def as_entry(self) -> dict[str, Any]:
        """The ledger's form of it."""
        entry = {
            "index": self.index,
            "provider": "twilio",
            "kind": "call",
            "id": self.sid,
            "from": self.from_,
            "to": self.to,
            "subject": None,
            "body": "",
            "media": [],
            "at": iso(self.at),
            "direction": self.direction,
            "account_sid": self.account,
            "status": self.status,
            "answered_at": None if self.answered_at is None else iso(self.answered_at),
            "ended_at": None if self.ended_at is None else iso(self.ended_at),
            "duration": self.seconds,
            "parameters": self.parameters,
            "spoken": self.spoken,
            "played": self.played,
            "recordings": self.recordings,
            "errors": self.errors,
            "requests": self.requests,
            "callbacks": self.callbacks,
        }
        if self.parent is not None:
            return {"parent_id": self.parent.sid} | entry
        return entry | {"legs": [leg.as_entry() for leg in self.legs]}

    def as_shown(self) -> dict[str, Any]:
        """As the page shows it."""
        return {
            "id": self.sid,
            "from": self.from_,
            "to": self.given_to or self.to,
            "direction": self.direction,
            "status": self.status,
            "phase": self.phase,
            "at": iso(self.at),
            "answered_at": None if self.answered_at is None else iso(self.answered_at),
            "live": self.phone.live,
            "spoken": self.spoken,
            "errors": [error["message"] for error in self.errors],
            "duration": self.seconds,
            "parent": self.parent.sid if self.parent else None,
            "legs": [leg.as_shown() for leg in self.legs],
        }

    def as_resource(self) -> dict[str, Any]:
        """The Call resource's JSON; times are RFC 2822, the duration is a string of seconds."""
        path = f"/2010-04-01/Accounts/{self.account}/Calls/{self.sid}"
        parts = ("notifications", "recordings", "payments", "events", "siprec", "streams", "transcriptions")
        done = self.ended and self.ended_at is not None
        return {
            "account_sid": self.account,
            "annotation": None,
            "answered_by": None,
            "api_version": "2010-04-01",
            "caller_name": "",
            "date_created": rfc2822(int(self.at)),
            "date_updated": rfc2822(int(self.updated_at)),
            "direction": self.direction,
            "duration": str(self.seconds) if done else None,
            "end_time": rfc2822(int(self.ended_at)) if done and self.ended_at else None,
            "forwarded_from": None,
            "from": self.from_,
            "from_formatted": self.from_,
            "group_sid": None,
            "parent_call_sid": self.parent.sid if self.parent else None,
            "phone_number_sid": "",
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": self.sid,
            "start_time": rfc2822(int(self.answered_at or self.at)),
            "status": self.status,
            "subresource_uris": {part: f"{path}/{part.title()}.json" for part in parts},
            "to": self.to,
            "to_formatted": self.to,
            "trunk_sid": "",
            "uri": f"{path}.json",
        }
