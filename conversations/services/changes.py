"""The feed of a business's changes: a reader that goes on from its place misses nothing and sees nothing out of order.

A change's line is written by the transaction that makes the change, and gets its place in the feed only once that is
visible: whoever reads gives the places first, one at a time. So a transaction that commits late comes late, and never
behind a reader. Of two changes of one thing the first is visible whenever the second is, and has the lower id.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from conversations.models import Assignment
from conversations.services.reading import Narrowing, Order, conversation_rows, messages_by_ids
from omega_project.lib import sql

KEPT_DAYS = 7
_MOST_PLACED = 5000
_MOST_PRUNED = 5000

_PLACELESS = """
SELECT 1 AS one FROM conversations_change WHERE business_id = %(business)s::bigint AND position IS NULL LIMIT 1
"""
_BEGIN = """
INSERT INTO conversations_changefeed (business_id, position) VALUES (%(business)s::bigint, 0) ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT position FROM conversations_changefeed WHERE business_id = %(business)s::bigint FOR UPDATE"
# A statement of its own, after the lock: it sees all that was visible when the lock was given.
_PLACE = """
WITH fresh AS (
    SELECT id, row_number() OVER (ORDER BY id) AS n FROM (
        SELECT id FROM conversations_change WHERE business_id = %(business)s::bigint AND position IS NULL
        ORDER BY id LIMIT %(most)s::int) x
), placed AS (
    UPDATE conversations_change c SET position = %(last)s::bigint + f.n FROM fresh f WHERE c.id = f.id RETURNING 1
)
UPDATE conversations_changefeed SET position = position + (SELECT count(*) FROM placed)
WHERE business_id = %(business)s::bigint
"""
_READ = """
SELECT position, kind, subject_id, at FROM conversations_change
WHERE business_id = %(business)s::bigint AND position > %(after)s::bigint ORDER BY position LIMIT %(most)s::int
"""
# What changed and in which conversation, and nothing of it: for windows that ask for what they show themselves.
_LINES = """
SELECT c.position, c.kind, c.subject_id, CASE
    WHEN c.kind = 'conversation.updated' THEN c.subject_id
    WHEN c.kind = 'assignment.created' THEN
        (SELECT a.conversation_id FROM conversations_assignment a WHERE a.id = c.subject_id)
    ELSE (SELECT m.conversation_id FROM conversations_message m WHERE m.id = c.subject_id)
END AS conversation_id
FROM conversations_change c
WHERE c.business_id = %(business)s::bigint AND c.position > %(after)s::bigint ORDER BY c.position LIMIT %(most)s::int
"""
# Which of these businesses have something behind the places that are known: an index look-up or two for each.
_STIRRED = """
SELECT w.business AS id FROM unnest(%(ids)s::bigint[], %(positions)s::bigint[]) AS w(business, position)
LEFT JOIN conversations_changefeed f ON f.business_id = w.business
WHERE COALESCE(f.position, 0) > w.position OR EXISTS (
    SELECT 1 FROM conversations_change c WHERE c.business_id = w.business AND c.position IS NULL)
"""
_LAST = "SELECT position FROM conversations_changefeed WHERE business_id = %(business)s::bigint"
# What was forgotten before it had a place takes one all the same: a reader finds the gap.
_PRUNE = """
WITH gone AS (
    DELETE FROM conversations_change
    WHERE id IN (SELECT id FROM conversations_change ORDER BY id LIMIT %(most)s::int)
      AND at < now() - make_interval(days => %(days)s::int)
    RETURNING business_id, position
), unplaced AS (
    SELECT business_id, count(*) AS n FROM gone WHERE position IS NULL GROUP BY business_id
), skipped AS (
    UPDATE conversations_changefeed f SET position = f.position + u.n FROM unplaced u
    WHERE f.business_id = u.business_id
)
SELECT count(*)::int AS n FROM gone
"""


class Forgotten(Exception):
    """Changes after the place asked for are not kept any more: the reader has to begin anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change as a reader gets it: `thing` names what changed, `row` is that as it is now."""

    position: int
    kind: str
    at: datetime
    thing: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Changes in their order; `position` is where to go on from."""

    changes: list[Change]
    position: int
    has_more: bool


def read(*, business_id: int, after: int | None, limit: int) -> Page:
    """The changes after a place, by default from the oldest kept. Raises Forgotten where there is a gap behind it."""
    _place(business_id)
    rows = sql.rows(_READ, {"business": business_id, "after": after or 0, "most": limit + 1})
    if after is not None:
        _require_unbroken(business_id, after, rows)
    shown = rows[:limit]
    position = shown[-1]["position"] if shown else after if after is not None else newest(business_id)
    return Page(_with_data(business_id, shown), position, len(rows) > limit)


@dataclass(frozen=True, slots=True)
class Line:
    """That something changed: what, and in which conversation (None where it is gone)."""

    position: int
    kind: str
    subject_id: int
    conversation_id: int | None


def lines(*, business_id: int, after: int, limit: int) -> list[Line]:
    """The changes after a place as `read` gives them, without what changed. Raises Forgotten."""
    _place(business_id)
    rows = sql.rows(_LINES, {"business": business_id, "after": after, "most": limit})
    _require_unbroken(business_id, after, rows)
    return [Line(row["position"], row["kind"], row["subject_id"], row["conversation_id"]) for row in rows]


def stirred(positions: Mapping[int, int]) -> list[int]:
    """Which of these businesses, by id, have changes behind the place given with each."""
    rows = sql.rows(_STIRRED, {"ids": list(positions), "positions": list(positions.values())})
    return [row["id"] for row in rows]


def newest(business_id: int) -> int:
    """The place of the latest change that has one: who only wants what comes begins here."""
    found = sql.row(_LAST, {"business": business_id})
    return int(found["position"]) if found else 0


def end(business_id: int) -> int:
    """As `newest`, with all that is visible now behind it."""
    _place(business_id)
    return newest(business_id)


def _require_unbroken(business_id: int, after: int, rows: list[dict[str, Any]]) -> None:
    following = rows[0]["position"] if rows else newest(business_id) + 1
    if following != after + 1:
        raise Forgotten


def _place(business_id: int) -> None:
    if sql.rows(_PLACELESS, {"business": business_id}):
        sql.in_transaction(lambda: _place_locked(business_id))


def _place_locked(business_id: int) -> None:
    params = {"business": business_id, "most": _MOST_PLACED}
    sql.rows(_BEGIN, params)
    locked = sql.rows(_LOCK, params)[0]
    sql.rows(_PLACE, params | {"last": locked["position"]})


def prune() -> int:
    """Forget the oldest changes that nobody needs to go on from; how many."""
    return int(sql.in_transaction(lambda: sql.rows(_PRUNE, {"most": _MOST_PRUNED, "days": KEPT_DAYS}))[0]["n"])


def _with_data(business_id: int, rows: list[dict[str, Any]]) -> list[Change]:
    """Each with its thing; what is gone by now is left out."""
    wanted: dict[str, set[int]] = {}
    for row in rows:
        wanted.setdefault(_THING[row["kind"]], set()).add(row["subject_id"])
    things = {name: _READERS[name](business_id, ids) for name, ids in wanted.items()}
    found = ((row, _THING[row["kind"]], things[_THING[row["kind"]]].get(row["subject_id"])) for row in rows)
    return [Change(row["position"], row["kind"], row["at"], thing, one) for row, thing, one in found if one]


def _messages(business_id: int, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in messages_by_ids(ids) if row["business_id"] == business_id}


def _conversations(business_id: int, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    narrowing = Narrowing(["v.business_id = %(business)s::bigint"], {"business": business_id})
    narrowing.add("v.id = ANY(%(ids)s::bigint[])", ids=list(ids))
    rows = conversation_rows(narrowing, Order("v.id", "bigint", descending=True, tie="v.id"), limit=1000)
    return {row["id"]: row for row in rows}


def _assignments(business_id: int, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    found = Assignment.objects.filter(pk__in=list(ids), conversation__business_id=business_id)
    names = ("id", "conversation_id", "staff_id", "previous_id", "actor_id", "forced", "at")
    return {row["id"]: row for row in found.values(*names)}


_THING = {
    "message.created": "message", "message.updated": "message", "call.updated": "message",
    "conversation.updated": "conversation", "assignment.created": "assignment",
}  # fmt: skip
_READERS: dict[str, Callable[[int, Iterable[int]], dict[int, dict[str, Any]]]] = {
    "message": _messages,
    "conversation": _conversations,
    "assignment": _assignments,
}
