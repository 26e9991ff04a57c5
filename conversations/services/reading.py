"""The hot lists as plain rows: pages by key, in few queries whatever their size (limits.md)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from omega_project.lib import sql
from omega_project.lib.api.pagination import Cursor

MESSAGE_COLUMNS = """
m.id, m.request_id, m.business_id, m.client_id, m.conversation_id, m.channel, m.direction, m.status, m.body, m.subject,
m.html, m.from_address, m.to_address, m.cc, m.bcc, m.staff_id, m.provider, m.provider_message_id, m.error_code,
m.error_message, m.error_retryable, m.attempts, m.segments, m.media_count, m.scheduled_at, m.call::text AS call,
m.is_read OR (SELECT r.read_at FROM conversations_messageread r WHERE r.message_id = m.id) IS NOT NULL
    AS is_read,
CASE WHEN m.is_read THEN m.read_at ELSE (SELECT r.read_at FROM conversations_messageread r WHERE r.message_id = m.id)
    END AS read_at,
m.created_at, m.sent_at, m.delivered_at, m.metadata::text AS metadata
"""
_CONVERSATIONS = """
WITH page AS MATERIALIZED (
    SELECT v.* {key} FROM conversations_conversation v {joins} WHERE {where} ORDER BY {order} LIMIT %(limit)s::int
)
SELECT v.id, v.business_id, v.client_id, v.location_id, v.status, v.unread_count, v.channels, v.labels, v.snoozed_until,
    v.first_response_at, v.created_at, v.updated_at, v.closed_at, v.last_message_at, v.assigned_to_id,
    s.name AS staff_name, c.first_name, c.last_name, c.phone, c.email, m.id AS last_id, m.channel AS last_channel,
    m.direction AS last_direction, left(m.body, 160) AS last_body, left(m.subject, 160) AS last_subject,
    m.status AS last_status, m.created_at AS last_at, m.media_count AS last_media {extra}
FROM page v JOIN accounts_client c ON c.id = v.client_id
LEFT JOIN accounts_staff s ON s.id = v.assigned_to_id
LEFT JOIN conversations_message m ON m.id = v.last_message_id
ORDER BY {outer}
"""
_MEDIA = """
SELECT message_id, id, status, source_url, content_type, size, name FROM conversations_attachment
WHERE message_id = ANY(%(ids)s::bigint[]) ORDER BY id
"""


@dataclass(slots=True)
class Narrowing:
    """Conditions of a list with their values, and the joins that they need."""

    where: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    joins: str = ""
    # Conditions whose values differ widely in how many rows they leave: the statement is planned for them each time.
    plan_anew: bool = False

    def add(self, condition: str, **params: Any) -> None:
        self.where.append(condition)
        self.params.update(params)


@dataclass(frozen=True, slots=True)
class Order:
    """A total order: a column, the id as tie-breaker, and the direction of both. `kind` is the column's SQL type."""

    column: str
    kind: str
    descending: bool
    tie: str
    expression: str = ""

    @property
    def keys(self) -> tuple[str, str]:
        return self.column.rpartition(".")[2], "id"

    def clause(self, *, backwards: bool) -> str:
        return self._clause(self.expression or self.column, backwards)

    def outer_clause(self, *, backwards: bool) -> str:
        """The same over a page whose column has the expression's value."""
        return self._clause(self.column, backwards)

    def _clause(self, column: str, backwards: bool) -> str:
        word = "DESC" if self.descending != backwards else "ASC"
        return f"{self.tie} {word}" if column == self.tie else f"{column} {word}, {self.tie} {word}"

    def after(self, cursor: Cursor) -> tuple[str, dict[str, Any]]:
        """The condition for the rows behind the cursor."""
        sign = "<" if self.descending != cursor.backwards else ">"
        params = {"key": cursor.key[0], "key_id": cursor.key[-1]}
        if self.column == self.tie:
            return f"{self.tie} {sign} %(key_id)s::bigint", params
        return (
            f"({self.expression or self.column}, {self.tie}) {sign} (%(key)s::{self.kind}, %(key_id)s::bigint)",
            params,
        )


def timeline_order(*, descending: bool = True) -> Order:
    """A timeline's order: by time, since what came while nobody could call us is filled in at its place."""
    return Order("m.created_at", "timestamptz", descending=descending, tie="m.id")


def _placed(narrowing: Narrowing, order: Order, cursor: Cursor | None) -> tuple[str, str]:
    if cursor is not None:
        condition, params = order.after(cursor)
        narrowing.add(condition, **params)
    return " AND ".join(narrowing.where), order.clause(backwards=bool(cursor and cursor.backwards))


def conversation_rows(
    narrowing: Narrowing, order: Order, *, limit: int, cursor: Cursor | None = None
) -> list[dict[str, Any]]:
    """`limit` conversations with client, assignee and last message: one query."""
    where, clause = _placed(narrowing, order, cursor)
    name = order.keys[0]
    statement = _CONVERSATIONS.format(
        joins=narrowing.joins,
        where=where,
        order=clause,
        outer=order.outer_clause(backwards=bool(cursor and cursor.backwards)),
        key=f", {order.expression} AS {name}" if order.expression else "",
        extra=f", v.{name}" if order.expression else "",
    )
    return sql.rows(statement, narrowing.params | {"limit": limit}, plan_anew=narrowing.plan_anew)


def count_conversations(narrowing: Narrowing) -> int:
    """How many conversations there are under these conditions; asked for only by `include_total`."""
    return _count("conversations_conversation v", narrowing)


def count_messages(narrowing: Narrowing) -> int:
    """How many messages there are under these conditions; asked for only by `include_total`."""
    return _count("conversations_message m", narrowing)


def _count(table: str, narrowing: Narrowing) -> int:
    where = " AND ".join(narrowing.where)
    statement = f"SELECT count(*) AS n FROM {table} {narrowing.joins} WHERE {where}"  # noqa: S608  parts of our own
    return int(sql.rows(statement, narrowing.params)[0]["n"])


def conversation_row(
    *, business_id: int, client_id: int | None = None, conversation_id: int | None = None
) -> dict[str, Any] | None:
    """One conversation of a business, by its own id, its client's, or both."""
    narrowing = Narrowing(["v.business_id = %(business)s::bigint"], {"business": business_id})
    if client_id is not None:
        narrowing.add("v.client_id = %(client)s::bigint", client=client_id)
    if conversation_id is not None:
        narrowing.add("v.id = %(conversation)s::bigint", conversation=conversation_id)
    found = conversation_rows(narrowing, Order("v.id", "bigint", descending=True, tie="v.id"), limit=1)
    return found[0] if found else None


def message_rows(
    narrowing: Narrowing, order: Order, *, limit: int, cursor: Cursor | None = None, extra: str = ""
) -> list[dict[str, Any]]:
    """`limit` messages with their media: one query, and one more where any has media."""
    where, clause = _placed(narrowing, order, cursor)
    found = sql.rows(
        f"SELECT {MESSAGE_COLUMNS} {extra} FROM conversations_message m {narrowing.joins} "  # noqa: S608  parts of our own
        f"WHERE {where} ORDER BY {clause} LIMIT %(limit)s::int",
        narrowing.params | {"limit": limit},
        plan_anew=narrowing.plan_anew,
    )
    return with_media(found)


def with_media(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each message row with `media`, its attachments' rows."""
    owners = [row["id"] for row in rows if row["media_count"]]
    media: dict[int, list[dict[str, Any]]] = {}
    for item in sql.rows(_MEDIA, {"ids": owners}) if owners else ():
        media.setdefault(item["message_id"], []).append(item)
    for row in rows:
        row["media"] = media.get(row["id"], [])
    return rows


def messages_by_ids(ids: Iterable[int]) -> list[dict[str, Any]]:
    """These messages, newest first, whatever their business: for callers that have checked it."""
    narrowing = Narrowing(["m.id = ANY(%(ids)s::bigint[])"], {"ids": list(ids)})
    return message_rows(narrowing, Order("m.id", "bigint", descending=True, tie="m.id"), limit=1000)
