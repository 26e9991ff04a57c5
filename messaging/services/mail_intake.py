"""In: what a provider tells about mails, batch by batch. Each event is stored with its own bytes, then made use of.

Storing and use are one transaction: what was answered with 200 is on disk, and a repeated post changes nothing. A
thousand events take a handful of statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from django.db import DatabaseError, OperationalError

from messaging.providers import anymail_events, sendgrid_events
from messaging.providers.mail_event import MailEvent
from messaging.providers.sendgrid_events import BadEvent
from messaging.services import mail_events, settling
from messaging.services.mail_events import Applied
from messaging.services.mail_matching import Matches, Report, match
from messaging.services.mail_meanings import MEANINGS
from omega_project.lib import forms, sql
from omega_project.lib.metrics import WEBHOOKS

log = structlog.get_logger(__name__)
KIND = "email.event"
CHUNK = 1000
MOST_ATTEMPTS = 8
_MOST_KEY = 200

_STORE = """
INSERT INTO messaging_webhookevent (provider, kind, dedupe_key, url, content_type, headers, verdict, payload, status,
    error, attempts, next_attempt_at, message_id, business_id, received_at, processed_at)
SELECT %(provider)s, %(kind)s, x.key, %(url)s, 'application/json', %(headers)s::jsonb, %(verdict)s, x.payload, x.status,
    x.error, 0,
    -- Three seconds: our own commit may be on its way.
    CASE WHEN x.status = 'pending' THEN clock_timestamp() + interval '3 seconds' END, x.message, x.business,
    clock_timestamp(), CASE WHEN x.status <> 'pending' THEN clock_timestamp() END
FROM unnest(%(keys)s::text[], %(payloads)s::bytea[], %(statuses)s::text[], %(errors)s::text[], %(messages)s::bigint[],
    %(businesses)s::bigint[]) AS x(key, payload, status, error, message, business)
ON CONFLICT (provider, dedupe_key) DO NOTHING RETURNING dedupe_key
"""
_TAKE = """
SELECT id, provider, payload, business_id, attempts FROM messaging_webhookevent
WHERE id = ANY(%(ids)s::bigint[]) AND kind = %(kind)s AND status <> 'processed' ORDER BY id FOR UPDATE
"""
_FINISH = """
UPDATE messaging_webhookevent e SET status = x.status, error = x.error, attempts = e.attempts + 1, begun = 0,
    next_attempt_at = clock_timestamp() + make_interval(secs => x.wait), processed_at = clock_timestamp(),
    message_id = COALESCE(x.message, e.message_id), business_id = COALESCE(x.business, e.business_id)
FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(errors)s::text[], %(waits)s::float[], %(messages)s::bigint[],
    %(businesses)s::bigint[]) AS x(id, status, error, wait, message, business)
WHERE e.id = x.id
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Who tells. `account_id`, `business_id`: of a business's own account; None for the platform's."""

    provider: str
    account_id: int | None = None
    business_id: int | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Note:
    """One event as it came, and what it is in our words: `event` None where it cannot be read (`error` says why)."""

    key: str
    payload: bytes
    event: MailEvent | None = None
    error: str = ""
    id: int = 0
    attempts: int = 0
    business_id: int | None = None
    provider: str = ""
    report: Report = field(init=False)

    @property
    def is_known(self) -> bool:
        """Whether it means anything to us: an unknown word, or a robot that opens every mail, is kept and ignored."""
        return self.event is not None and self.event.kind in MEANINGS and not self.event.is_machine


def take_events(source: Source, events: Sequence[bytes]) -> int:
    """Store and apply a provider's events; how many of them are new. Safe to repeat."""
    taken = 0
    for begin in range(0, len(events), CHUNK):
        notes = _once([_note(source, payload) for payload in events[begin : begin + CHUNK]])
        taken += _take(source, notes)
    return taken


def _note(source: Source, payload: bytes) -> Note:
    event, error = None, ""
    try:
        event = read(source.provider, payload)
    except BadEvent as bad:
        error = str(bad)
    key = _key(source, event, payload)
    note = Note(key, payload, event, error, business_id=source.business_id, provider=source.provider)
    if event is not None:
        note.report = Report(event, source.provider, source.provider, source.business_id)
    return note


def read(provider: str, payload: bytes) -> MailEvent:
    """A stored event in our words. Raises BadEvent."""
    if provider == sendgrid_events.NAME:
        return sendgrid_events.read(payload)
    return anymail_events.read(provider, payload)


def _key(source: Source, event: MailEvent | None, payload: bytes) -> str:
    """What tells one event from another. An account of a business's own makes up its ids: they hide nobody else's."""
    name = event.event_id if event else ""
    if not name or len(name) > _MOST_KEY:
        name = forms.digest(payload)
    return f"mail:{source.account_id or ''}:{name}"


def _once(notes: list[Note]) -> list[Note]:
    """Each event once, in an order in which parallel posts cannot lock each other out."""
    unique = {note.key: note for note in reversed(notes)}
    return [unique[key] for key in sorted(unique)]


def _take(source: Source, notes: list[Note]) -> int:
    try:
        return sql.in_transaction(lambda: _store_and_apply(source, notes))
    except OperationalError:
        raise
    except DatabaseError as error:
        # Something of it cannot be used as it is: kept one by one, so that it holds up no other.
        log.warning("mail_intake.slow_path", error=str(error).split("\n")[0])
    return sum(_take_alone(source, note) for note in notes)


def _store_and_apply(source: Source, notes: list[Note]) -> int:
    matches, places = _matched(notes)
    new = _store(source, notes, matches, places)
    fresh = [place for place, note in places.items() if note.key in new]
    if fresh:
        mail_events.apply([note.report for note in places.values()], matches, fresh)
    return len(new)


def _matched(notes: list[Note]) -> tuple[Matches, dict[int, Note]]:
    """The messages of those events that mean something, by the events' places."""
    places = dict(enumerate(note for note in notes if note.is_known))
    return match([note.report for note in places.values()]), places


def _store(source: Source, notes: list[Note], matches: Matches, places: dict[int, Note]) -> set[str]:
    found = {note.key: matches.found.get(place) for place, note in places.items()}
    reasons = {note.key: matches.reason(place) for place, note in places.items()}
    statuses = [_status(note, found.get(note.key)) for note in notes]
    params: dict[str, Any] = {
        "provider": source.provider, "kind": KIND, "url": source.url[:2048],
        "headers": orjson.dumps(source.headers).decode(), "verdict": "business" if source.business_id else "platform",
        "keys": [note.key for note in notes],
        "payloads": [note.payload for note in notes],
        "statuses": statuses,
        "errors": [
            note.error or (reasons[note.key] if status == "pending" else "")
            for note, status in zip(notes, statuses, strict=True)
        ],
        "messages": [one.id if (one := found.get(note.key)) else None for note in notes],
        "businesses": [one.business_id if (one := found.get(note.key)) else note.business_id for note in notes],
    }  # fmt: skip
    new = {row["dedupe_key"] for row in sql.rows(_STORE, params)}
    for note, status in zip(notes, statuses, strict=True):
        WEBHOOKS.labels(source.provider, KIND, status if note.key in new else "known").inc()
    return new


def _status(note: Note, found: Any) -> str:
    if note.event is None:
        return "failed"
    if not note.is_known:
        return "ignored"
    return "processed" if found else "pending"


def _take_alone(source: Source, note: Note) -> int:
    """Store and apply one event; where the database refuses it, it is kept with the database's words."""
    try:
        return sql.in_transaction(lambda: _store_and_apply(source, [note]))
    except OperationalError:
        raise
    except DatabaseError as error:
        failed = Note(note.key, note.payload, error=_words(error), business_id=note.business_id)
        return sql.in_transaction(lambda: len(_store(source, [failed], Matches({}, {}), {})))


def _words(error: DatabaseError) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:500]


def process_stored(event_ids: Sequence[int]) -> None:
    """Make use of stored events again. Call in a transaction.

    One that was used already has nothing to add: it would only stand in the history once more. One that is of
    no known message is tried again with back-off, and fails in the end.
    """
    rows = sql.rows(_TAKE, {"ids": list(event_ids), "kind": KIND})
    notes = [_stored_note(row) for row in rows]
    matches, places = _matched(notes)
    applied: dict[int, Applied] = {}
    if places:
        results = mail_events.apply([note.report for note in places.values()], matches, list(places))
        applied = {places[place].id: result for place, result in enumerate(results)}
    _finish([(note, applied.get(note.id)) for note in notes])


def _stored_note(row: dict[str, Any]) -> Note:
    note = _note(Source(row["provider"], business_id=row["business_id"]), bytes(row["payload"]))
    note.id, note.attempts = row["id"], row["attempts"]
    return note


def _finish(outcomes: list[tuple[Note, Applied | None]]) -> None:
    finished = [_outcome(note, applied) for note, applied in outcomes]
    for (note, _), outcome in zip(outcomes, finished, strict=True):
        WEBHOOKS.labels(note.provider, KIND, outcome[1]).inc()
    if finished:
        names = ("ids", "statuses", "errors", "waits", "messages", "businesses")
        sql.rows(_FINISH, dict(zip(names, map(list, zip(*finished, strict=True)), strict=True)))


def _outcome(note: Note, applied: Applied | None) -> tuple[Any, ...]:
    if applied is None:
        return note.id, "failed" if note.event is None else "ignored", note.error, None, None, None
    if applied.message_id is None:
        wait = None if note.attempts + 1 >= MOST_ATTEMPTS else settling.next_try(note.attempts + 1)
        return note.id, "failed", applied.why, wait, None, None
    return note.id, "processed", "", None, applied.message_id, applied.business_id


def replay(event_ids: Sequence[int]) -> None:
    """Process stored events again; one that the database refuses keeps its words and holds up no other."""
    try:
        sql.in_transaction(lambda: process_stored(event_ids))
    except OperationalError:
        raise
    except DatabaseError as error:
        if len(event_ids) == 1:
            _refuse(event_ids[0], _words(error))
            return
        for event_id in event_ids:
            replay([event_id])


def _refuse(event_id: int, words: str) -> None:
    params = {
        "ids": [event_id], "statuses": ["failed"], "errors": [words], "waits": [None], "messages": [None],
        "businesses": [None],
    }  # fmt: skip
    sql.rows(_FINISH, params)
