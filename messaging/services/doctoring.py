"""The doctor: every invariant looked at on live data within a time, in words, and what can be derived mended."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog
from django.db import DatabaseError

from messaging.services.checks import CHECKS, Check
from omega_project.lib import sql

log = structlog.get_logger(__name__)
MOST_SHOWN = 50

_WINDOW = "SELECT max(id) AS last, count(*)::int AS n FROM (SELECT id FROM {table} WHERE id > %(after)s::bigint"
_WINDOW += " ORDER BY id LIMIT %(most)s::int) x"
_FOUND = (
    "WITH w AS MATERIALIZED (SELECT id FROM {table} WHERE id > %(after)s::bigint AND id <= %(last)s::bigint) {find}"
)
_AGAIN = "WITH w AS MATERIALIZED (SELECT id FROM unnest(%(ids)s::bigint[]) AS t(id)) {find}"
_LOCK = "SELECT id FROM {table} WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"


@dataclass(slots=True)
class Report:
    """What one check came to. `complete` False where the time ran out, `error` where it could not look."""

    name: str
    sentence: str
    looked_at: int = 0
    complete: bool = True
    found: int = 0
    mended: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    @property
    def is_well(self) -> bool:
        return not self.error and self.found == self.mended

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.is_well}


def examine(*, names: Iterable[str] = (), seconds: float = 60.0, repair: bool = False) -> list[Report]:
    """Run the checks (all, or those named), each with its share of the time that is left; what can be is mended."""
    wanted = set(names)
    chosen = [check for check in CHECKS if not wanted or check.name in wanted]
    ends = time.monotonic() + seconds
    reports = []
    for place, check in enumerate(chosen):
        share = (ends - time.monotonic()) / (len(chosen) - place)
        reports.append(_run(check, time.monotonic() + max(0.05, share), repair=repair))
    return reports


def _run(check: Check, ends: float, *, repair: bool) -> Report:
    report = Report(check.name, check.sentence)
    try:
        for after, last, count in _windows(check, ends, report):
            report.looked_at += count
            _look(check, report, after, last, repair=repair)
    except DatabaseError as error:
        report.error = str(error).strip().split("\n")[0]
        log.warning("doctor.cannot_look", check=check.name, error=report.error)
    return report


def _windows(check: Check, ends: float, report: Report) -> Iterator[tuple[int, int, int]]:
    """The table's ids in windows, until its end or the end of the time; at least one."""
    after = 0
    while True:
        row = sql.rows(_WINDOW.format(table=check.table), {"after": after, "most": check.window})[0]
        if row["last"] is None:
            return
        yield after, row["last"], row["n"]
        after = row["last"]
        if row["n"] < check.window:
            return
        if time.monotonic() > ends:
            report.complete = False
            return


def _look(check: Check, report: Report, after: int, last: int, *, repair: bool) -> None:
    found = sql.rows(_FOUND.format(table=check.table, find=check.find), {"after": after, "last": last})
    if not found:
        return
    ids = sorted({row["id"] for row in found})
    sure, mended = sql.in_transaction(lambda: _sure(check, ids, repair=repair))
    report.found += len(sure)
    report.mended += mended
    room = MOST_SHOWN - len(report.findings)
    report.findings.extend({"id": row["id"], "detail": row["detail"]} for row in sure[: max(0, room)])


def _sure(check: Check, ids: list[int], *, repair: bool) -> tuple[list[dict[str, Any]], int]:
    """What is still so with the rows locked, and how much of it was mended."""
    again = _AGAIN.format(find=check.find)
    if check.lock:
        sql.rows(_LOCK.format(table=check.table), {"ids": ids})
    sure = sql.rows(again, {"ids": ids})
    if not (repair and sure and check.mend):
        return sure, 0
    wrong = [row["id"] for row in sure]
    check.mend(wrong)
    left = {row["id"] for row in sql.rows(again, {"ids": wrong})}
    return sure, sum(1 for row in sure if row["id"] not in left)
