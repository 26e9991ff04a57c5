"""Personal data kept from whoever has given no reason to see it: PostgreSQL itself shows such a person masked views.

For each table of ours with words of somebody there is a view of the same name in the schema `omega_masked`. A request
of a masked person has that schema before all others, so that the ORM, raw SQL, searches and exports read the views
without knowing of them, and so will whatever is written next. A row is open where its business or its client is.

Masked is what nobody declared plain: each text, JSON, array and binary column of each model of ours, but for those with
choices. Apps say in their `personal.py` what of a table is plain, and whose a row is. Views are made anew after each
`migrate`, and taken away before one changes a table.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import local
from typing import Any

from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

SCHEMA = "omega_masked"
OURS = ("accounts", "conversations", "messaging", "voice", "onboarding", "admin")
HIDDEN = "•••••"


@dataclass(frozen=True, slots=True)
class Opened:
    """Whose rows are shown as they are: those of these businesses, and of these clients."""

    businesses: tuple[int, ...] = ()
    clients: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    """What an app said of a table. `through`: a column of its own and the table whose row it names."""

    plain: frozenset[str] = frozenset()
    is_plain: bool = False
    masks: dict[str, str] = field(default_factory=dict)
    client: str = "client_id"
    through: tuple[str, str] | None = None
    also: str = ""


_tables: dict[str, _Table] = {}
_now = local()


class NotMasked(Exception):
    """The views are not there: nothing may be shown to who is to see masked data."""


def declare_plain(*tables: str) -> None:
    """Say that nothing in these tables is about a client."""
    _tables.update({name: _Table(is_plain=True) for name in tables})


def declare(
    table: str, *, plain: Iterable[str] = (), masks: dict[str, str] | None = None, client: str = "client_id",
    through: tuple[str, str] | None = None, also: str = "",
) -> None:  # fmt: skip
    """Say what of a table is plain, how a column is masked where its name does not tell, and whose a row is.

    `also` is a further condition of SQL under which a row `t` is open.
    """
    _tables[table] = _Table(frozenset(plain), False, masks or {}, client, through, also)


def is_plain(table: str) -> bool:
    """Whether nothing in a table is masked."""
    return _known(table).is_plain


def _known(table: str) -> _Table:
    return _tables.get(table, _Table())


# Functions of the schema, each from a text to a text that tells nobody.
_FUNCTIONS = f"""
CREATE FUNCTION {SCHEMA}.opened(kind text) RETURNS bigint[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT COALESCE(NULLIF(pg_catalog.current_setting('omega.open_' || kind, true), ''), '{{}}')::bigint[] $$;
CREATE FUNCTION {SCHEMA}.words(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN t = '' THEN t ELSE '{HIDDEN}' END $$;
CREATE FUNCTION {SCHEMA}.name(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN t = '' THEN t ELSE pg_catalog.left(t, 1) || '•••' END $$;
CREATE FUNCTION {SCHEMA}.address(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN t = '' THEN t WHEN pg_catalog.strpos(t, '@') > 0 THEN pg_catalog.left(t, 1) || '•••@•••'
        WHEN pg_catalog.length(t) > 4 THEN '•••' || pg_catalog.right(t, 2) ELSE '•••' END $$;
CREATE FUNCTION {SCHEMA}.sentence(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.regexp_replace(pg_catalog.regexp_replace(t, '[^\\s<>"'',;:]+@[^\\s<>"'',;:]+', '•••@•••', 'g'),
        '\\+?[0-9][0-9 ().-]{{5,20}}[0-9]', '•••', 'g') $$;
"""
_ADDRESSES = ("phone", "email", "address", "envelope_from", "envelope_to", "held_from", "reply_to")
_NAMES = ("first_name", "last_name")
_SENTENCES = ("error", "error_message", "detail", "refusal", "bounce_reason")
_COLUMNS = """
SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS kind
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND c.relname = ANY(%s)
    AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY c.relname, a.attnum
"""


def _free_columns() -> dict[str, set[str]]:
    """By table, the columns in which anything may stand, as the models have them."""
    models = [model for model in apps.get_models() if model._meta.app_label in OURS]
    return {
        model._meta.db_table: {str(one.column) for one in model._meta.concrete_fields if not _is_bound(one)}
        for model in models
    }


def _is_bound(one: "Field[Any, Any]") -> bool:
    return bool(one.choices) or one.is_relation


def _kinds() -> dict[str, dict[str, str]]:
    """By table, its columns and their types as the database has them now."""
    found: dict[str, dict[str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [sorted(_free_columns())])
        for table, column, kind in cursor.fetchall():
            found.setdefault(table, {})[column] = kind
    return found


def _mask(table: str, column: str, kind: str) -> str:
    """What stands in place of a column's value; empty where the value itself may."""
    known, value = _known(table), f't."{column}"'
    if column in known.masks:
        return f"({known.masks[column].format(value=value)})::{kind}"
    if kind.endswith("[]"):
        return f"'{{}}'::{kind}"
    if kind.startswith(("character", "text")):
        return f"{SCHEMA}.{_function(column)}({value})::{kind}"
    fixed = {"jsonb": "'{}'", "json": "'{}'", "bytea": "convert_to('(hidden)', 'UTF8')", "tsvector": "''"}
    if kind not in fixed:
        return ""
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE {fixed[kind]} END::{kind}"


def _function(column: str) -> str:
    if column in _NAMES:
        return "name"
    if column in _SENTENCES:
        return "sentence"
    return "address" if column.endswith(_ADDRESSES) else "words"


def _open(table: str, alias: str, kinds: dict[str, dict[str, str]]) -> str:
    """The condition under which a row of `table` is shown as it is."""
    known, columns = _known(table), kinds.get(table, {})
    opened = f"ANY((SELECT {SCHEMA}.opened('{{}}'))::bigint[])"
    business = "id" if table == "accounts_business" else "business_id"
    parts = [f"{alias}.{business} = {opened.format('businesses')}"] if business in columns else []
    parts += [f"{alias}.{known.client} = {opened.format('clients')}"] if known.client in columns else []
    if known.through:
        column, other = known.through
        inner = _open(other, f"{alias}_of", kinds)
        parts.append(
            f"EXISTS (SELECT 1 FROM {other} {alias}_of WHERE {alias}_of.id = {alias}.{column} AND {inner})"  # noqa: S608
        )
    parts += [known.also] if known.also else []
    return f"({' OR '.join(parts) or 'false'})"


def _views() -> list[str]:
    """The statement of each view."""
    free, kinds, made = _free_columns(), _kinds(), []
    for table, columns in kinds.items():
        known = _known(table)
        hidden = {
            column: mask
            for column, kind in columns.items()
            if column in (free[table] - known.plain) | known.masks.keys() and (mask := _mask(table, column, kind))
        }
        if known.is_plain or not hidden:
            continue
        is_open = _open(table, "t", kinds)
        shown = [
            f'CASE WHEN {is_open} THEN t."{one}" ELSE {hidden[one]} END AS "{one}"' if one in hidden else f't."{one}"'
            for one in columns
        ]
        made.append(f"CREATE VIEW {SCHEMA}.{table} AS SELECT {', '.join(shown)} FROM {table} t")  # noqa: S608
    return made


def make_views() -> None:
    """Make the views anew where the tables, or what is said of them, have changed."""
    script = [_FUNCTIONS, *_views()]
    mark = hashlib.sha256("\n".join(script).encode()).hexdigest()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('omega:masked_views', 0))")
        cursor.execute("SELECT obj_description(to_regnamespace(%s)::oid, 'pg_namespace')", [SCHEMA])
        if cursor.fetchone()[0] == mark:
            return
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        for statement in script:
            cursor.execute(statement)
        cursor.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{mark}'")


def drop_views() -> None:
    """Take the views away, so that a migration can change what they are made of."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def before_migrate(plan: Any = (), **kwargs: Any) -> None:
    """Django's signal `pre_migrate`."""
    if plan:
        drop_views()


def after_migrate(**kwargs: Any) -> None:
    """Django's signal `post_migrate`."""
    make_views()


_ON = """
SELECT set_config('omega.open_businesses', %s, false), set_config('omega.open_clients', %s, false),
    set_config('search_path', %s || current_setting('search_path'), false),
    obj_description(to_regnamespace(%s)::oid, 'pg_namespace') IS NOT NULL
"""


def is_on() -> bool:
    """Whether what is read now is masked."""
    return getattr(_now, "opened", None) is not None


@contextmanager
def masked(opened: Opened) -> Iterator[None]:
    """Read masked views in here, but for what is opened. Nothing may be written: a mask would be taken for a value."""
    before = getattr(_now, "opened", None)
    _now.opened = opened
    try:
        if connection.connection is not None:
            _reset(connection)
        _apply(connection)
        yield
    finally:
        _now.opened = before
        _reset(connection)
        if before is not None:
            _apply(connection)


@contextmanager
def unmasked() -> Iterator[None]:
    """Read the tables themselves in here: for a look-up whose answer is an id and no more."""
    before = getattr(_now, "opened", None)
    if before is None:
        yield
        return
    _now.opened = None
    _reset(connection)
    try:
        yield
    finally:
        _now.opened = before
        _apply(connection)


def _apply(to: Any) -> None:
    opened: Opened = _now.opened
    with to.cursor() as cursor:
        cursor.execute(_ON, [_array(opened.businesses), _array(opened.clients), f"{SCHEMA}, ", SCHEMA])
        if not cursor.fetchone()[3]:
            raise NotMasked


def _array(ids: Iterable[int]) -> str:
    return "{" + ",".join(str(int(one)) for one in ids) + "}"


def _reset(to: Any) -> None:
    """The tables themselves again; a connection that cannot be told so is not used again."""
    if to.connection is None:
        return
    try:
        with to.cursor() as cursor:
            cursor.execute("RESET search_path")
    except DatabaseError:
        if not to.in_atomic_block:
            to.close()


def stay_masked(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Django's signal `connection_created`: a connection that was lost in between comes back masked."""
    if is_on():
        _apply(connection)
