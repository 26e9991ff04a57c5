"""Many events of one message into one change: the same whatever order they came in. Nothing here asks the database."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from messaging.services.mail_matching import Found, Report
from messaging.services.mail_meanings import ENDS, MEANINGS, RANK, Status, sentence

MOST_DETAIL = 1000
# Of one message in one batch; a mailbox that defers for three days is told of some dozens of times.
MOST_NOTES = 50


@dataclass(slots=True)
class Change:
    """What becomes of one message: its new columns, its lines of history and its times as a mail."""

    id: int
    attempt: int
    status: str
    sid: str | None = None
    is_moved: bool = False
    error_code: str = ""
    error_message: str = ""
    error_retryable: bool = False
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    marks: dict[str, datetime] = field(default_factory=dict)
    # Places of the reports that changed something here.
    used: set[int] = field(default_factory=set)


def fold(found: Found, told: Iterable[tuple[int, Report]]) -> Change:
    """The change that these events (each with its place) make of the message."""
    folding = _Folding(found)
    for place, report in sorted(told, key=_canonical):
        folding.take(place, report)
    return folding.change


def _canonical(item: tuple[int, Report]) -> tuple[Any, ...]:
    """By stage; the worse failure first; then by the provider's time and id, so that no arrival order shows."""
    _, report = item
    event = report.event
    at = event.at.timestamp() if event.at else float("inf")
    return MEANINGS[event.kind].stage, event.is_temporary, at, event.event_id, event.kind, event.code, event.reason


def moment(found: Found, at: datetime | None) -> datetime:
    """The provider's time where it can be true: not before the try that it speaks of, nor later than now."""
    return max(found.since, min(at or found.now, found.now))


class _Folding:
    def __init__(self, found: Found) -> None:
        self.found = found
        self.change = Change(found.id, found.attempts, found.status, error_retryable=found.error_retryable)
        self.last = found.began_at

    def take(self, place: int, report: Report) -> None:
        event, found = report.event, self.found
        meaning = MEANINGS[event.kind]
        is_copy, is_stale = bool(event.address) and event.address != found.to_address, self._is_stale(report)
        if meaning.marks and not is_copy and not (is_stale and event.kind == "processed"):
            self._mark(place, meaning.marks, moment(found, event.at))
        if meaning.consent:
            self._note(place, report, f"copy to {event.address} {event.kind}" if is_copy else _detail(report))
        if not meaning.status or is_stale:
            return
        if is_copy:
            if meaning.status == Status.UNDELIVERED:
                self._note(place, report, f"copy to {event.address} {event.kind}: {event.reason}")
        elif self._moves(meaning.status, is_temporary=event.is_temporary):
            self._move(place, report, meaning.status)
        elif meaning.is_noted and self.change.status == Status.SENT:
            self._note(place, report, _detail(report))

    def _is_stale(self, report: Report) -> bool:
        """Of an earlier try than the last, or of one that had ended before somebody sent the message again by hand."""
        event, found = report.event, self.found
        if event.attempt:
            if event.attempt != found.attempts:
                return True
        elif event.message_id and event.provider_message_id and found.provider_message_id:
            return not event.provider_message_id.startswith(found.provider_message_id)
        return found.status == Status.QUEUED and found.was_accepted

    def _moves(self, status: str, *, is_temporary: bool) -> bool:
        now = self.change.status
        if now in ENDS:
            return False
        if status == Status.FAILED:
            return RANK[now] <= RANK[Status.SENT]
        if status == now == Status.UNDELIVERED:  # it was for now, and is for good
            return self.change.error_retryable and not is_temporary
        return RANK[status] > RANK[now]

    def _mark(self, place: int, column: str, at: datetime) -> None:
        pick = max if column == "processed_at" else min
        self.change.marks[column] = pick(at, self.change.marks.get(column, at))
        self.change.used.add(place)

    def _move(self, place: int, report: Report, status: str) -> None:
        change, event = self.change, report.event
        at = self._step(place, report, status, _detail(report))
        change.status, change.is_moved = status, True
        is_failure = status in {Status.UNDELIVERED, Status.FAILED}
        change.error_code = (event.code or event.kind)[:64] if is_failure else ""
        change.error_message = sentence(event.kind, event.reason, is_temporary=event.is_temporary) if is_failure else ""
        change.error_retryable = is_failure and event.is_temporary
        if status != Status.FAILED:
            change.sent_at = change.sent_at or at
        if status in {Status.DELIVERED, Status.READ}:
            change.delivered_at = change.delivered_at or at
        if self.found.status != Status.SENDING and event.provider_message_id:
            # While a worker has it in hand, its own settle brings the provider's id.
            change.sid = change.sid or (*event.also_known_as, event.provider_message_id)[0]

    def _note(self, place: int, report: Report, detail: str) -> None:
        if len(self.change.steps) < MOST_NOTES:
            self._step(place, report, self.change.status, detail)

    def _step(self, place: int, report: Report, status: str, detail: str) -> datetime:
        at = max(self.last, moment(self.found, report.event.at))
        step = {
            "id": self.found.id, "from_status": self.change.status, "status": status, "source": report.source,
            "detail": detail[:MOST_DETAIL], "at": at,
        }  # fmt: skip
        self.change.steps.append(step)
        self.change.used.add(place)
        self.last = at
        return at


def _detail(report: Report) -> str:
    """`bounced: 550 5.1.1 …`; a plain status says nothing that the line does not say already."""
    event = report.event
    word = "" if event.kind == MEANINGS[event.kind].status else event.kind
    return ": ".join(part for part in (word, event.reason) if part)
