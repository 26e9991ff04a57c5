"""Row-level security: which rows are a business's, told to PostgreSQL from the models (decision 19).

`raise_walls` runs behind each `migrate`, so that a new table has its policy with its migration. What leads from a row
to its business is its column `business_id`, or a row that it cannot be without.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from psycopg import sql

from accounts.models import Business

POLICY = "own_business"
# What the connection says (omega_project/lib/postgresql); nothing said is nobody's id.
_MINE = "NULLIF(current_setting('omega.business_id', true), '')::bigint"
_STANDING = """
SELECT c.relname AS table, c.relrowsecurity AND p.polname IS NOT NULL AS is_walled,
    CASE WHEN p.polname IS NULL THEN '' ELSE obj_description(p.oid, 'pg_policy') END AS rule,
    has_table_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE') AS is_open,
    pg_has_role(current_user, c.relowner, 'USAGE') AS is_owned
FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = %(policy)s
    AND p.polroles = ARRAY[%(role)s::regrole::oid]
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
"""


def our_models() -> Iterator[type[models.Model]]:
    """Each model with a table of ours, those between many and many too."""
    ours = {config.label for config in apps.get_app_configs() if config.name in settings.OUR_APPS}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in ours and model._meta.managed and not model._meta.proxy:
            yield model


def business_of(model: type[models.Model], row: str | None = None) -> str | None:
    """SQL for the business of a row of `model`; None where nothing leads to one.

    Of a table between, it is asked as a value and not by EXISTS, which PostgreSQL might answer by reading all of a
    business's messages first.
    """
    row = row or f'"{model._meta.db_table}"'
    if model is Business:
        return f"{row}.id"
    if any(field.attname == "business_id" for field in model._meta.concrete_fields):
        return f"{row}.business_id"
    for field in model._meta.concrete_fields:
        parent: Any = field.related_model
        if parent is None or field.null or parent._meta.label_lower in settings.SHARED_TABLES:
            continue
        alias = f"{row.strip(chr(34))}_{field.name}"
        found = business_of(parent, alias) if parent is not model and parent in set(our_models()) else None
        if found is not None:
            key = f"{alias}.{parent._meta.pk.column} = {row}.{field.column}"
            return f'(SELECT {found} FROM "{parent._meta.db_table}" {alias} WHERE {key})'  # noqa: S608  names of tables
    return None


def rules() -> dict[str, str]:
    """By table: the condition that a row must meet, to be seen and to be written."""
    found = {}
    for model in our_models():
        business = business_of(model)
        if business is not None and model._meta.label_lower not in settings.SHARED_TABLES:
            found[model._meta.db_table] = f"{business} = {_MINE}"
    return found


def homeless() -> list[type[models.Model]]:
    """Models of which nobody said whose their rows are."""
    shared = settings.SHARED_TABLES
    return [one for one in our_models() if business_of(one) is None and one._meta.label_lower not in shared]


def raise_walls() -> list[str]:
    """Give each table its policy and the wall's role its rights, where they are not as they should be; which tables."""
    if not settings.DATABASE_WALL_ROLE:
        return []
    mended = []
    wanted = rules()
    for row in standing():
        rule = wanted.get(row["table"])
        if rule is not None and not (row["is_walled"] and row["rule"] == rule):
            _raise(row["table"], rule)
            mended.append(row["table"])
        if not row["is_open"] and row["is_owned"]:
            _run("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}", row["table"])
    return mended


def gaps() -> list[str]:
    """Tables of businesses that have no wall, or another one than they should."""
    wanted, found = rules(), {row["table"]: row for row in standing()}
    return sorted(
        table for table, rule in wanted.items()
        if table in found and not (found[table]["is_walled"] and found[table]["rule"] == rule)
    )  # fmt: skip


def standing() -> list[dict[str, Any]]:
    """What PostgreSQL knows of each table."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"role": settings.DATABASE_WALL_ROLE, "policy": POLICY})
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _raise(table: str, rule: str) -> None:
    """Policy and wall in one: there is no moment with a hole. The rule stands in the policy's comment, to compare."""
    with transaction.atomic():
        _run("DROP POLICY IF EXISTS {policy} ON {table}", table)
        _run("CREATE POLICY {policy} ON {table} TO {role} USING ({rule})", table, rule)
        _run("COMMENT ON POLICY {policy} ON {table} IS {told}", table, rule)
        _run("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", table)


def _run(statement: str, table: str, rule: str = "") -> None:
    role = settings.DATABASE_WALL_ROLE
    names = {"table": sql.Identifier(table), "policy": sql.Identifier(POLICY), "role": sql.Identifier(role)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**names, rule=sql.SQL(rule), told=sql.Literal(rule)))
