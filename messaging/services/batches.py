"""Many messages by one door: runs of plain messages cost one transaction, the rest goes one by one, all in order."""

from collections.abc import Callable
from dataclasses import dataclass

from conversations.models import Message
from messaging.services import backlog, parties, sending, wakeup
from messaging.services.sending import Accepted, Decision, Draft
from omega_project.lib import sql
from omega_project.lib.api.errors import ApiError

Result = Accepted | ApiError
Work = Draft | Callable[[], Accepted]
# What stands in each sender's queue, those of this call included.
Queues = dict[int, backlog.Queue]


@dataclass(slots=True)
class _Plain:
    place: int
    draft: Draft
    decision: Decision


def take(rows: list[Work]) -> list[Result]:
    """Queue or run each row in order; an answer or an error for each. A bad row spoils no other."""
    results: list[Result | None] = [None] * len(rows)
    known = _facts(rows, results)
    run: list[_Plain] = []
    queues: Queues = {}
    for place, row in enumerate(rows):
        plain = _plain(place, row, known.get(place), results, queues)
        if plain is not None:
            run.append(plain)
        elif results[place] is None:
            _flush(run, results)
            results[place] = _one(row)
    _flush(run, results)
    return [result for result in results if result is not None]


def _facts(rows: list[Work], results: list[Result | None]) -> dict[int, parties.Facts]:
    """The facts of every message, in a statement a channel."""
    ends = {}
    for place, row in enumerate(rows):
        if isinstance(row, Draft):
            try:
                ends[place] = sending.ends_of(row)
            except ApiError as error:
                results[place] = error
    found = zip(ends, parties.facts_for(list(ends.values())) if ends else [], strict=True)
    return {place: facts for place, facts in found if facts is not None}


def _plain(
    place: int, row: Work, facts: parties.Facts | None, results: list[Result | None], queues: Queues
) -> _Plain | None:
    """The row as a plain message of a known thread; None where it is none, or wrong (then `results` says so)."""
    if not isinstance(row, Draft) or facts is None or results[place] is not None:
        return None
    try:
        decision = sending.decide(row, sending.checked(row, _behind(row, facts, queues)))
    except ApiError:
        return None  # a repeated request may have an answer all the same: one by one finds it
    if not sending.is_simple(row, decision):
        return None
    if decision.would == "send":
        decision.facts.queue.joins(sending.PRIORITIES[row.priority])
    return _Plain(place, row, decision)


def _behind(row: Draft, facts: parties.Facts, queues: Queues) -> parties.Facts:
    """The facts, where those of the same call that go by the same sender stand before this one."""
    if facts.sender is not None:
        facts.queue = queues.setdefault(facts.sender["id"], facts.queue)
    return facts


def _one(row: Work) -> Result:
    try:
        return sending.queue_message(row) if isinstance(row, Draft) else row()
    except ApiError as error:
        return error


def _flush(run: list[_Plain], results: list[Result | None]) -> None:
    """Append the run in one statement, and empty it."""
    if not run:
        return
    messages = [sending.row_of(plain.draft, plain.decision) for plain in run]
    contents = [plain.decision.content for plain in run]
    stored = sql.retried(lambda: sending.append(messages, contents))
    for place, (plain, message) in enumerate(zip(run, messages, strict=True)):
        results[plain.place] = _answer(plain, message.request_id, stored.get(place))
    for priority in {m.priority for m in messages if m.status == Message.Status.QUEUED}:
        wakeup.wake_dispatch(priority)
    run.clear()


def _answer(plain: _Plain, request_id: str, stored: dict[str, int | str] | None) -> Result:
    if stored is None:
        try:
            return sending.replayed(plain.draft.business_id, request_id, plain.draft.fingerprint)
        except ApiError as error:
            return error
    return Accepted(
        request_id,
        int(stored["id"]),
        int(stored["conversation_id"]),
        int(stored["client_id"]),
        str(stored["accepted_status"]),
        int(stored["segments"]),
        expected_at=plain.decision.expected_at,
    )
