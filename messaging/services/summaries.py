"""The summary of a business over some days: what was counted before, and the last days as they are now."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Business, Location, Staff
from messaging.models import CarrierCode, ReportWatermark
from messaging.services import quiet, report_days, report_figures
from omega_project.lib import sql

Figure = dict[str, Any]

ARRIVED = {"delivered", "read"}
FAILED = {"failed", "undelivered"}
_COUNTED = """
SELECT d.day, f.kind, f.channel, f.direction, f.status, f.error_code, f.staff_id, f.location_id, f.hour, f.count,
    f.seconds
FROM messaging_reportday d JOIN messaging_reportfigure f ON f.day_id = d.id
WHERE d.business_id = %(business)s::bigint AND d.day >= %(first)s::date AND d.day <= %(last)s::date
"""
_STALE = """
SELECT 1 AS one FROM messaging_reportday
WHERE business_id = %(business)s::bigint AND is_stale AND day >= %(first)s::date AND day <= %(last)s::date LIMIT 1
"""


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def summarise(business: Business, first: date, last: date) -> dict[str, Any]:
    """Volumes, delivery, times of response and resolution of the days from `first` to `last`, both included.

    `is_complete` is false while a day among them that changed lately is still to be counted anew.
    """
    found = list(_figures(business, first, last))
    figures = [one for one in found if one["kind"] != "hour"]
    return {
        "from": first,
        "to": last,
        "timezone": str(quiet.zone(business.timezone)),
        "as_of": timezone.now(),
        "is_complete": _is_complete(business.pk, first, last),
        **_part(figures),
        "volumes": _volumes(figures),
        "hours": _hours([one for one in found if one["kind"] == "hour"]),
        "delivery": _delivery(figures),
        "failures": _failures(figures),
        "staff": _by(figures, "staff_id", _names(Staff, business.pk, figures, "staff_id")),
        "locations": _by(figures, "location_id", _names(Location, business.pk, figures, "location_id")),
        "days": _days(figures, days_between(first, last)),
    }


def _figures(business: Business, first: date, last: date) -> Iterator[Figure]:
    live = report_days.first_live_day()
    until = min(last, live - timedelta(days=1))
    if first <= until:
        yield from sql.rows(_COUNTED, {"business": business.pk, "first": first, "last": until})
    recent = [day for day in days_between(max(first, live), last) if day <= live + timedelta(days=3)]
    yield from report_figures.read(business.pk, recent, quiet.zone(business.timezone))


def _is_complete(business_id: int, first: date, last: date) -> bool:
    until = min(last, report_days.first_live_day() - timedelta(days=1))
    if first > until:
        return True
    caught_up = ReportWatermark.objects.filter(is_caught_up=True).exists()
    return caught_up and not sql.rows(_STALE, {"business": business_id, "first": first, "last": until})


def _sum(figures: Iterable[Figure], wanted: Callable[[Figure], bool]) -> int:
    return sum(one["count"] for one in figures if wanted(one))


def _part(figures: list[Figure]) -> dict[str, Any]:
    """The figures that the whole, each staff member and each location have alike."""
    messages = [one for one in figures if one["kind"] == "messages"]
    return {
        "inbound": _sum(messages, lambda one: one["direction"] == "inbound"),
        "outbound": _sum(messages, lambda one: one["direction"] == "outbound"),
        "notes": _sum(messages, lambda one: one["channel"] == "note"),
        "first_response": _times(figures, "response"),
        "resolution": _times(figures, "resolution"),
    }


def _times(figures: list[Figure], kind: str) -> dict[str, Any]:
    found = sorted(second for one in figures if one["kind"] == kind for second in one["seconds"] or ())
    return {"count": len(found), "median_seconds": _quantile(found, 0.5), "p90_seconds": _quantile(found, 0.9)}


def _quantile(values: list[int], part: float) -> int | None:
    """The value below which `part` of the sorted values lie, between two neighbours where it falls between them."""
    if not values:
        return None
    place = part * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return round(values[low] + (values[high] - values[low]) * (place - low))


def _grouped(figures: Iterable[Figure], *names: str) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for one in figures:
        found[tuple(one[name] for name in names)] += one["count"]
    return found


def _messages(figures: Iterable[Figure], direction: str = "") -> list[Figure]:
    return [one for one in figures if one["kind"] == "messages" and direction in ("", one["direction"])]


def _volumes(figures: list[Figure]) -> list[dict[str, Any]]:
    found = _grouped(_messages(figures), "channel", "direction")
    return [{"channel": key[0], "direction": key[1], "messages": count} for key, count in sorted(found.items())]


def _hours(figures: list[Figure]) -> list[dict[str, Any]]:
    """By channel, direction and hour of the business's day, 0 to 23."""
    found = _grouped(figures, "hour", "channel", "direction")
    return [
        {"hour": key[0], "channel": key[1], "direction": key[2], "messages": count}
        for key, count in sorted(found.items())
    ]


def _delivery(figures: list[Figure]) -> list[dict[str, Any]]:
    """By channel. The rate is of those of which the end is known, blocked and canceled ones apart."""
    out = _messages(figures, "outbound")
    return [
        {"channel": channel, **_fate([one for one in out if one["channel"] == channel])}
        for channel in sorted({one["channel"] for one in out})
    ]


def _fate(out: list[Figure]) -> dict[str, Any]:
    by = {key[0]: count for key, count in _grouped(out, "status").items()}
    delivered, failed = (sum(by.get(status, 0) for status in some) for some in (ARRIVED, FAILED))
    return {
        "messages": sum(by.values()),
        "delivered": delivered,
        "failed": failed,
        "blocked": by.get("blocked", 0),
        "canceled": by.get("canceled", 0),
        "pending": sum(by.values()) - delivered - failed - by.get("blocked", 0) - by.get("canceled", 0),
        "delivery_rate": round(delivered / (delivered + failed), 4) if delivered + failed else None,
    }


def _failures(figures: list[Figure]) -> list[dict[str, Any]]:
    ended = [one for one in _messages(figures, "outbound") if one["status"] in {*FAILED, "blocked"}]
    found = _grouped(ended, "channel", "status", "error_code")
    meanings = dict(CarrierCode.objects.filter(code__in=[key[2] for key in found]).values_list("code", "meaning"))
    return [
        {"channel": channel, "status": status, "code": code, "meaning": meanings.get(code), "messages": count}
        for (channel, status, code), count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]


def _names(model: Any, business_id: int, figures: list[Figure], name: str) -> dict[int, str]:
    wanted = {one[name] for one in figures if one[name] is not None}
    return dict(model.objects.in_business(business_id).filter(pk__in=wanted).values_list("pk", "name"))


def _by(figures: list[Figure], name: str, names: dict[int, str]) -> list[dict[str, Any]]:
    """One entry for each staff member or location, those who are gone among them, and one for nobody's."""
    found: dict[int | None, list[Figure]] = {}
    for one in figures:
        found.setdefault(one[name], []).append(one)
    keys = sorted(found, key=lambda key: (key is None, key or 0))
    return [{"id": key, "name": names.get(key) if key is not None else None, **_part(found[key])} for key in keys]


def _days(figures: list[Figure], days: list[date]) -> list[dict[str, Any]]:
    found: dict[date, list[Figure]] = {day: [] for day in days}
    for one in figures:
        found[one["day"]].append(one)
    return [{"day": day, **_part(some), **_ends(some)} for day, some in found.items()]


def _ends(figures: list[Figure]) -> dict[str, int]:
    out = _messages(figures, "outbound")
    return {
        "delivered": _sum(out, lambda one: one["status"] in ARRIVED),
        "failed": _sum(out, lambda one: one["status"] in FAILED),
        "blocked": _sum(out, lambda one: one["status"] == "blocked"),
    }


def table(business: Business, first: date, last: date) -> list[list[Any]]:
    """The summary as rows for a sheet: one for each day, channel and direction, with a head."""
    head = ["day", "channel", "direction", "messages", "delivered", "failed", "blocked", "first_responses",
            "first_response_median_seconds", "first_response_p90_seconds"]  # fmt: skip
    found: dict[tuple[Any, ...], list[Figure]] = {}
    for one in _figures(business, first, last):
        if one["kind"] not in {"resolution", "hour"}:
            found.setdefault((one["day"], one["channel"], one["direction"]), []).append(one)
    return [head, *([*key, *_cells(found[key])] for key in sorted(found))]


def _cells(figures: list[Figure]) -> list[Any]:
    ends, times = _ends(figures), _times(figures, "response")
    counts = [_sum(_messages(figures), lambda _: True), ends["delivered"], ends["failed"], ends["blocked"]]
    return [*counts, times["count"], times["median_seconds"], times["p90_seconds"]]
