"""Keeping the copy of the host platform's clients, staff and locations true: many rows in a handful of statements.

Rows meet ours by `external_id`. A field that a row leaves out stays as it is; null empties it. A row that changes
nothing is not written. A bad row is answered with what is wrong and spoils no other; where one `external_id` stands
in several good rows of a call, the last of them counts and the others fail with a sentence.

Syncs of one business and kind wait for each other (an advisory lock), so that two of the same rows cannot deadlock
nor lose each other's fields. Against other writers, rows are locked in the order of their ids, and `in_transaction`
tries again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from accounts.services import linking
from accounts.services.address_changes import tell_changed
from accounts.services.rows import ClientRow, Draft, LocationRow, StaffRow, read_rows
from omega_project.lib import sql
from omega_project.lib.api.errors import NotFound
from omega_project.lib.api.fields import Body

MOST_ROWS = 1000
OUTCOMES = ("created", "updated", "unchanged", "failed")
# Somebody else may insert a row between our look and our insert: then it is there to be updated.
_PASSES = 3
_COUNTRY = "SELECT country FROM accounts_business WHERE id = %(business)s::bigint"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s::text, 0))"
_EXISTING = """
SELECT {columns} FROM {table} t WHERE t.business_id = %(business)s::bigint AND t.external_id = ANY(%(external_ids)s)
"""
_UPDATE = """
WITH input AS MATERIALIZED (
    SELECT x.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(id bigint, said text[], {typed})
), locked AS MATERIALIZED (
    SELECT l.id FROM {table} l WHERE l.id IN (SELECT id FROM input) ORDER BY l.id FOR NO KEY UPDATE
)
UPDATE {table} t SET {sets}, updated_at = clock_timestamp() FROM locked JOIN input x ON x.id = locked.id
WHERE t.id = locked.id AND t.business_id = %(business)s::bigint {guard} RETURNING t.id
"""
_INSERT = """
INSERT INTO {table} (business_id, external_id, {names}, created_at, updated_at)
SELECT %(business)s::bigint, x.external_id, {values}, clock_timestamp(), clock_timestamp()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(external_id text, {typed}) ORDER BY x.external_id
ON CONFLICT (business_id, external_id) DO NOTHING RETURNING id, external_id
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is synced: its table, its columns with SQL type and blank value, and what a new row has besides."""

    name: str
    noun: str
    table: str
    row: type[Body]
    columns: Mapping[str, tuple[str, Any]]
    constants: Mapping[str, str]
    is_named: bool = False
    also_read: tuple[str, ...] = ()
    also_set: tuple[str, ...] = ()
    guard: str = ""


def _sticky(channel: str, address: str) -> str:
    """At another address nothing is known yet, but an opt-out never gets lost; the signal's receiver knows more."""
    column = f"consent_{channel}"
    changed = f"'{address}' = ANY(x.said) AND t.{address} <> x.{address} AND t.{column} <> 'opted_out'"
    return f"{column} = CASE WHEN {changed} THEN 'unknown' ELSE t.{column} END"


LOCATIONS = Kind(
    name="locations",
    noun="location",
    table="accounts_location",
    row=LocationRow,
    columns={
        "name": ("text", ""), "address": ("text", ""), "phone": ("text", ""), "timezone": ("text", ""),
        "is_active": ("bool", True),
    },
    constants={},
    is_named=True,
)  # fmt: skip
STAFFS = Kind(
    name="staffs",
    noun="staff member",
    table="accounts_staff",
    row=StaffRow,
    columns={
        "name": ("text", ""), "email": ("text", ""), "phone": ("text", ""), "role": ("text", "agent"),
        "availability": ("text", "available"), "is_active": ("bool", True),
    },
    constants={"notify_by_email": "false"},
    is_named=True,
    also_read=(
        "ARRAY(SELECT l.location_id FROM accounts_staff_locations l WHERE l.staff_id = t.id ORDER BY 1) AS locations",
    ),
)  # fmt: skip
CLIENTS = Kind(
    name="clients",
    noun="client",
    table="accounts_client",
    row=ClientRow,
    columns={
        "first_name": ("text", ""), "last_name": ("text", ""), "phone": ("text", ""), "email": ("text", ""),
        "timezone": ("text", ""), "locale": ("text", ""), "tags": ("text[]", []), "home_location_id": ("bigint", None),
    },
    constants={
        "is_blocked": "false", "consent_sms": "'unknown'", "consent_email": "'unknown'", "consent_voice": "'unknown'",
    },
    also_read=("t.merged_into_id",),
    also_set=(_sticky("sms", "phone"), _sticky("voice", "phone"), _sticky("email", "email")),
    guard="AND t.merged_into_id IS NULL",
)  # fmt: skip


def sync_locations(*, business_id: int, rows: Sequence[Any]) -> dict[str, Any]:
    """Make the business's locations as these rows say (at most MOST_ROWS); the answer of api.md, 7."""
    return _sync(LOCATIONS, business_id, rows, lambda drafts: None)


def sync_staffs(*, business_id: int, rows: Sequence[Any]) -> dict[str, Any]:
    """Make the business's staff as these rows say (at most MOST_ROWS); the answer of api.md, 7.

    `location_ids` and `location_external_ids` together are all of a member's locations.
    """
    return _sync(STAFFS, business_id, rows, lambda drafts: linking.link_staff(business_id, drafts))


def sync_clients(*, business_id: int, rows: Sequence[Any]) -> dict[str, Any]:
    """Make the business's clients as these rows say (at most MOST_ROWS); the answer of api.md, 7.

    Consent is not the host's to say: a client's new address shows the consent that it has, and an opt-out stays.
    A client merged into another is no more to be synced: its row fails and names the one that was kept.
    """
    return _sync(CLIENTS, business_id, rows, lambda drafts: linking.link_clients(business_id, drafts))


def _sync(kind: Kind, business_id: int, rows: Sequence[Any], link: Callable[[list[Draft]], None]) -> dict[str, Any]:
    business = sql.row(_COUNTRY, {"business": business_id})
    if business is None:
        raise NotFound("There is no such business.")

    def work() -> list[Draft]:
        drafts = read_rows(kind.row, rows, business["country"])
        sql.rows(_LOCK, {"name": f"sync:{kind.name}:{business_id}"})
        link(_good(drafts))
        _write(kind, business_id, drafts)
        return drafts

    return _answer(sql.in_transaction(work))


def _good(drafts: Iterable[Draft]) -> list[Draft]:
    return [draft for draft in drafts if not draft.faults]


def _answer(drafts: list[Draft]) -> dict[str, Any]:
    counts = Counter(draft.outcome for draft in drafts)
    return {name: counts[name] for name in OUTCOMES} | {"results": [draft.answer() for draft in drafts]}


def _write(kind: Kind, business_id: int, drafts: list[Draft]) -> None:
    existing = _existing(kind, business_id, _good(drafts))
    for draft in _good(drafts):
        _check(kind, draft, existing)
    pending = _last_of_each(_good(drafts))
    for _ in range(_PASSES):
        if not pending:
            return
        _update(kind, business_id, [d for d in pending if d.external_id in existing], existing)
        pending = _insert(kind, business_id, [d for d in pending if d.external_id not in existing])
        existing = _existing(kind, business_id, pending) if pending else {}
    for draft in pending:
        draft.fault("external_id", "was being written by somebody else: send it again")


def _existing(kind: Kind, business_id: int, drafts: list[Draft]) -> dict[str, dict[str, Any]]:
    columns = ", ".join(["t.id", "t.external_id", *(f"t.{name}" for name in kind.columns), *kind.also_read])
    params = {"business": business_id, "external_ids": [draft.external_id for draft in drafts]}
    found = sql.rows(_EXISTING.format(columns=columns, table=kind.table), params) if drafts else []
    return {row["external_id"]: row for row in found}


def _check(kind: Kind, draft: Draft, existing: dict[str, dict[str, Any]]) -> None:
    row = existing.get(draft.external_id or "")
    if row is None and kind.is_named and not draft.said.get("name"):
        draft.fault("name", f"is required for a new {kind.noun}")
    if row is not None and row.get("merged_into_id"):
        sentence = f"was merged into client {row['merged_into_id']}: sync that one, or undo the merge"
        draft.fault("external_id", sentence)


def _last_of_each(drafts: list[Draft]) -> list[Draft]:
    last = {draft.external_id: draft for draft in drafts}
    for draft in drafts:
        if last[draft.external_id] is not draft:
            draft.fault("external_id", "stands in a later row of this call too, and that one counts")
    return list(last.values())


def _update(kind: Kind, business_id: int, drafts: list[Draft], existing: dict[str, dict[str, Any]]) -> None:
    """Write what differs, and that alone; `outcome` and `id` of each draft."""
    changes: dict[int, dict[str, Any]] = {}
    for draft in drafts:
        row = existing[draft.external_id or ""]
        draft.id, draft.outcome = row["id"], "unchanged"
        differs = {k: v for k, v in _values(kind, draft).items() if row[k] != v}
        if differs:
            changes[row["id"]] = differs
        if differs or draft.said.get("locations", row.get("locations")) != row.get("locations"):
            draft.outcome = "updated"
    written = _write_changes(kind, business_id, changes)
    for draft in drafts:
        if draft.id in changes and draft.id not in written:
            draft.id, draft.outcome = None, "failed"
            draft.fault("external_id", "was merged into another client meanwhile")
    _finish(kind, [draft for draft in drafts if draft.outcome == "updated"])
    _tell(kind, {id_: said for id_, said in changes.items() if id_ in written})


def _write_changes(kind: Kind, business_id: int, changes: dict[int, dict[str, Any]]) -> set[int]:
    if not changes:
        return set()
    sets = [f"{n} = CASE WHEN '{n}' = ANY(x.said) THEN x.{n} ELSE t.{n} END" for n in kind.columns]
    statement = _UPDATE.format(
        table=kind.table, sets=", ".join([*sets, *kind.also_set]), typed=_typed(kind), guard=kind.guard
    )
    rows = [{"id": id_, "said": list(said), **said} for id_, said in changes.items()]
    found = sql.rows(statement, {"business": business_id, "rows": orjson.dumps(rows).decode()})
    return {row["id"] for row in found}


def _insert(kind: Kind, business_id: int, drafts: list[Draft]) -> list[Draft]:
    """Insert new rows; give those that somebody else has inserted at this moment."""
    if not drafts:
        return []
    blank = {name: value for name, (_, value) in kind.columns.items()}
    rows = [{"external_id": draft.external_id, **blank, **_values(kind, draft)} for draft in drafts]
    names = ", ".join([*kind.columns, *kind.constants])
    values = ", ".join([*(f"x.{name}" for name in kind.columns), *kind.constants.values()])
    statement = _INSERT.format(table=kind.table, names=names, values=values, typed=_typed(kind))
    found = sql.rows(statement, {"business": business_id, "rows": orjson.dumps(rows).decode()})
    ids = {row["external_id"]: row["id"] for row in found}
    made = [draft for draft in drafts if draft.external_id in ids]
    for draft in made:
        draft.id, draft.outcome = ids[draft.external_id], "created"
    _finish(kind, made)
    _tell(kind, {draft.id: _values(kind, draft) for draft in made if draft.id})
    return [draft for draft in drafts if draft.external_id not in ids]


def _typed(kind: Kind) -> str:
    return ", ".join(f"{name} {sql_type}" for name, (sql_type, _) in kind.columns.items())


def _values(kind: Kind, draft: Draft) -> dict[str, Any]:
    """What the row says of the table's own columns; null is the column's blank value."""
    said = {name: draft.said[name] for name in kind.columns if name in draft.said}
    return {name: kind.columns[name][1] if value is None else value for name, value in said.items()}


def _finish(kind: Kind, drafts: list[Draft]) -> None:
    if kind is STAFFS:
        linking.set_locations({d.id: d.said["locations"] for d in drafts if d.id and "locations" in d.said})


def _tell(kind: Kind, changes: dict[int, dict[str, Any]]) -> None:
    if kind is CLIENTS:
        phones = [id_ for id_, said in changes.items() if said.get("phone") is not None]
        emails = [id_ for id_, said in changes.items() if said.get("email") is not None]
        tell_changed(phones=phones, emails=emails)
