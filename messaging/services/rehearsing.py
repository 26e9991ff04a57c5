"""What a replay of a webhook event would change: it is done, looked at, and taken back.

All that processing writes stands in a transaction that is rolled back; what it would do besides (jobs, mails, calls of
a provider) waits for a commit that never comes. Files that it kept are removed again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.files.storage import default_storage
from django.db import OperationalError, connection, transaction

from messaging.models import WebhookEvent
from messaging.services import intake
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict

Rows = dict[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that would be made or changed; `columns` by name, each as it is and as it would be."""

    table: str
    pk: int
    is_new: bool
    columns: dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a replay would end: the event's own outcome, and every other row that would differ."""

    status: str
    error: str
    message_id: int | None
    differences: list[Difference] = field(default_factory=list)


class _TakeBack(Exception):
    """Ends the rehearsal."""


# What an event can touch, by table: the rows of its message, its conversation, its client and its business's consent.
_WATCHED: dict[str, str] = {
    "conversations_message": "id = %(message)s",
    "conversations_messageevent": "message_id = %(message)s",
    "conversations_attachment": "message_id = %(message)s",
    "messaging_email": "message_id = %(message)s",
    "conversations_conversation": "id = %(conversation)s",
    "accounts_client": "id = %(client)s",
    "accounts_clientaddress": "client_id = %(client)s",
    "messaging_consent": "business_id = %(business)s AND address = ANY(%(addresses)s::text[])",
    "messaging_consentchange": "business_id = %(business)s AND address = ANY(%(addresses)s::text[])",
    "conversations_notification": "conversation_id = %(conversation)s",
}
# What says nothing to a person, or differs each time.
_UNTOLD = frozenset({
    "search", "request_hash", "position", "updated_at", "created_at", "decision", "at", "request_id", "last_message_at",
    "business_id", "client_id", "conversation_id", "message_id", "sender_id", "last_sender_id", "received_at",
})  # fmt: skip
_KEYS = {"messaging_email": "message_id"}
_FILES = {"conversations_attachment": "file", "messaging_email": "source"}
_SCOPE = """
SELECT m.id AS message, m.conversation_id AS conversation, m.client_id AS client, m.business_id AS business,
    ARRAY[m.from_address, m.to_address, c.phone, c.email]::text[] AS addresses
FROM conversations_message m JOIN accounts_client c ON c.id = m.client_id WHERE m.id = %(id)s::bigint
"""


def watch(table: str, condition: str) -> None:
    """Let a rehearsal look at a table of an app above this one; `condition` may use the names of `_SCOPE`."""
    _WATCHED[table] = condition


def rehearse(*, event_id: int) -> Rehearsal:
    """Replay an event, and take it back: what would be, and nothing is."""
    found: list[Rehearsal] = []
    kept: list[str] = []
    is_outermost = not connection.in_atomic_block
    try:
        with transaction.atomic():
            if is_outermost:
                with connection.cursor() as cursor:  # what others write meanwhile is not ours to tell
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            found.append(_rehearse(event_id, kept))
            raise _TakeBack
    except _TakeBack:
        pass
    except OperationalError as error:
        raise Conflict("Somebody else works on the same rows just now: try again.", "busy") from error
    finally:
        for name in kept:
            default_storage.delete(name)
    return found[0]


def _rehearse(event_id: int, kept: list[str]) -> Rehearsal:
    event, scope, after = _played(event_id)
    before = _rows(scope)
    kept += sorted(_files(after) - _files(before))
    return Rehearsal(event.status, event.error, event.message_id, _differences(before, after))


def _played(event_id: int) -> tuple[WebhookEvent, dict[str, Any], dict[str, Rows]]:
    """The event and the rows as they would be; taken back when this returns."""
    mark = transaction.savepoint()
    try:
        intake.replay_event(event_id=event_id)
        event = WebhookEvent.objects.defer("payload").get(pk=event_id)
        scope = _scope(event.message_id)
        return event, scope, _rows(scope)
    finally:
        transaction.savepoint_rollback(mark)


def _scope(message_id: int | None) -> dict[str, Any]:
    return (sql.row(_SCOPE, {"id": message_id}) if message_id else None) or {}


def _rows(scope: Mapping[str, Any]) -> dict[str, Rows]:
    if not scope:
        return {}
    found = {}
    for table, condition in _WATCHED.items():
        key = _KEYS.get(table, "id")
        statement = f"SELECT t.* FROM {table} t WHERE {condition} ORDER BY {key} LIMIT 500"  # noqa: S608  our own words
        with connection.cursor() as cursor:
            cursor.execute(statement, dict(scope))
            names = [column[0] for column in cursor.description]
            found[table] = {row[names.index(key)]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
    return found


def _files(rows: Mapping[str, Rows]) -> set[str]:
    return {name for table, column in _FILES.items() for row in rows.get(table, {}).values() if (name := row[column])}


def _differences(before: Mapping[str, Rows], after: Mapping[str, Rows]) -> list[Difference]:
    found = []
    for table, rows in after.items():
        known = before.get(table, {})
        for pk, row in rows.items():
            old = known.get(pk)
            columns = _columns(old, row)
            if old is None or columns:
                found.append(Difference(table, pk, old is None, columns))
    return found


def _columns(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    if old is None:
        told = {name: (None, value) for name, value in new.items() if value not in (None, "", [], {}, False)}
    else:
        told = {name: (old[name], value) for name, value in new.items() if old[name] != value}
    return {name: pair for name, pair in told.items() if name not in _UNTOLD and name != "id"}
