"""Filters and sorts of the lists, as conditions that an index serves."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from conversations.models import Conversation
from conversations.services.reading import Narrowing, Order, Words
from omega_project.lib import sql

# Unread ones first, each group newest first, as one number in microseconds: the index `inbox_unread_first`.
UNREAD_RANK = (
    "((extract(epoch FROM v.last_message_at AT TIME ZONE 'UTC') * 1000000)::bigint"
    " + CASE WHEN v.unread_count > 0 THEN 4000000000000000 ELSE 0 END)"
)
CONVERSATION_ORDERS: Mapping[str, Order] = {
    "-last_message_at": Order("v.last_message_at", "timestamptz", descending=True, tie="v.id"),
    "last_message_at": Order("v.last_message_at", "timestamptz", descending=False, tie="v.id"),
    "-created_at": Order("v.created_at", "timestamptz", descending=True, tie="v.id"),
    "unread_first": Order("v.unread_rank", "bigint", descending=True, tie="v.id", expression=UNREAD_RANK),
}
# A filter that has an index in the inbox's order, or no value: one plan is right whatever is asked for.
_PLANNED_ONCE = frozenset({"assigned_to", "client_id", "location_id", "unread", "channel"})
_FILTERS = (
    "status", "assigned_to", "channel", "unread", "location_id", "label", "client_id", "updated_after",
    "updated_before",
)  # fmt: skip
# So many conversations that changed are sorted as they are found.
_FEW = 2000
# So many messages of each conversation are asked for a word, so many more of a long one, and so many are many.
_RECENT, _FURTHER, _MANY = 100, 300, 1000
_CHANGED = "conversations_conversation WHERE business_id = %(business)s::bigint AND updated_at > %(after)s::timestamptz"
_HOW_MANY = f"SELECT count(*) AS n FROM (SELECT FROM {_CHANGED} LIMIT %(most)s::int) changed"  # noqa: S608
_MARK = "(SELECT r.read_at FROM conversations_messageread r WHERE r.message_id = m.id)"
_UNREAD = f"""m.id = ANY(ARRAY(
    SELECT m.id FROM conversations_message m
    WHERE m.conversation_id = %(conversation)s::bigint AND NOT m.is_read AND {_MARK} IS NULL
    ORDER BY m.created_at DESC, m.id DESC LIMIT %(unread)s::int))"""  # noqa: S608
_SEARCHED, _SEARCHED_ALL = "search @@ %(words)s::text::tsquery", "search @@ (SELECT %(words)s::text::tsquery)"
# OFFSET 0 keeps it a look-up for each row: it could be planned as one hash over every client there is.
_CLIENT_OF_ROW = "EXISTS (SELECT 1 FROM accounts_client c WHERE c.id = v.client_id AND {clients} OFFSET 0)"
# Of every conversation the newest messages are asked one by one. Of a long one the rest is found by the index of the
# words, where few messages have them; where many do, some more of it is asked first: the index would find all of them.
_NEWEST_OF = """EXISTS (SELECT 1 FROM (
    SELECT t.search FROM conversations_message t WHERE t.conversation_id = v.id
    ORDER BY t.created_at DESC, t.id DESC OFFSET {past} LIMIT {most}) t WHERE t.{searched})"""
_BY_INDEX = """v.id = ANY(ARRAY(
    SELECT DISTINCT t.conversation_id FROM conversations_message t
    WHERE t.business_id = %(business)s::bigint AND t.{searched}
      AND t.conversation_id + 0 = ANY(ARRAY(SELECT n.id FROM near n WHERE n.message_count > {most}))))"""
_MANY_HAVE_IT = f"""(SELECT count(*) FROM (
    SELECT FROM conversations_message t WHERE t.{_SEARCHED_ALL} LIMIT {_MANY}) few) = {_MANY}"""  # noqa: S608
_THREAD_OF_ROW = f"""{_NEWEST_OF.format(past=0, most=_RECENT, searched=_SEARCHED)}
OR v.message_count > {_RECENT} AND CASE
    WHEN NOT {_MANY_HAVE_IT} THEN {_BY_INDEX.format(most=_RECENT, searched=_SEARCHED_ALL)}
    WHEN {_NEWEST_OF.format(past=_RECENT, most=_FURTHER, searched=_SEARCHED)} THEN true
    ELSE v.message_count > {_RECENT + _FURTHER}
        AND {_BY_INDEX.format(most=_RECENT + _FURTHER, searched=_SEARCHED_ALL)} END"""
_IDS = """SELECT w.id FROM accounts_client c CROSS JOIN LATERAL (
    SELECT one.id FROM conversations_conversation one WHERE one.client_id = c.id OFFSET 0) w
    WHERE c.business_id = %(business)s::bigint AND {clients} {threads}"""
_THREADS_OF_ALL = f"""UNION SELECT t.conversation_id FROM conversations_message t
    WHERE t.business_id = %(business)s::bigint AND t.{_SEARCHED_ALL}"""  # noqa: S608


def conversations(business_id: int, given: Any, staff_id: int | None) -> Narrowing:
    """The conditions of a ConversationsQuery; `staff_id` is the assignee that it names."""
    narrowing = Narrowing(
        ["v.business_id = %(business)s::bigint", "v.merged_into_id IS NULL"], {"business": business_id}
    )
    if given.status:
        _statuses(narrowing, list(dict.fromkeys(given.status)))
    if given.assigned_to == "none":
        narrowing.add("v.assigned_to_id IS NULL")
    if given.unread is not None:
        narrowing.add("v.unread_count > 0" if given.unread else "v.unread_count = 0")
    _equals(narrowing, "v.assigned_to_id", "bigint", "staff", staff_id)
    _equals(narrowing, "v.location_id", "bigint", "location", given.location_id)
    _equals(narrowing, "v.client_id", "bigint", "client", given.client_id)
    if given.channel:
        # As the indexes `inbox_with_email` and `inbox_with_calls` say it; one of three words, so it can stand here.
        narrowing.add(f"v.channels @> ARRAY['{given.channel}'::varchar(8)]")
    if given.label:
        # The second condition is the index's own (`inbox_by_label` holds no conversation without labels).
        narrowing.add(
            "v.labels @> ARRAY[%(label)s::varchar] AND NOT (v.labels = '{}'::varchar(64)[])", label=given.label
        )
    _changed(narrowing, given.updated_after, given.updated_before)
    if given.q and given.q.strip():
        narrowing.words = _words(narrowing, given.q)
    narrowing.plan_anew |= not _is_planned_once(given)
    return narrowing


def _is_planned_once(given: Any) -> bool:
    """Whether one plan fits all values: where there is no filter, or one that has an index in the order asked for."""
    used = {name for name in _FILTERS if getattr(given, name) is not None}
    one_status = {"status"} if given.status and len(set(given.status)) == 1 else set()
    return not used or (len(used) == 1 and used <= _PLANNED_ONCE | one_status and "last_message_at" in given.sort)


def _statuses(narrowing: Narrowing, wanted: list[str]) -> None:
    if len(wanted) == 1:
        # One of four words, so it can stand here: where nearly all have the same one, a plan for any would walk them.
        narrowing.add(f"v.status = '{Conversation.Status(wanted[0]).value}'")
    elif len(wanted) < len(Conversation.Status):
        narrowing.add("v.status = ANY(%(status)s::text[])", status=wanted)


def _changed(narrowing: Narrowing, after: datetime | None, before: datetime | None) -> None:
    _between(narrowing, "v.updated_at", after, before)
    if after is not None and sql.rows(_HOW_MANY, narrowing.params | {"most": _FEW + 1})[0]["n"] <= _FEW:
        # OFFSET 0 has them looked up by the time of their change: else the inbox could be walked in search of them.
        narrowing.few = f"(SELECT * FROM {_CHANGED} OFFSET 0) v"  # noqa: S608
    if before is not None:
        # It changes with its making and its last message: where a walk in the inbox's order begins or ends.
        narrowing.add("v.last_message_at < %(before)s::timestamptz AND v.created_at < %(before)s::timestamptz")


def messages(conversation_id: int, given: Any, unread: int) -> Narrowing:
    """The conditions of a MessagesQuery or SearchQuery without its text; `unread` is the conversation's count of them.

    A few unread ones are looked for no further than they reach, newest first.
    """
    narrowing = Narrowing(["m.conversation_id = %(conversation)s::bigint"], {"conversation": conversation_id})
    _equals(narrowing, "m.channel", "text", "channel", given.channel)
    _equals(narrowing, "m.direction", "text", "direction", given.direction)
    if given.status:
        narrowing.add("m.status = ANY(%(status)s::text[])", status=list(dict.fromkeys(given.status)))
    if given.unread:
        narrowing.add(f"NOT m.is_read AND {_MARK} IS NULL")
        if unread <= _FEW:
            narrowing.add(_UNREAD, unread=unread)
            narrowing.plan_anew = True
    elif given.unread is not None:
        narrowing.add(f"(m.is_read OR {_MARK} IS NOT NULL)")
    if given.has_media is not None:
        narrowing.add("m.media_count > 0" if given.has_media else "m.media_count = 0")
    _between(narrowing, "m.created_at", given.created_after, given.created_before)
    return narrowing


def look_for(narrowing: Narrowing, text: str) -> None:
    """Narrow messages to those with the words of `text`; to none where it has no word."""
    query, _ = tsquery(text)
    if not query:
        narrowing.add("false")
        return
    narrowing.words = Words(f"m.{_SEARCHED}", f"m.{_SEARCHED_ALL}")
    narrowing.params["words"] = query
    narrowing.plan_anew = True  # the planner knows the longest conversations by their ids


def _equals(narrowing: Narrowing, column: str, kind: str, name: str, value: Any) -> None:
    if value is not None:
        narrowing.add(f"{column} = %({name})s::{kind}", **{name: value})


def _between(narrowing: Narrowing, column: str, after: datetime | None, before: datetime | None) -> None:
    if after is not None:
        narrowing.add(f"{column} > %(after)s::timestamptz", after=after)
    if before is not None:
        narrowing.add(f"{column} < %(before)s::timestamptz", before=before)


def _words(narrowing: Narrowing, text: str) -> Words:
    """Conversations whose client, or one of whose messages, has the words."""
    clients = client_words(narrowing, text)
    of_row, threads = _CLIENT_OF_ROW.format(clients=clients.of_row), ""
    query, is_indexable = tsquery(text)
    if is_indexable:
        narrowing.params["words"] = query
        of_row, threads = f"({of_row} OR {_THREAD_OF_ROW})", _THREADS_OF_ALL
    ids = _IDS.format(clients=clients.of_all, threads=threads)
    return Words(of_row, f"v.id IN ({ids})", ids)


# A word shorter than a trigram is looked for at the beginning of words only: the index client_search can do that.
_TRIGRAM = 3
_CLIENT_TEXTS = ("first_name", "last_name", "phone", "email")


def client_words(narrowing: Narrowing, text: str) -> Words:
    """Clients `c` who have each of the first five words in a name, phone or e-mail.

    Any part of them, as the index client_search has it; of a word of one or two letters the beginning of a name's word.
    """
    of_row, of_all = [], []
    for place, word in enumerate(text.split()[:5]):
        pattern = word.upper().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        patterns = [f"%{pattern}"] if len(word) >= _TRIGRAM else [pattern, f"% {pattern}"]
        names = {f"word{place}_{number}": one for number, one in enumerate(patterns)}
        narrowing.params.update(names)
        of_row.append(_either(f"%({name})s::text" for name in names))
        if _has_trigram(word):
            of_all.append(_either(f"(SELECT %({name})s::text)" for name in names))
        else:
            of_all.append(of_row[-1])
            narrowing.plan_anew = True
    return Words(" AND ".join(of_row) or "true", " AND ".join(of_all) or "true")


def _has_trigram(word: str) -> bool:
    """Whether the index can look for it wherever it runs: some databases take other letters for punctuation."""
    return any(letter.isascii() and letter.isalnum() for letter in word)


def _either(patterns: Iterable[str]) -> str:
    either = [f"UPPER(c.{column}) LIKE {pattern}" for pattern in patterns for column in _CLIENT_TEXTS]
    return f"({' OR '.join(either)})"


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
