"""Filters and sorts of the lists, as conditions that an index serves."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conversations.services.reading import Narrowing, Order
from omega_project.lib import sql

# Unread ones first, each group newest first, as one number in microseconds: the index `inbox_unread_first`.
UNREAD_RANK = (
    "((extract(epoch FROM v.last_message_at AT TIME ZONE 'UTC') * 1000000)::bigint"
    " + CASE WHEN v.unread_count > 0 THEN 4000000000000000 ELSE 0 END)"
)
CONVERSATION_ORDERS: Mapping[str, Order] = {
    "-last_message_at": Order("v.last_message_at", "timestamptz", descending=True, tie="v.id"),
    "last_message_at": Order("v.last_message_at", "timestamptz", descending=False, tie="v.id"),
    "-created_at": Order("v.id", "bigint", descending=True, tie="v.id"),
    "unread_first": Order("v.unread_rank", "bigint", descending=True, tie="v.id", expression=UNREAD_RANK),
}
# Up to so many matches are looked up first; a word that is commoner is looked for row by row, newest first.
_RARE = 2000
_MATCHING_CLIENTS = """
SELECT c.id FROM accounts_client c WHERE c.business_id = %(business)s::bigint AND {words} LIMIT %(most)s::int
"""
_MATCHING_THREADS = """
SELECT DISTINCT conversation_id AS id FROM (
    SELECT t.conversation_id FROM conversations_message t
    WHERE t.business_id = %(business)s::bigint AND t.search @@ %(words)s::text::tsquery LIMIT %(most)s::int) few
"""


def conversations(business_id: int, given: Any, staff_id: int | None) -> Narrowing:
    """The conditions of a ConversationsQuery; `staff_id` is the assignee that it names."""
    narrowing = Narrowing(
        ["v.business_id = %(business)s::bigint", "v.merged_into_id IS NULL"], {"business": business_id}
    )
    if given.status:
        narrowing.add("v.status = ANY(%(status)s::text[])", status=list(dict.fromkeys(given.status)))
    if given.assigned_to == "none":
        narrowing.add("v.assigned_to_id IS NULL")
    if given.unread is not None:
        narrowing.add("v.unread_count > 0" if given.unread else "v.unread_count = 0")
    _equals(narrowing, "v.assigned_to_id", "bigint", "staff", staff_id)
    _equals(narrowing, "v.location_id", "bigint", "location", given.location_id)
    _equals(narrowing, "v.client_id", "bigint", "client", given.client_id)
    if given.channel:
        narrowing.add("v.channels @> ARRAY[%(channel)s::varchar]", channel=given.channel)
    if given.label:
        # The second condition is the index's own (`inbox_by_label` holds no conversation without labels).
        narrowing.add(
            "v.labels @> ARRAY[%(label)s::varchar] AND NOT (v.labels = '{}'::varchar(64)[])", label=given.label
        )
        narrowing.plan_anew = True
    _between(narrowing, "v.updated_at", given.updated_after, given.updated_before)
    if given.q and given.q.strip():
        _words(narrowing, given.q)
        narrowing.plan_anew = True
    return narrowing


def messages(conversation_id: int, given: Any) -> Narrowing:
    """The conditions of a MessagesQuery or SearchQuery without its text."""
    narrowing = Narrowing(["m.conversation_id = %(conversation)s::bigint"], {"conversation": conversation_id})
    _equals(narrowing, "m.channel", "text", "channel", given.channel)
    _equals(narrowing, "m.direction", "text", "direction", given.direction)
    if given.status:
        narrowing.add("m.status = ANY(%(status)s::text[])", status=list(dict.fromkeys(given.status)))
    if given.unread is not None:
        mark = "(SELECT r.read_at FROM conversations_messageread r WHERE r.message_id = m.id)"
        narrowing.add(f"NOT m.is_read AND {mark} IS NULL" if given.unread else f"(m.is_read OR {mark} IS NOT NULL)")
    if given.has_media is not None:
        narrowing.add("m.media_count > 0" if given.has_media else "m.media_count = 0")
    _between(narrowing, "m.created_at", given.created_after, given.created_before)
    return narrowing


def _equals(narrowing: Narrowing, column: str, kind: str, name: str, value: Any) -> None:
    if value is not None:
        narrowing.add(f"{column} = %({name})s::{kind}", **{name: value})


def _between(narrowing: Narrowing, column: str, after: datetime | None, before: datetime | None) -> None:
    if after is not None:
        narrowing.add(f"{column} > %(after)s::timestamptz", after=after)
    if before is not None:
        narrowing.add(f"{column} < %(before)s::timestamptz", before=before)


def _words(narrowing: Narrowing, text: str) -> None:
    """Conversations whose client, or one of whose messages, has the words."""
    words, params = client_words(text)
    arms = [_clients_arm(narrowing, words, params)]
    query, is_indexable = tsquery(text)
    if is_indexable:
        arms.append(_threads_arm(narrowing, query))
    narrowing.add(f"({' OR '.join(arms)})")


def _clients_arm(narrowing: Narrowing, words: str, params: dict[str, str]) -> str:
    business = {"business": narrowing.params["business"], "most": _RARE + 1}
    found = sql.rows(_MATCHING_CLIENTS.format(words=words), business | params, plan_anew=True)
    if len(found) <= _RARE:
        narrowing.params["clients"] = [row["id"] for row in found]
        return "v.client_id = ANY(%(clients)s::bigint[])"
    narrowing.params.update(params)
    return f"EXISTS (SELECT 1 FROM accounts_client c WHERE c.id = v.client_id AND {words})"  # noqa: S608  our own parts


def _threads_arm(narrowing: Narrowing, query: str) -> str:
    params = {"business": narrowing.params["business"], "most": _RARE + 1, "words": query}
    found = sql.rows(_MATCHING_THREADS, params, plan_anew=True)
    if len(found) <= _RARE:
        narrowing.params["threads"] = [row["id"] for row in found]
        return "v.id = ANY(%(threads)s::bigint[])"
    narrowing.params["words"] = query
    return (
        "EXISTS (SELECT 1 FROM conversations_message t WHERE t.conversation_id = v.id"
        " AND t.search @@ %(words)s::text::tsquery)"
    )


def client_words(text: str) -> tuple[str, dict[str, str]]:
    """A condition on a client `c` that has each of the first five words in a name, phone or e-mail."""
    conditions, params = [], {}
    for place, word in enumerate(text.split()[:5]):
        columns = ("first_name", "last_name", "phone", "email")
        conditions.append("(" + " OR ".join(f"UPPER(c.{name}) LIKE %(word{place})s::text" for name in columns) + ")")
        params[f"word{place}"] = like_pattern(word)
    return " AND ".join(conditions) or "true", params


def like_pattern(word: str) -> str:
    """A LIKE pattern for any part of a value, in upper case as the index client_search has it."""
    escaped = word.upper().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


_TOKEN = re.compile(r'(-?)(?:"([^"]*)"|([^\s"]+))')
_MOST_TOKENS = 20


def tsquery(text: str) -> tuple[str, bool]:
    """A search's words, "quoted phrases", -not and prefix* as PostgreSQL's query, and whether an index can serve it.

    Empty where no word is left. Nothing in `text` is query syntax: each part is parsed by itself.
    """
    parts, params = [], {}
    for place, (minus, phrase, word) in enumerate(_TOKEN.findall(text)[:_MOST_TOKENS]):
        name = f"t{place}"
        params[name] = phrase or word.rstrip("*")
        part = _part(name, bool(phrase), word.endswith("*"))
        parts.append(f"!! {part}" if minus else part)
    if not parts:
        return "", False
    statement = f"SELECT q::text AS query, querytree(q) AS tree FROM (SELECT {' && '.join(parts)} AS q) x"  # noqa: S608
    row = sql.rows(statement, params)[0]
    return row["query"], row["tree"] not in {"", "T"}


def _part(name: str, is_phrase: bool, is_prefix: bool) -> str:
    if is_phrase:
        return f"phraseto_tsquery('omega', %({name})s::text)"
    plain = f"plainto_tsquery('omega', %({name})s::text)"
    if not is_prefix:
        return plain
    return f"(CASE WHEN numnode({plain}) > 0 THEN {plain}::text || ':*' ELSE '' END)::tsquery"
