"""Opening hours of a location: by weekday, in its own zone, with the days on which it stays closed.

    {"mon": [["09:00", "12:30"], ["13:30", "18:00"]], "sat": [["22:00", "02:00"]], "closed_on": ["2026-12-25"]}

Nothing at all means always open. A weekday that is not named is closed. A stretch that ends no later than it begins
runs into the next day; "24:00" is midnight. A day of `closed_on` begins nothing.
"""

import itertools
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accounts.models import Location

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOSED_ON = "closed_on"
MOST_STRETCHES = 6
MOST_CLOSED = 400
_CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d\Z", re.ASCII)
_DAY_MINUTES = 24 * 60


def is_open(location: Location, at: datetime | None = None) -> bool:
    """Whether a location is open at a moment (now). Its zone is its own, else its business's."""
    return is_open_by(location.hours, (location.timezone, location.business.timezone), at or datetime.now(UTC))


def is_open_by(hours: Any, zones: tuple[str, ...], at: datetime) -> bool:
    """The same for hours that are not on a Location; the first of `zones` that is one counts, else UTC.

    What cannot be read as hours is open: a call must ring somewhere.
    """
    try:
        return _is_open(hours or {}, at.astimezone(_zone(zones)))
    except (ValueError, TypeError, AttributeError):
        return True


def _is_open(hours: dict[str, Any], here: datetime) -> bool:
    today, minute = here.date(), here.hour * 60 + here.minute
    if not any(day in hours for day in WEEKDAYS):
        return not _is_closed(hours, today)
    # What began yesterday may run on past midnight.
    return _is_within(hours, today, minute) or _is_within(hours, today - timedelta(days=1), minute + _DAY_MINUTES)


def checked(value: Any) -> dict[str, Any]:
    """Hours as they may be stored. ValueError with a sentence that names the day where they make no sense."""
    if not isinstance(value, dict):
        raise ValueError('must be an object of weekdays, such as {"mon": [["09:00", "17:00"]]}')
    unknown = sorted(str(name) for name in value if name not in (*WEEKDAYS, CLOSED_ON))
    if unknown:
        raise ValueError(f"has no weekday {unknown[0][:40]!r}: they are {', '.join(WEEKDAYS)}")
    found: dict[str, Any] = {day: _stretches(day, value[day]) for day in WEEKDAYS if day in value}
    if value.get(CLOSED_ON):
        found[CLOSED_ON] = _dates(value[CLOSED_ON])
    return found


def _zone(names: tuple[str, ...]) -> ZoneInfo:
    for name in names:
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def _is_closed(hours: dict[str, Any], day: date) -> bool:
    return day.isoformat() in hours.get(CLOSED_ON, ())


def _is_within(hours: dict[str, Any], day: date, minute: int) -> bool:
    """Whether a minute, counted from the midnight that `day` begins with, lies in a stretch that begins on it."""
    if _is_closed(hours, day):
        return False
    for begins, ends in hours.get(WEEKDAYS[day.weekday()], ()):
        if _minutes(begins) <= minute < _last_minute(begins, ends):
            return True
    return False


def _minutes(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def _last_minute(begins: str, ends: str) -> int:
    """The end of a stretch, counted from the midnight of the day that it begins on."""
    last = _minutes(ends)
    return last if last > _minutes(begins) else last + _DAY_MINUTES


def _stretches(day: str, value: Any) -> list[list[str]]:
    if not isinstance(value, list) or len(value) > MOST_STRETCHES:
        raise ValueError(f"has for {day} no list of up to {MOST_STRETCHES} stretches of time")
    found = [_stretch(day, one) for one in value]
    ordered = sorted(found)
    for before, (begins, _) in itertools.pairwise(ordered):
        if _minutes(begins) < _last_minute(*before):
            raise ValueError(f"has for {day} stretches that overlap at {begins}")
    return ordered


def _stretch(day: str, value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(isinstance(one, str) for one in value):
        raise ValueError(f'has for {day} a stretch that is no pair of times, such as ["09:00", "17:00"]')
    begins, ends = value
    if not _CLOCK.match(begins) or not (_CLOCK.match(ends) or ends == "24:00"):
        raise ValueError(f"has for {day} a time that is none: they go from 00:00 to 24:00, with two digits each")
    return [begins, ends]


def _dates(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_CLOSED:
        raise ValueError(f"has in {CLOSED_ON} no list of up to {MOST_CLOSED} days")
    try:
        return sorted({date.fromisoformat(one).isoformat() for one in value})
    except (ValueError, TypeError):
        raise ValueError(f"has in {CLOSED_ON} something that is no day, such as 2026-12-25") from None
