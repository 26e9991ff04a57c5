"""Clients and staff as plain rows, with the figures of a profile: no query for a single row of a page."""

from typing import Any

from conversations.services.filtering import client_words
from conversations.services.reading import Narrowing, Order, Source, page_rows
from omega_project.lib import sql
from omega_project.lib.api.pagination import Cursor

NEWEST_FIRST = Order("c.created_at", "timestamptz", descending=True, tie="c.id")
STAFF_ORDER = Order("s.id", "bigint", descending=False, tie="s.id")
_CLIENTS = """
SELECT c.id, c.external_id, c.first_name, c.last_name, c.phone, c.email, c.timezone, c.locale, c.home_location_id,
    c.tags, c.consent_sms, c.consent_email, c.consent_voice, c.created_at, c.updated_at {extra}
FROM page c ORDER BY {order}
"""
CLIENTS = Source("accounts_client c", "c.*", "c.*", _CLIENTS, (4, 20, 80))
_FILTERS = ("q", "tag", "location_id", "has_conversation", "consent")
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


def clients_of(business_id: int) -> Narrowing:
    """The business's clients, without those that were merged into others."""
    where = ["c.business_id = %(business)s::bigint", "c.merged_into_id IS NULL"]
    return Narrowing(where, {"business": business_id})


def clients(business_id: int, given: Any) -> Narrowing:
    """The conditions of a ClientsQuery. Words are served by the index client_search."""
    narrowing = clients_of(business_id)
    if given.tag is not None:
        narrowing.add("c.tags @> ARRAY[%(tag)s::varchar]", tag=given.tag)
    if given.location_id is not None:
        narrowing.add("c.home_location_id = %(location)s::bigint", location=given.location_id)
    if given.has_conversation is not None:
        narrowing.add("c.has_conversation" if given.has_conversation else "NOT c.has_conversation")
    if given.consent is not None:
        channel, _, state = given.consent.partition(":")
        # Words of our own: where nearly all have the same one, a plan for any would walk past them.
        narrowing.add(f"c.consent_{channel} = '{state}'")
    if given.q and given.q.strip():
        narrowing.words = client_words(narrowing, given.q)
    # One filter alone has an index in the list's order; of a tag, and of several, the values tell which is rare.
    narrowing.plan_anew = given.tag is not None or sum(getattr(given, name) is not None for name in _FILTERS) > 1
    return narrowing


def client_rows(narrowing: Narrowing, *, limit: int, cursor: Cursor | None = None) -> list[dict[str, Any]]:
    """`limit` clients, newest first."""
    return page_rows(CLIENTS, narrowing, NEWEST_FIRST, limit=limit, cursor=cursor)


def client_stats(conversation_id: int) -> dict[str, Any]:
    """What went to and fro in a conversation."""
    return sql.rows(_STATS, {"id": conversation_id})[0]


_STAFF = """
SELECT s.id, s.external_id, s.name, s.email, s.phone, s.role, s.availability, s.is_active,
    ARRAY(SELECT l.location_id FROM accounts_staff_locations l WHERE l.staff_id = s.id ORDER BY 1) AS location_ids,
    (SELECT count(*)::int FROM conversations_conversation v
     WHERE v.assigned_to_id = s.id AND v.status = 'open') AS open_conversations
    {extra}
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


STAFF = Source("accounts_staff s", "s.*", "s.*", _STAFF)


def staff_rows(narrowing: Narrowing, *, limit: int, cursor: Cursor | None = None) -> list[dict[str, Any]]:
    """`limit` staff members in the order of their ids, each with its locations and open conversations: one query."""
    return page_rows(STAFF, narrowing, STAFF_ORDER, limit=limit, cursor=cursor)


def staff_matching(narrowing: Narrowing, text: str | None) -> None:
    """Narrow to staff with each word of `text` in their name, e-mail or phone. A business has few: no index."""
    for place, word in enumerate((text or "").split()[:5]):
        columns = " OR ".join(f"position(%(word{place})s::text IN upper(s.{one})) > 0" for one in _STAFF_TEXTS)
        narrowing.add(f"({columns})", **{f"word{place}": word.upper()})


_STAFF_TEXTS = ("name", "email", "phone")


def staff_workload(*, business_id: int, staff_id: int) -> dict[str, Any]:
    """What a staff member has in hand: conversations by status, the unread ones, and what came in thirty days."""
    return sql.rows(_WORKLOAD, {"business": business_id, "staff": staff_id})[0]
