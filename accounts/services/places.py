"""Locations as plain rows, in the order of their ids."""

from typing import Any

from omega_project.lib import sql
from omega_project.lib.api.pagination import Cursor

_LIST = """
SELECT id, external_id, name, address, phone, timezone, is_active FROM accounts_location
WHERE business_id = %(business)s::bigint {after} ORDER BY id {word} LIMIT %(limit)s::int
"""
_COUNT = "SELECT count(*) AS n FROM accounts_location WHERE business_id = %(business)s::bigint"


def location_rows(*, business_id: int, limit: int, cursor: Cursor | None = None) -> list[dict[str, Any]]:
    """`limit` locations of a business, oldest first (newest first where the cursor goes back): one query."""
    backwards = bool(cursor and cursor.backwards)
    after = f"AND id {'<' if backwards else '>'} %(id)s::bigint" if cursor else ""
    params = {"business": business_id, "limit": limit, "id": cursor.key[-1] if cursor else None}
    return sql.rows(_LIST.format(after=after, word="DESC" if backwards else "ASC"), params)


def count_locations(*, business_id: int) -> int:
    """How many locations a business has; asked for only by `include_total`."""
    return int(sql.rows(_COUNT, {"business": business_id})[0]["n"])
