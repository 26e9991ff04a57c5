"""The evidence: every message that a carrier accepted, in order, and the indices over it."""

import bisect
import heapq
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

# status, epoch seconds, attempts, last HTTP status (None: nobody answered)
Report = tuple[str, float, int, int | None]
PARTS = 4


def iso(at: float) -> str:
    """An epoch time as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Text:
    """One SMS or MMS, either way; what a Twilio Message resource is made from."""

    __slots__ = (
        "account",
        "at",
        "body",
        "direction",
        "error_code",
        "from_",
        "hidden",
        "index",
        "media",
        "position",
        "reports",
        "segments",
        "sent_at",
        "service",
        "sid",
        "status",
        "to",
        "updated_at",
    )
    provider = "twilio"

    def __init__(self, *, sid: str, account: str, from_: str | None, to: str, body: str) -> None:
        self.sid, self.account, self.from_, self.to, self.body = sid, account, from_, to, body
        self.at = self.updated_at = time.time()
        self.sent_at: float | None = None
        self.direction, self.status = "outbound-api", "queued"
        self.error_code: int | None = None
        self.service: str | None = None
        self.segments = 1
        self.media: tuple[str, ...] = ()
        self.reports: tuple[Any, ...] = ()  # flat, PARTS to a report: half the memory of pairs in a list
        self.index = self.position = -1
        self.hidden = ""  # "redacted" or "deleted" in its resource; the ledger keeps it all

    @property
    def recipients(self) -> tuple[str, ...]:
        """Whom it goes to."""
        return (self.to,)

    @property
    def inbound(self) -> bool:
        """True where a handset sent it."""
        return self.direction == "inbound"

    @property
    def handset(self) -> str:
        """The number of the client's phone."""
        return (self.from_ or "") if self.inbound else self.to

    def as_entry(self) -> dict[str, Any]:
        """The ledger's form of it."""
        return {
            "index": self.index,
            "provider": "twilio",
            "id": self.sid,
            "from": self.from_,
            "to": self.to,
            "subject": None,
            "body": self.body,
            "media": list(self.media),
            "at": iso(self.at),
            "status": self.status,
            "error_code": self.error_code,
            "direction": self.direction,
            "account_sid": self.account,
            "messaging_service_sid": self.service,
            "callbacks": callbacks_of(self.reports),
        }


def callbacks_of(reports: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The status reports of one message, from their flat form."""
    return [as_callback(reports[at : at + PARTS]) for at in range(0, len(reports), PARTS)]


def as_callback(report: Report) -> dict[str, Any]:
    """One status report as the ledger shows it."""
    status, at, attempts, http_status = report
    return {"status": status, "at": iso(at), "attempts": attempts, "http_status": http_status}


class Ledger:
    """Everything accepted since the start or the last clearing."""

    def __init__(self) -> None:
        self.forgetting: list[Callable[[], None]] = []  # who else forgets when this is cleared
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        for forget in self.forgetting:
            forget()
        self.entries: list[Any] = []  # what an app sent and a carrier accepted, in order of acceptance
        self.texts: list[Text] = []  # the Twilio account's own record, inbound ones included
        self.by_sid: dict[str, Text] = {}
        self.by_to: dict[str, list[Text]] = {}
        self.by_from: dict[str, list[Text]] = {}
        self.latest: dict[str, Text] = {}  # handset -> its last text, the most recent handset at the end

    def accept(self, entry: Any) -> None:
        """Take a message that an app sent into the evidence."""
        entry.index = len(self.entries)
        self.entries.append(entry)

    def holds(self, entry: Any) -> bool:
        """Whether a message is still in the evidence; what was cleared away reports nothing any more."""
        return entry.index < len(self.entries) and self.entries[entry.index] is entry

    def file(self, text: Text) -> None:
        """Put a text into the account's record and its indices."""
        text.position = len(self.texts)
        self.texts.append(text)
        self.by_sid[text.sid] = text
        _append(self.by_to, text.to, text)
        if text.from_:
            _append(self.by_from, text.from_, text)
        self.latest.pop(text.handset, None)
        self.latest[text.handset] = text

    def sender_chosen(self, text: Text, number: str) -> None:
        """Record the number that a messaging service picked; `from` was null until now."""
        text.from_ = number
        bisect.insort(self.by_from.setdefault(number, []), text, key=lambda other: other.position)

    def thread(self, handset: str, limit: int) -> list[Text]:
        """The last texts from and to one handset, oldest first."""
        received = (text for text in reversed(self.by_to.get(handset, ())) if not text.inbound)
        sent = (text for text in reversed(self.by_from.get(handset, ())) if text.inbound)
        newest = heapq.merge(received, sent, key=lambda text: -text.position)
        return list(islice(newest, limit))[::-1]

    def handsets(self, limit: int) -> list[Text]:
        """The last text of each handset, most recent first."""
        return list(islice(reversed(self.latest.values()), limit))

    def select(self, *, to: str = "", from_: str = "", after: int = -1) -> Iterator[Any]:
        """The evidence after an index, optionally of one recipient or sender only."""
        for entry in self.entries[after + 1 :]:
            if (not to or to in (entry.to, *entry.recipients)) and (not from_ or entry.from_ == from_):
                yield entry


def _append(index: dict[str, list[Text]], key: str, text: Text) -> None:
    same = index.get(key)
    if same is None:
        index[key] = [text]
    else:
        same.append(text)
