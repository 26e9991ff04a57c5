"""What PostgreSQL reads for a request: each statement explained as it runs, planned for its values and once for all."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from omega_project.lib import reach

BIG = ("conversations_message", "conversations_conversation", "accounts_client")
_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "


@dataclass(frozen=True)
class Reading:
    """One statement's plan after it has run."""

    statement: str
    plan: dict[str, Any]
    is_generic: bool

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return list(_nodes(self.plan))

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def scanned(self) -> set[str]:
        """The big tables that were read from their first row to their last."""
        ran = [node for node in self.nodes if node["Node Type"].endswith("Seq Scan") and node["Actual Loops"]]
        return {node["Relation Name"] for node in ran} & set(BIG)

    @property
    def rows(self) -> int:
        """The rows and index entries that were looked at, those that were left out again too."""
        return round(sum(map(_looked_at, self.nodes)))

    @property
    def pages(self) -> int:
        """The pages of 8 KB that were asked for, from memory or not."""
        return int(self.plan["Shared Hit Blocks"] + self.plan["Shared Read Blocks"])

    def __str__(self) -> str:
        return "\n".join(_lines(self.plan, 0))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _looked_at(node: dict[str, Any]) -> float:
    if "Relation Name" not in node and node["Node Type"] != "Bitmap Index Scan":
        return 0.0
    left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + left_out) * node["Actual Loops"])


def _lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    where = node.get("Index Name") or node.get("Relation Name") or ""
    condition = node.get("Index Cond") or node.get("Filter") or ""
    yield f"{'  ' * depth}{node['Node Type']} {where} {_looked_at(node):.0f} in {node['Actual Loops']} {condition}"
    for child in node.get("Plans", ()):
        yield from _lines(child, depth + 1)


@contextmanager
def explained() -> Iterator[list[Reading]]:
    """The plans of the statements that run meanwhile on a big table; of a prepared one the plan for any value too."""
    found: list[Reading] = []

    def explain(execute: Callable[..., Any], text: str, params: Any, many: bool, context: Any) -> Any:
        if any(name in text for name in BIG):
            # Where the statement itself will stand: omega's own SQL before the wall, the ORM behind it.
            connection.stand(reach.current() if context["cursor"] else reach.EVERYTHING)
            found.append(_explained(text, params))
            if not context.get("plan_anew", True):
                found.append(_explained_for_any(text, params))
        return execute(text, params, many, context)

    with connection.execute_wrapper(explain):
        yield found


def _explained(text: str, params: Any) -> Reading:
    """Explained where it stands: in its transaction, under the settings of that."""
    line: psycopg.Connection[Any] = connection.connection
    plan = line.execute(_EXPLAIN + text, params, prepare=False).fetchone()
    return Reading(text, plan[0][0]["Plan"], is_generic=False)


def _explained_for_any(text: str, params: dict[str, Any]) -> Reading:
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", text).replace("%%", "%")
    line: psycopg.Connection[Any] = connection.connection
    values = sql.SQL(", ").join(sql.Literal(params[name]) for name in names).as_string(line)
    line.execute("SET plan_cache_mode = force_generic_plan")
    line.execute(f"PREPARE scale AS {numbered}")
    try:
        plan = line.execute(f"{_EXPLAIN} EXECUTE scale{f'({values})' if names else ''}").fetchone()
    finally:
        line.execute("DEALLOCATE scale")
        line.execute("RESET plan_cache_mode")
    return Reading(text, plan[0][0]["Plan"], is_generic=True)


def assert_walks(readings: list[Reading], *, rows: int, pages: int) -> None:
    """No big table is read from end to end, and no statement looks at more than so much, planned once or anew."""
    assert readings
    for reading in readings:
        assert not reading.scanned, f"{reading.statement}\n{reading}"
        assert reading.rows <= rows, f"{reading.rows} rows: {reading.statement}\n{reading}"
        assert reading.pages <= pages, f"{reading.pages} pages: {reading.statement}\n{reading}"
