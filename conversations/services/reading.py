"""The hot lists as plain rows: pages by key, in few queries whatever their size (limits.md)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from omega_project.lib import sql
from omega_project.lib.api.pagination import Cursor

MESSAGE_COLUMNS = """
m.id, m.request_id, m.business_id, m.client_id, m.conversation_id, m.channel, m.direction, m.status, m.body, m.subject,
m.html, m.from_address, m.to_address, m.cc, m.bcc, m.staff_id, m.provider, m.provider_message_id, m.error_code,
m.error_message, m.error_retryable, m.attempts, m.segments, m.media_count, m.scheduled_at, m.call::text AS call,
m.is_read OR r.read_at IS NOT NULL AS is_read, CASE WHEN m.is_read THEN m.read_at ELSE r.read_at END AS read_at,
m.created_at, m.sent_at, m.delivered_at, m.metadata::text AS metadata,
CASE WHEN m.media_count > 0 THEN (
    SELECT json_agg(json_build_object('id', a.id, 'status', a.status, 'source_url', a.source_url,
        'content_type', a.content_type, 'size', a.size, 'name', a.name) ORDER BY a.id)
    FROM conversations_attachment a WHERE a.message_id = m.id
) END AS media
"""
_NEARLY = 8
_CONVERSATIONS = """
SELECT v.id, v.business_id, v.client_id, v.location_id, v.status, v.unread_count, v.channels, v.labels, v.snoozed_until,
    v.first_response_at, v.created_at, v.updated_at, v.closed_at, v.last_message_at, v.assigned_to_id,
    s.name AS staff_name, c.first_name, c.last_name, c.phone, c.email, m.id AS last_id, m.channel AS last_channel,
    m.direction AS last_direction, left(m.body, 160) AS last_body, left(m.subject, 160) AS last_subject,
    m.status AS last_status, m.created_at AS last_at, m.media_count AS last_media {extra}
FROM page v JOIN accounts_client c ON c.id = v.client_id
LEFT JOIN accounts_staff s ON s.id = v.assigned_to_id
LEFT JOIN conversations_message m ON m.id = v.last_message_id
ORDER BY {order}
"""
_MESSAGES = f"""
SELECT {MESSAGE_COLUMNS} {{extra}}
FROM page JOIN conversations_message m ON m.id = page.id
LEFT JOIN LATERAL (SELECT r.read_at FROM conversations_messageread r WHERE r.message_id = m.id OFFSET 0) r
    ON NOT m.is_read
ORDER BY {{order}}
"""  # noqa: S608  our own columns


@dataclass(frozen=True, slots=True)
class Words:
    """What a search looks for, said twice: `of_row` asks one row, `of_all` has an index answer for all rows.

    `of_all` has its values in a SELECT of their own: the planner cannot see how common they are, and takes their index.
    Where it can see, it reads a table from end to end for what was common once and is so no more. With `ids`, a SELECT
    of the matching rows' ids, these are looked up one by one.
    """

    of_row: str
    of_all: str
    ids: str = ""


@dataclass(slots=True)
class Narrowing:
    """Conditions of a list with their values."""

    where: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    words: Words | None = None
    # In place of the list's table, with its alias: a few rows that hold all that is asked for.
    few: str = ""
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
    def keys(self) -> tuple[str, ...]:
        """The columns whose values make a cursor."""
        return (self.name, "id") if self.column != self.tie else ("id",)

    @property
    def name(self) -> str:
        return self.column.rpartition(".")[2]

    @property
    def selected(self) -> str:
        """The key's columns, in a SELECT."""
        return self.tie if self.column == self.tie else f"{self.tie}, {self.expression or self.column} AS {self.name}"

    def clause(self, cursor: Cursor | None) -> str:
        return self._clause(self.expression or self.column, cursor)

    def outer_clause(self, cursor: Cursor | None) -> str:
        """The same over rows whose column has the expression's value."""
        return self._clause(self.column, cursor)

    def _clause(self, column: str, cursor: Cursor | None) -> str:
        word = "DESC" if self.descending != bool(cursor and cursor.backwards) else "ASC"
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


@dataclass(frozen=True, slots=True)
class Source:
    """A list's table with its alias, the columns that its page and its search need, and the SELECT of the answer.

    A search looks at so many times a page's rows first as `near` begins with, in the list's order; where these fill an
    eighth of the page, at as many as can be expected to fill it. A word that many have is found there. For any other
    one everything is looked at, by the words' index. To ask a conversation takes a hundred times as long as a client.
    """

    table: str
    columns: str
    searched: str
    answer: str
    near: tuple[int, ...] = (4, 20)


CONVERSATIONS = Source("conversations_conversation v", "v.*", "v.*", _CONVERSATIONS)
# Of a message only the id: the index `timeline_by_time` alone answers a filter, and what that leaves out is not read.
MESSAGES = Source("conversations_message m", "m.id", "m.id, m.created_at, m.search", _MESSAGES)


def page_rows(
    source: Source, narrowing: Narrowing, order: Order, *, limit: int, cursor: Cursor | None, extra: str = ""
) -> list[dict[str, Any]]:
    """`limit` rows under `narrowing`, behind the cursor: one query; for words that are rare among the newest, two."""
    if cursor is not None:
        condition, params = order.after(cursor)
        narrowing.add(condition, **params)
    if order.expression:
        extra += f", {order.column}"
    ask = _Asking(source, narrowing, order, cursor, limit, extra)
    words = narrowing.words
    if words is None:
        return ask.rows(ask.straight())
    times: int | None = source.near[0]
    while times:
        near = ask.rows(ask.near(words, times * limit), ", (SELECT count(*) FROM near) AS seen")
        if len(near) == limit or (near and near[0]["seen"] < times * limit):
            return near
        times = _further(source, times, len(near), limit)
    return ask.rows(ask.everywhere(words), plan_anew=True)


def _further(source: Source, times: int, found: int, limit: int) -> int | None:
    """At how many times the page's rows to look next, having found so many; None: at everything."""
    further = [more for more in source.near if more > times]
    if not further or _NEARLY * found < limit:
        return None
    return next((more for more in further if found * more >= limit * times), further[-1])


@dataclass(frozen=True, slots=True)
class _Asking:
    """The statements of one page. The limit stands in them as a number: a plan that fits any value knows how few."""

    source: Source
    narrowing: Narrowing
    order: Order
    cursor: Cursor | None
    limit: int
    extra: str

    def rows(self, page: str, more: str = "", *, plan_anew: bool = False) -> list[dict[str, Any]]:
        answer = self.source.answer.format(order=self.order.outer_clause(self.cursor), extra=self.extra + more)
        return sql.rows(f"WITH {page} {answer}", self.narrowing.params, plan_anew=plan_anew or self.narrowing.plan_anew)

    def _select(self, columns: str, limit: int | None, also: str = "") -> str:
        order = self.order
        key = f", {order.expression} AS {order.name}" if order.expression and limit else ""
        where = " AND ".join([*self.narrowing.where, *([also] if also else [])])
        table = self.narrowing.few or self.source.table
        chosen = f"SELECT {columns}{key} FROM {table} WHERE {where}"  # noqa: S608  parts of our own
        return f"{chosen} ORDER BY {order.clause(self.cursor)} LIMIT {limit}" if limit else chosen

    def _few(self, rows: str, condition: str = "true") -> str:
        """The page's part of `rows`, which have the sort key as columns."""
        alias, order = self.source.table.split()[1], self.order.outer_clause(self.cursor)
        return f"SELECT * FROM {rows} {alias} WHERE {condition} ORDER BY {order} LIMIT {self.limit}"  # noqa: S608

    def straight(self) -> str:
        return f"page AS MATERIALIZED ({self._select(self.source.columns, self.limit)})"

    def near(self, words: Words, most: int) -> str:
        return f"""near AS MATERIALIZED ({self._select(self.source.searched, most)}),
            page AS MATERIALIZED ({self._few("near", words.of_row)})"""

    def everywhere(self, words: Words) -> str:
        """All matches first and their order after: else the list's own index would be walked in search of them."""
        table, alias = self.source.table.split()
        key = f", {self.order.expression} AS {self.order.name}" if self.order.expression else ""
        return f"""found AS MATERIALIZED ({self._found(words)}),
            few AS MATERIALIZED ({self._few("found")}),
            page AS MATERIALIZED (
                SELECT {self.source.columns}{key} FROM few JOIN {table} {alias} ON {alias}.id = few.id)"""  # noqa: S608

    def _found(self, words: Words) -> str:
        if not words.ids:
            return self._select(self.order.selected, None, words.of_all)
        table, alias = self.source.table.split()
        where = " AND ".join(self.narrowing.where)
        # OFFSET 0 keeps it a look-up for each id.
        return f"""SELECT {self.order.selected} FROM ({words.ids}) ids CROSS JOIN LATERAL (
            SELECT * FROM {table} {alias} WHERE {alias}.id = ids.id AND {where} OFFSET 0) {alias}"""  # noqa: S608


def conversation_rows(
    narrowing: Narrowing, order: Order, *, limit: int, cursor: Cursor | None = None
) -> list[dict[str, Any]]:
    """`limit` conversations with client, assignee and last message."""
    return page_rows(CONVERSATIONS, narrowing, order, limit=limit, cursor=cursor)


def count_rows(source: Source, narrowing: Narrowing) -> int:
    """How many rows there are under these conditions; asked for only by `include_total`."""
    where = " AND ".join(narrowing.where)
    statement = f"SELECT count(*) AS n FROM {narrowing.few or source.table} WHERE {where}"  # noqa: S608  parts of our own
    if narrowing.words is not None:
        statement += f" AND {narrowing.words.of_all}"
    return int(sql.rows(statement, narrowing.params, plan_anew=True)[0]["n"])


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
    """`limit` messages, each with `media`, its attachments' rows."""
    found = page_rows(MESSAGES, narrowing, order, limit=limit, cursor=cursor, extra=extra)
    for row in found:
        row["media"] = orjson.loads(row["media"]) if row["media"] else []
    return found


def messages_by_ids(ids: Iterable[int]) -> list[dict[str, Any]]:
    """These messages, newest first, whatever their business: for callers that have checked it."""
    narrowing = Narrowing(["m.id = ANY(%(ids)s::bigint[])"], {"ids": list(ids)})
    return message_rows(narrowing, Order("m.id", "bigint", descending=True, tie="m.id"), limit=1000)
