"""What stands behind a figure of a report: the messages, answers or closings that were counted, the newest first.

They come from the very entries that `report_figures` counts, so that a figure and its rows never differ in what counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from messaging.services import report_figures
from omega_project.lib import sql

# Days are read so many at a time, from the last one back, until there is a page.
_CHUNK = 7
NOBODY = 0

_ROWS = (
    report_figures.ENTRIES
    + """
SELECT * FROM ({source}) f
WHERE (%(channel)s::text = '' OR f.channel = %(channel)s::text)
  AND (%(direction)s::text = '' OR f.direction = %(direction)s::text)
  AND (cardinality(%(statuses)s::text[]) = 0 OR f.status = ANY(%(statuses)s::text[]))
  AND (%(code)s::text IS NULL OR f.error_code = %(code)s::text)
  AND (%(staff)s::bigint IS NULL OR COALESCE(f.staff_id, 0) = %(staff)s::bigint)
  AND (%(location)s::bigint IS NULL OR COALESCE(f.location_id, 0) = %(location)s::bigint)
  AND (%(hour)s::int IS NULL OR extract(hour FROM f.created_at AT TIME ZONE %(zone)s::text) = %(hour)s::int)
ORDER BY f.created_at DESC, f.id DESC LIMIT %(most)s::int
"""
)
_COLUMNS = "id, thread, created_at, channel, direction, status, error_code, staff_id, location_id"
_SOURCES = {
    "messages": f"SELECT {_COLUMNS}, NULL::int AS seconds FROM entry WHERE channel <> 'activity'",  # noqa: S608  ours
    "response": f"SELECT {_COLUMNS}, seconds FROM answer",  # noqa: S608
    "resolution": f"SELECT {_COLUMNS}, seconds FROM closing",  # noqa: S608
}
KINDS = tuple(_SOURCES)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of a figure's rows; what is left out does not matter. `staff`, `location` 0: nobody's."""

    kind: str = "messages"
    channel: str = ""
    direction: str = ""
    statuses: tuple[str, ...] = ()
    code: str | None = None
    staff: int | None = None
    location: int | None = None
    hour: int | None = None


def rows_of(business_id: int, days: Sequence[date], zone: ZoneInfo, wanted: Wanted, most: int) -> list[dict[str, Any]]:
    """At most `most` rows of these days, the newest first."""
    found: list[dict[str, Any]] = []
    newest_first = sorted(days, reverse=True)
    for begin in range(0, len(newest_first), _CHUNK):
        some = newest_first[begin : begin + _CHUNK]
        found += _read(business_id, some, zone, wanted, most - len(found))
        if len(found) >= most:
            break
    return found


def _read(business_id: int, days: Sequence[date], zone: ZoneInfo, wanted: Wanted, most: int) -> list[dict[str, Any]]:
    params = report_figures.params(business_id, days, zone) | {
        "channel": wanted.channel, "direction": wanted.direction, "statuses": list(wanted.statuses),
        "code": wanted.code, "staff": wanted.staff, "location": wanted.location, "hour": wanted.hour, "most": most,
    }  # fmt: skip
    return sql.rows(_ROWS.format(source=_SOURCES[wanted.kind]), params, plan_anew=True)
