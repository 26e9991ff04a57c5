"""The locations that rows of a sync name, by our id or by the host's: found in one statement, of this business only."""

from dataclasses import dataclass
from typing import Any

import orjson

from accounts.services.rows import Draft
from omega_project.lib import sql

_FIND = """
SELECT id, external_id FROM accounts_location WHERE business_id = %(business)s::bigint
AND (id = ANY(%(ids)s::bigint[]) OR external_id = ANY(%(external_ids)s::text[]))
"""
_SET = """
WITH input AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(staff_id bigint, locations bigint[])
), gone AS (
    DELETE FROM accounts_staff_locations t USING input i
    WHERE t.staff_id = i.staff_id AND NOT t.location_id = ANY(i.locations)
)
INSERT INTO accounts_staff_locations (staff_id, location_id)
SELECT i.staff_id, unnest(i.locations) FROM input i ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class _Known:
    ids: set[int]
    by_external_id: dict[str, int]


def _known(business_id: int, ids: set[int], external_ids: set[str]) -> _Known:
    if not ids and not external_ids:
        return _Known(set(), {})
    params = {"business": business_id, "ids": list(ids), "external_ids": list(external_ids)}
    found = sql.rows(_FIND, params)
    return _Known({row["id"] for row in found}, {row["external_id"]: row["id"] for row in found if row["external_id"]})


def link_clients(business_id: int, drafts: list[Draft]) -> None:
    """Each client's home location as an id of this business, or the row's fault."""
    ids = {draft.said.get("home_location_id") for draft in drafts}
    names = {draft.said.get("home_location_external_id") for draft in drafts}
    known = _known(business_id, {one for one in ids if one}, {one for one in names if one})
    for draft in drafts:
        if "home_location_id" in draft.said or "home_location_external_id" in draft.said:
            _link_home(draft, known)


def _link_home(draft: Draft, known: _Known) -> None:
    given = draft.said.get("home_location_id")
    named = draft.said.pop("home_location_external_id", None)
    if given is not None and given not in known.ids:
        draft.fault("home_location_id", "is not a location of this business")
    if named is not None and named not in known.by_external_id:
        draft.fault("home_location_external_id", "is not a location of this business")
    found = known.by_external_id.get(named) if named is not None else None
    if None not in (given, found) and given != found:
        draft.fault("home_location_external_id", "names another location than home_location_id")
    draft.said["home_location_id"] = given if given is not None else found


def link_staff(business_id: int, drafts: list[Draft]) -> None:
    """Each member's locations as sorted ids of this business under `locations`, or the row's fault."""
    ids = {one for draft in drafts for one in draft.said.get("location_ids") or ()}
    names = {one for draft in drafts for one in draft.said.get("location_external_ids") or ()}
    known = _known(business_id, ids, names)
    for draft in drafts:
        if "location_ids" in draft.said or "location_external_ids" in draft.said:
            _link_locations(draft, known)


def _link_locations(draft: Draft, known: _Known) -> None:
    given: list[int] = draft.said.pop("location_ids", None) or []
    named: list[str] = draft.said.pop("location_external_ids", None) or []
    if strange := [one for one in given if one not in known.ids]:
        draft.fault("location_ids", f"names {strange[0]}, which is not a location of this business")
    if unknown := [one for one in named if one not in known.by_external_id]:
        draft.fault("location_external_ids", f"names {unknown[0]!r}, which is not a location of this business")
    draft.said["locations"] = sorted({*given, *(known.by_external_id.get(one, 0) for one in named)})


def set_locations(wanted: dict[int, Any]) -> None:
    """The locations of these staff members (id to location ids), no more and no less."""
    if wanted:
        rows = [{"staff_id": staff_id, "locations": ids} for staff_id, ids in wanted.items()]
        sql.rows(_SET, {"rows": orjson.dumps(rows).decode()})
