"""Clients as plain rows, with the figures of a profile."""

from typing import Any

from conversations.services.reading import Narrowing, Order
from omega_project.lib import sql
from omega_project.lib.api.pagination import Cursor

NEWEST_FIRST = Order("c.id", "bigint", descending=True, tie="c.id")
_CLIENTS = """
SELECT c.id, c.external_id, c.first_name, c.last_name, c.phone, c.email, c.timezone, c.locale, c.home_location_id,
    c.tags, c.consent_sms, c.consent_email, c.consent_voice, c.created_at, c.updated_at
FROM accounts_client c {joins} WHERE {where} ORDER BY {order} LIMIT %(limit)s::int
"""
_STATS = """
SELECT count(*) FILTER (WHERE direction = 'inbound' AND channel IN ('sms', 'email'))::int AS messages_in,
    count(*) FILTER (WHERE direction = 'outbound' AND channel IN ('sms', 'email'))::int AS messages_out,
    count(*) FILTER (WHERE channel = 'voice')::int AS calls,
    min(created_at) FILTER (WHERE direction <> 'internal') AS first_contact_at,
    max(created_at) FILTER (WHERE direction <> 'internal') AS last_contact_at
FROM conversations_message WHERE conversation_id = %(id)s
"""
NO_STATS: dict[str, Any] = {
    "messages_in": 0, "messages_out": 0, "calls": 0, "first_contact_at": None, "last_contact_at": None,
}  # fmt: skip


def client_rows(narrowing: Narrowing, *, limit: int, cursor: Cursor | None = None) -> list[dict[str, Any]]:
    """`limit` clients, newest first: one query."""
    if cursor is not None:
        condition, params = NEWEST_FIRST.after(cursor)
        narrowing.add(condition, **params)
    order = NEWEST_FIRST.clause(backwards=bool(cursor and cursor.backwards))
    statement = _CLIENTS.format(joins=narrowing.joins, where=" AND ".join(narrowing.where), order=order)
    return sql.rows(statement, narrowing.params | {"limit": limit})


def count_clients(narrowing: Narrowing) -> int:
    """How many clients there are under these conditions; asked for only by `include_total`."""
    where = " AND ".join(narrowing.where)
    return int(sql.rows(f"SELECT count(*) AS n FROM accounts_client c WHERE {where}", narrowing.params)[0]["n"])  # noqa: S608


def matching(narrowing: Narrowing, text: str | None) -> None:
    """Narrow to clients with each word of `text` in their name, phone or e-mail; served by the index client_search."""
    for place, word in enumerate((text or "").split()[:5]):
        name = f"word{place}"
        pattern = "%" + word.upper().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = ("first_name", "last_name", "phone", "email")
        either = " OR ".join(f"UPPER(c.{column}) LIKE %({name})s::text" for column in columns)
        narrowing.add(f"({either})", **{name: pattern})


def client_stats(conversation_id: int) -> dict[str, Any]:
    """What went to and fro in a conversation."""
    return sql.rows(_STATS, {"id": conversation_id})[0]
