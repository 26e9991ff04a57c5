"""Opening hours as people write them: `mon-fri 09:00-12:30 13:30-18:00; sat 10:00-14:00; closed 2026-12-25`."""

import json
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.services import hours

_DAYS = re.compile(r"^([a-z]{3})(?:-([a-z]{3}))?$")
_STRETCH = re.compile(r"^(\d\d:\d\d)-(\d\d:\d\d)$")
NEVER = "never"
HELP = "Such as mon-fri 09:00-12:30 13:30-18:00; sat 10:00-14:00; closed 2026-12-25. Empty: always open; never: never."


def text_of(value: Any) -> str:
    """Hours as text: neighbouring days with the same hours together."""
    if not isinstance(value, dict):
        return ""
    if any(day in value for day in hours.WEEKDAYS) and not any(value.get(day) for day in hours.WEEKDAYS):
        return NEVER
    parts = [f"{_span(days)} {_stretches(value[days[0]])}" for days in _groups(value)]
    closed = value.get(hours.CLOSED_ON)
    return "; ".join([*parts, *([f"closed {' '.join(closed)}"] if closed else [])])


def _groups(value: dict[str, Any]) -> list[list[str]]:
    groups: list[list[str]] = []
    before = ""
    for day in hours.WEEKDAYS:
        if value.get(day):
            goes_on = before and value[before] == value[day]
            groups[-1].append(day) if goes_on else groups.append([day])
        before = day if value.get(day) else ""
    return groups


def _span(days: list[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]}-{days[-1]}"


def _stretches(value: list[list[str]]) -> str:
    return " ".join("-".join(one) for one in value)


def hours_in(text: str) -> dict[str, Any]:
    """Text as hours. ValueError with a sentence where it cannot be read."""
    found: dict[str, Any] = {}
    for part in re.split(r"[;\n]", text.lower()):
        words = part.replace("\u2013", "-").split()
        if not words:
            continue
        if words == [NEVER]:
            found["mon"] = []
            continue
        if words[0] == "closed":
            found.setdefault(hours.CLOSED_ON, []).extend(words[1:])
            continue
        for day in _days_of(words[0]):
            found.setdefault(day, []).extend(_stretch_of(word) for word in words[1:])
    return hours.checked(found)


def _days_of(word: str) -> tuple[str, ...]:
    named = _DAYS.match(word)
    if not named or not {named[1], named[2] or named[1]} <= set(hours.WEEKDAYS):
        raise ValueError(f"begins with {word[:20]!r}, which is no weekday such as mon, nor a span such as mon-fri")
    first, last = hours.WEEKDAYS.index(named[1]), hours.WEEKDAYS.index(named[2] or named[1])
    days = hours.WEEKDAYS * 2
    return days[first : (last if last >= first else last + 7) + 1]


def _stretch_of(word: str) -> list[str]:
    times = _STRETCH.match(word)
    if not times:
        raise ValueError(f"has {word[:20]!r}, which is no stretch of time such as 09:00-17:00")
    return [times[1], times[2]]


class HoursField(forms.CharField):
    """Hours as text; JSON, as the API has them, is read too."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 2}))
        super().__init__(required=False, help_text=HELP, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else text_of(value)

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        try:
            return hours.checked(json.loads(text)) if text.startswith("{") else hours_in(text)
        except ValueError as error:
            raise ValidationError(f"This {error}.") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return text_of(initial) != str(data or "").strip()
