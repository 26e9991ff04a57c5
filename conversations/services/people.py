"""Clients and staff as plain rows, with the figures of a profile: no query for a single row of a page."""

from typing import Any

from conversations.services.reading import Narrowing, Order
from omega_project.lib import sql
from omega_project.lib.api.pagination import Cursor

NEWEST_FIRST = Order("c.id", "bigint", descending=True, tie="c.id")
STAFF_ORDER = Order("s.id", "bigint", descending=False, tie="s.id")
# A word shorter than a trigram is looked for at the beginning of words only: the index client_search can do that.
_TRIGRAM = 3
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


def clients_of(business_id: int) -> Narrowing:
    """The business's clients, without those that were merged into others."""
    where = ["c.business_id = %(business)s::bigint", "c.merged_into_id IS NULL"]
    return Narrowing(where, {"business": business_id})


def matching(narrowing: Narrowing, text: str | None) -> None:
    """Narrow to clients with each word of `text` in their name, phone or e-mail; served by the index client_search.

    Words of one or two letters are looked for at the beginning of a name's words.
    """
    for place, word in enumerate((text or "").split()[:5]):
        pattern = word.upper().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        patterns = [f"%{pattern}"] if len(word) >= _TRIGRAM else [pattern, f"% {pattern}"]
        columns = ("first_name", "last_name", "phone", "email")
        names = {f"word{place}_{number}": one for number, one in enumerate(patterns)}
        either = " OR ".join(f"UPPER(c.{column}) LIKE %({name})s::text" for column in columns for name in names)
        narrowing.add(f"({either})", **names)


def client_stats(conversation_id: int) -> dict[str, Any]:
    """What went to and fro in a conversation."""
    return sql.rows(_STATS, {"id": conversation_id})[0]


_STAFF = """
WITH page AS MATERIALIZED (SELECT s.* FROM accounts_staff s WHERE {where} ORDER BY {order} LIMIT %(limit)s::int)
SELECT s.id, s.external_id, s.name, s.email, s.phone, s.role, s.availability, s.is_active,
    ARRAY(SELECT l.location_id FROM accounts_staff_locations l WHERE l.staff_id = s.id ORDER BY 1) AS location_ids,
    (SELECT count(*)::int FROM conversations_conversation v
     WHERE v.assigned_to_id = s.id AND v.status = 'open') AS open_conversations
FROM page s ORDER BY {order}
"""
AT_LOCATION = """EXISTS (SELECT 1 FROM accounts_staff_locations l
    WHERE l.staff_id = s.id AND l.location_id = %(location)s::bigint)"""
_WORKLOAD = """
SELECT count(*) FILTER (WHERE status = 'open')::int AS open, count(*) FILTER (WHERE status = 'pending')::int AS pending,
    count(*) FILTER (WHERE status = 'snoozed')::int AS snoozed, count(*)::int AS assigned_total,
    count(*) FILTER (WHERE unread_count > 0)::int AS unread,
    min(last_message_at) FILTER (WHERE unread_count > 0) AS oldest_unread_at,
    (SELECT count(*)::int FROM conversations_assignment a
     WHERE a.staff_id = %(staff)s::bigint AND a.at > now() - interval '30 days') AS assigned_30d
FROM conversations_conversation WHERE business_id = %(business)s::bigint AND assigned_to_id = %(staff)s::bigint
"""


def staff_rows(narrowing: Narrowing, *, limit: int, cursor: Cursor | None = None) -> list[dict[str, Any]]:
    """`limit` staff members in the order of their ids, each with its locations and open conversations: one query."""
    if cursor is not None:
        condition, params = STAFF_ORDER.after(cursor)
        narrowing.add(condition, **params)
    order = STAFF_ORDER.clause(backwards=bool(cursor and cursor.backwards))
    return sql.rows(
        _STAFF.format(where=" AND ".join(narrowing.where), order=order), narrowing.params | {"limit": limit}
    )


def count_staff(narrowing: Narrowing) -> int:
    """How many staff members there are under these conditions; asked for only by `include_total`."""
    where = " AND ".join(narrowing.where)
    return int(sql.rows(f"SELECT count(*) AS n FROM accounts_staff s WHERE {where}", narrowing.params)[0]["n"])  # noqa: S608


def staff_matching(narrowing: Narrowing, text: str | None) -> None:
    """Narrow to staff with each word of `text` in their name, e-mail or phone. A business has few: no index."""
    for place, word in enumerate((text or "").split()[:5]):
        columns = " OR ".join(f"position(%(word{place})s::text IN upper(s.{one})) > 0" for one in _STAFF_TEXTS)
        narrowing.add(f"({columns})", **{f"word{place}": word.upper()})


_STAFF_TEXTS = ("name", "email", "phone")


def staff_workload(*, business_id: int, staff_id: int) -> dict[str, Any]:
    """What a staff member has in hand: conversations by status, the unread ones, and what came in thirty days."""
    return sql.rows(_WORKLOAD, {"business": business_id, "staff": staff_id})[0]
