"""The days of reports, counted once and again when something of them changed: what a request would take too long for.

Which days changed is found from the ids of new messages and of changes of status, so that no write has to tell.
Losing a run loses nothing, and counting twice gives the same.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Business
from messaging.services import quiet, report_figures
from omega_project.lib import sql

# No transaction lasts as long: idle ones are ended by the database after 30 seconds.
_SETTLED = timedelta(minutes=5)
_CHUNK = 50_000
_MOST_DAYS = 31
_MOST_ROUNDS = 10

_BEGIN = """
INSERT INTO messaging_reportwatermark (id, message_id, event_id, next_message_id, next_event_id, is_caught_up)
VALUES (1, 0, 0, 0, 0, false) ON CONFLICT DO NOTHING
"""
_TAKE = """
SELECT w.*, COALESCE((SELECT max(id) FROM conversations_message), 0) AS last_message_id,
    COALESCE((SELECT max(id) FROM conversations_messageevent), 0) AS last_event_id
FROM messaging_reportwatermark w ORDER BY w.id LIMIT 1 FOR UPDATE OF w SKIP LOCKED
"""
_CHANGED = """
SELECT DISTINCT business_id, date_trunc('hour', created_at) AS hour FROM conversations_message
WHERE id > %(message)s::bigint AND id <= %(message_to)s::bigint
UNION
SELECT DISTINCT m.business_id, date_trunc('hour', m.created_at) FROM conversations_messageevent e
JOIN conversations_message m ON m.id = e.message_id
WHERE e.id > %(event)s::bigint AND e.id <= %(event_to)s::bigint
"""
_MARK = """
INSERT INTO messaging_reportday (business_id, day, is_stale)
SELECT x.business, x.day, true FROM unnest(%(businesses)s::bigint[], %(days)s::date[]) AS x(business, day)
JOIN accounts_business b ON b.id = x.business ORDER BY 1, 2
ON CONFLICT (business_id, day) DO UPDATE SET is_stale = true WHERE NOT messaging_reportday.is_stale
"""
_KEEP = """
UPDATE messaging_reportwatermark SET message_id = %(message)s, event_id = %(event)s, is_caught_up = %(caught_up)s,
    next_message_id = %(next_message)s, next_event_id = %(next_event)s, noted_at = %(noted)s WHERE id = %(id)s
"""
_STALE = """
WITH first AS (
    SELECT business_id, day FROM messaging_reportday WHERE is_stale AND day < %(live)s::date
    ORDER BY business_id, day DESC LIMIT 1
)
SELECT d.id, d.business_id, d.day FROM messaging_reportday d JOIN first f ON f.business_id = d.business_id
WHERE d.is_stale AND d.day <= f.day AND d.day > f.day - %(most)s::int FOR UPDATE OF d SKIP LOCKED
"""
_COUNT = """
WITH gone AS (
    DELETE FROM messaging_reportfigure WHERE day_id = ANY(%(ids)s::bigint[])
), counted AS (
    UPDATE messaging_reportday SET is_stale = false, counted_at = now() WHERE id = ANY(%(ids)s::bigint[])
)
INSERT INTO messaging_reportfigure
    (day_id, kind, channel, direction, status, error_code, staff_id, location_id, hour, count, seconds)
SELECT d.id, f.kind, f.channel, f.direction, f.status, f.error_code, f.staff_id, f.location_id, f.hour, f.count,
    f.seconds
FROM ({figures}) f
JOIN messaging_reportday d ON d.business_id = %(business)s::bigint AND d.day = f.day
"""


def first_live_day() -> date:
    """From this day on a report counts by itself: yesterday in UTC, so that wherever it is today is among them."""
    return timezone.now().astimezone(UTC).date() - timedelta(days=1)


def count_days() -> int:
    """Find the days that changed and count those that are not live any more; how many."""
    sql.in_transaction(_look_through)
    counted = 0
    for _ in range(_MOST_ROUNDS):
        done = sql.in_transaction(_count_some)
        counted += done
        if not done:
            break
    return counted


def _look_through() -> None:
    sql.rows(_BEGIN)
    taken = sql.row(_TAKE)
    if taken is None:  # another worker is at it
        return
    to = {name: min(taken[f"last_{name}_id"], taken[f"{name}_id"] + _CHUNK) for name in ("message", "event")}
    params = {"message": taken["message_id"], "event": taken["event_id"]}
    _mark(sql.rows(_CHANGED, params | {f"{name}_to": value for name, value in to.items()}))
    _move(taken, to)


def _mark(changed: list[dict[str, Any]]) -> None:
    """Each hour's days: an hour of UTC may lie in two where the zone is not a whole number of hours away."""
    zones = _zones({row["business_id"] for row in changed})
    days = {
        (row["business_id"], (row["hour"] + after).astimezone(zones[row["business_id"]]).date())
        for row in changed if row["business_id"] in zones
        for after in (timedelta(), timedelta(minutes=59))
    }  # fmt: skip
    if days:
        sql.rows(_MARK, {"businesses": [one[0] for one in days], "days": [one[1] for one in days]})


def _zones(business_ids: Iterable[int]) -> dict[int, Any]:
    found = Business.objects.filter(pk__in=list(business_ids)).values_list("pk", "timezone")
    return {pk: quiet.zone(name) for pk, name in found}


def _move(taken: dict[str, Any], to: dict[str, int]) -> None:
    """Go on from where no transaction can be open any more; what lies behind is read once more."""
    now = timezone.now()
    marks = {name: (taken[f"{name}_id"], taken[f"next_{name}_id"]) for name in to}
    noted: datetime | None = taken["noted_at"]
    if noted is None:
        marks = {name: (0, taken[f"last_{name}_id"]) for name in to}
    settled = noted is None or noted <= now - _SETTLED
    moved = {name: max(old, min(to[name], following)) if settled else old for name, (old, following) in marks.items()}
    renew = noted is None or (settled and all(moved[name] >= marks[name][1] for name in to))
    following = {name: taken[f"last_{name}_id"] if renew else marks[name][1] for name in to}
    caught_up = all(to[name] >= taken[f"last_{name}_id"] for name in to)
    sql.rows(_KEEP, {
        "id": taken["id"], "message": moved["message"], "event": moved["event"], "caught_up": caught_up,
        "next_message": following["message"], "next_event": following["event"], "noted": now if renew else noted,
    })  # fmt: skip


def _count_some() -> int:
    """Count the stale days of one business within a month: what lies between them is read too."""
    stale = sql.rows(_STALE, {"live": first_live_day(), "most": _MOST_DAYS})
    if not stale:
        return 0
    business_id = stale[0]["business_id"]
    zone = _zones([business_id])[business_id]
    params = report_figures.params(business_id, [row["day"] for row in stale], zone)
    sql.rows(
        _COUNT.format(figures=report_figures.FIGURES), params | {"ids": [row["id"] for row in stale]}, plan_anew=True
    )
    return len(stale)
