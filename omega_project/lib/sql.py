"""Raw SQL for the hot paths: server-side parameters and prepared plans, under Django's own connection and transactions.

A statement here names its business by itself: it runs as the login, not behind the wall of the ORM (decision 19).

Django binds parameters on the client and so plans each statement anew; a prepared plan of the big write saves about
a third of it (limits.md: one statement by CTE). Query counts in tests see these statements too: they pass through
Django's execute wrappers.
"""

import functools
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import psycopg
from django.db import NotSupportedError, OperationalError, connection, transaction
from psycopg.adapt import AdaptersMap
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from omega_project.lib.postgresql.base import DatabaseWrapper
from omega_project.lib.reach import EVERYTHING

Row = dict[str, Any]
Params = Mapping[str, Any] | Sequence[Any]
T = TypeVar("T")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%s|%%")
_RETRIED = ("40001", "40P01")  # serialization_failure, deadlock_detected


class _LeanCursor(psycopg.RawCursor[Row]):
    """psycopg's own adapters in place of Django's: times are read in C (a third of an inbox page), JSON stays text.

    Its statements have PostgreSQL's own $1: psycopg would look for %(names)s in a long statement at each execution.
    """

    lean = AdaptersMap(psycopg.adapters)

    @property
    def adapters(self) -> AdaptersMap:
        return self.lean


for _name in ("json", "jsonb"):
    _LeanCursor.lean.register_loader(_name, TextLoader)


@functools.lru_cache(maxsize=1000)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with $1, $2 … for its %(names)s, and the names in that order; none where it has plain %s."""
    names: dict[str, int] = {}
    places = itertools.count(1)

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        return f"${next(places) if found[0] == '%s' else names.setdefault(found[1], len(names) + 1)}"

    return _PLACEHOLDER.sub(number, sql).encode(), tuple(names)


def _run(sql: str, params: Params, many: bool, context: dict[str, Any]) -> list[Row]:
    del many
    line = cast(DatabaseWrapper, context["connection"])
    line.stand(EVERYTHING)
    statement, names = _numbered(sql)
    values = [params[name] for name in names] if isinstance(params, Mapping) else params
    with line.wrap_database_errors, _LeanCursor(line.connection, row_factory=dict_row) as cursor:
        cursor.execute(statement, values, prepare=not context["plan_anew"])
        # Not `description`: it makes an object of each column, a twentieth of a request's time.
        return cursor.fetchall() if cursor.rownumber is not None else []


def rows(sql: str, params: Params = (), *, plan_anew: bool = False) -> list[Row]:
    """Run one statement, prepared on this connection, and give its rows as dicts.

    `plan_anew`: plan it for these very values; for a search, where a rare word and a common one want other indexes.
    """
    connection.ensure_connection()
    execute: Callable[..., list[Row]] = _run
    for wrapper in reversed(connection.execute_wrappers):
        execute = _wrapped(wrapper, execute)
    context = {"connection": connection, "cursor": None, "plan_anew": plan_anew}
    try:
        return execute(sql, params, False, context)
    except NotSupportedError as error:
        # A migration changed a table under a prepared plan: a new connection plans anew.
        if connection.in_atomic_block or "cached plan" not in str(error):
            raise
        connection.close()
        connection.ensure_connection()
        return execute(sql, params, False, context)


def _wrapped(wrapper: Callable[..., Any], inner: Callable[..., list[Row]]) -> Callable[..., list[Row]]:
    return lambda sql, params, many, context: wrapper(inner, sql, params, many, context)


def row(sql: str, params: Params = ()) -> Row | None:
    """The first row of `rows`, or None."""
    found = rows(sql, params)
    return found[0] if found else None


def in_transaction(work: Callable[[], T], *, tries: int = 4) -> T:
    """Run `work` in a transaction; where PostgreSQL ended it for a deadlock or a lost race, run it again."""
    for left in range(tries - 1, -1, -1):
        try:
            with transaction.atomic():
                return work()
        except OperationalError as error:
            if connection.in_atomic_block or not left or _state(error) not in _RETRIED:
                raise
    raise AssertionError("unreachable")


def retried(work: Callable[[], T], *, tries: int = 4) -> T:
    """As `in_transaction`, for work that is one statement and needs no BEGIN of its own."""
    for left in range(tries - 1, -1, -1):
        try:
            return work()
        except OperationalError as error:
            if connection.in_atomic_block or not left or _state(error) not in _RETRIED:
                raise
    raise AssertionError("unreachable")


def _state(error: BaseException) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
