"""A summary's figures as cards, tables and charts, each with the address of its rows."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Report = dict[str, Any]
# Gives the address of the rows that a figure counts.
Rows = Callable[..., str]

ARRIVED, FAILED, BLOCKED = ("delivered", "read"), ("failed", "undelivered"), ("blocked",)
NOTHING = "-"
_CHANNELS = ("sms", "email", "voice", "note")


def duration(seconds: int | None) -> str:
    """In the one or two units that a person would say."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return _("%(count)s s") % {"count": seconds}
    if seconds < 3600:
        return _("%(count)s min") % {"count": round(seconds / 60)}
    if seconds < 48 * 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
    return ngettext("%(count)s day", "%(count)s days", round(seconds / 86400)) % {"count": round(seconds / 86400)}


def percent(part: float | None) -> str:
    return NOTHING if part is None else f"{part * 100:.1f} %"


def channel_name(channel: str) -> str:
    names = {"sms": _("Texts"), "email": _("E-mails"), "voice": _("Calls"), "note": _("Notes")}
    return names.get(channel, channel)


def _figure(shown: Any, url: str) -> dict[str, Any]:
    """A number in a table; nothing to open where it counts nothing."""
    return {"shown": shown, "url": url if shown not in (0, NOTHING) else ""}


def cards(report: Report, rows: Rows) -> list[dict[str, Any]]:
    """The figures that are looked at first."""
    delivered, failed = (sum(one[name] for one in report["delivery"]) for name in ("delivered", "failed"))
    rate = delivered / (delivered + failed) if delivered + failed else None
    answer, solved = report["first_response"], report["resolution"]
    ends = {"direction": "outbound", "status": (*ARRIVED, *FAILED)}
    return [
        _card(_("Came in"), report["inbound"], _("messages and calls of clients"), rows(direction="inbound")),
        _card(_("Went out"), report["outbound"], _("to clients"), rows(direction="outbound")),
        _card(_("Delivered"), percent(rate), _("of those whose end is known"), rows(**ends)),
        _card(_("Failed"), failed, _("failed or undelivered"), rows(direction="outbound", status=FAILED)),
        _card(
            _("First answer"), duration(answer["median_seconds"]),
            _("half of %(count)s answers came sooner") % {"count": answer["count"]}, rows(kind="response"),
        ),
        _card(
            _("Solved"), duration(solved["median_seconds"]),
            _("half of %(count)s conversations were closed sooner") % {"count": solved["count"]},
            rows(kind="resolution"),
        ),
    ]  # fmt: skip


def _card(title: str, value: Any, sentence: str, url: str) -> dict[str, Any]:
    return {"title": title, "value": value, "sentence": sentence, "url": url}


def delivery(report: Report, rows: Rows) -> dict[str, Any]:
    """What became of messages, by channel."""
    lines = []
    for one in report["delivery"]:
        by = {"direction": "outbound", "channel": one["channel"]}
        lines.append((channel_name(one["channel"]), [
            _figure(one["messages"], rows(**by)),
            _figure(one["delivered"], rows(**by, status=ARRIVED)),
            _figure(one["failed"], rows(**by, status=FAILED)),
            _figure(one["blocked"], rows(**by, status=BLOCKED)),
            _figure(one["canceled"], rows(**by, status=("canceled",))),
            _figure(one["pending"], rows(**by, status=("scheduled", "queued", "sending", "unknown", "sent"))),
            _figure(percent(one["delivery_rate"]), rows(**by, status=(*ARRIVED, *FAILED))),
        ]))  # fmt: skip
    heads = [_("Went out"), _("Delivered"), _("Failed"), _("Blocked"), _("Canceled"), _("No end yet"), _("Rate")]
    return {"head": _("Channel"), "heads": heads, "lines": lines}


def failures(report: Report, rows: Rows) -> list[dict[str, Any]]:
    """Why messages did not arrive, the most frequent reason first."""
    return [
        one
        | {
            "channel_name": channel_name(one["channel"]),
            "url": rows(direction="outbound", channel=one["channel"], status=(one["status"],), code=one["code"]),
        }
        for one in report["failures"]
    ]


def staff_load(report: Report, rows: Rows, opened: dict[int, int]) -> dict[str, Any]:
    """Who wrote how much, how soon, and has how many conversations open now."""
    table = _load(report["staff"], rows, "staff", _("Nobody: by the system, or by the clients"))
    for line in table["lines"]:
        line["figures"].append(_figure(opened.get(line["id"], 0), ""))
    return table | {"title": _("Load by staff member"), "head": _("Staff member"), "heads": [*_heads(), _("Open now")]}


def location_load(report: Report, rows: Rows) -> dict[str, Any]:
    table = _load(report["locations"], rows, "location", _("No location"))
    return table | {"title": _("Load by location"), "head": _("Location"), "heads": _heads()}


def _heads() -> list[str]:
    return [_("Came in"), _("Went out"), _("Notes"), _("Answers"), _("First answer"), _("Solved"), _("Took")]


def _load(parts: list[dict[str, Any]], rows: Rows, name: str, nobody: str) -> dict[str, Any]:
    lines = []
    for one in parts:
        by = {name: one["id"] or 0}
        answer, solved = one["first_response"], one["resolution"]
        answers, ends = rows(kind="response", **by), rows(kind="resolution", **by)
        title = nobody if one["id"] is None else one["name"] or _("No longer here")
        lines.append({"id": one["id"], "title": title, "figures": [
            _figure(one["inbound"], rows(direction="inbound", **by)),
            _figure(one["outbound"], rows(direction="outbound", **by)),
            _figure(one["notes"], rows(channel="note", **by)),
            _figure(answer["count"], answers),
            _figure(duration(answer["median_seconds"]), answers),
            _figure(solved["count"], ends),
            _figure(duration(solved["median_seconds"]), ends),
        ]})  # fmt: skip
    return {"lines": lines}


def charts(report: Report, rows: Rows) -> list[dict[str, Any]]:
    """What the page draws; each is a table besides, for who cannot see or point."""
    return [_volume(report, rows), _hours(report, rows), _ends(report, rows), _times(report, rows)]


def _chart(name: str, title: str, unit: str, labels: list[str], series: list[dict[str, Any]], kind: str = "bar") -> Any:
    points = [
        {"label": label, "cells": [
            {"value": one["values"][place], "url": one["urls"][place]} for one in series
        ]}
        for place, label in enumerate(labels)
    ]  # fmt: skip
    return {
        "name": name, "title": title, "points": points, "series": series, "unit": unit,
        "drawn": {"name": name, "kind": kind, "unit": unit, "labels": labels, "series": series},
    }  # fmt: skip


def _series(title: str, tone: str, values: list[Any], urls: list[str]) -> dict[str, Any]:
    return {"title": title, "tone": tone, "values": values, "urls": urls}


def _of_days(report: Report, title: str, tone: str, name: str, row: Callable[[Any], str]) -> dict[str, Any]:
    days = report["days"]
    return _series(title, tone, [one[name] for one in days], [row(one["day"]) for one in days])


def _volume(report: Report, rows: Rows) -> dict[str, Any]:
    def of(direction: str) -> Callable[[Any], str]:
        return lambda day: rows(**{"from": day, "to": day, "direction": direction})

    series = [
        _of_days(report, _("Came in"), "info", "inbound", of("inbound")),
        _of_days(report, _("Went out"), "primary", "outbound", of("outbound")),
    ]
    return _chart("volume", _("Messages by day"), _("messages"), _days(report), series)


def _hours(report: Report, rows: Rows) -> dict[str, Any]:
    counts: dict[tuple[str, int], int] = {}
    for one in report["hours"]:
        key = one["channel"], one["hour"]
        counts[key] = counts.get(key, 0) + one["messages"]
    tones = dict(zip(_CHANNELS, ("primary", "info", "warning", "subtle"), strict=True))
    series = [
        _series(
            channel_name(channel), tones[channel], [counts.get((channel, hour), 0) for hour in range(24)],
            [rows(channel=channel, hour=hour) for hour in range(24)],
        )
        for channel in _CHANNELS if any(key[0] == channel for key in counts)
    ]  # fmt: skip
    title = _("Messages by channel and hour of the day")
    return _chart("hours", title, _("messages"), [f"{hour:02d}" for hour in range(24)], series)


def _ends(report: Report, rows: Rows) -> dict[str, Any]:
    def of(statuses: tuple[str, ...]) -> Callable[[Any], str]:
        return lambda day: rows(**{"from": day, "to": day, "direction": "outbound", "status": statuses})

    series = [
        _of_days(report, _("Delivered"), "success", "delivered", of(ARRIVED)),
        _of_days(report, _("Failed"), "danger", "failed", of(FAILED)),
        _of_days(report, _("Blocked"), "warning", "blocked", of(BLOCKED)),
    ]
    return _chart("ends", _("What became of what went out, by day"), _("messages"), _days(report), series)


def _times(report: Report, rows: Rows) -> dict[str, Any]:
    days, series = report["days"], []
    for title, tone, name, kind in (
        (_("First answer"), "primary", "first_response", "response"), (_("Solved"), "info", "resolution", "resolution")
    ):  # fmt: skip
        seconds = [one[name]["median_seconds"] for one in days]
        minutes = [None if one is None else round(one / 60, 1) for one in seconds]
        urls = [rows(**{"from": one["day"], "to": one["day"], "kind": kind}) for one in days]
        series.append(_series(title, tone, minutes, urls))
    title = _("First answers and solved conversations: the median of each day")
    return _chart("times", title, _("minutes"), _days(report), series, kind="line")


def _days(report: Report) -> list[str]:
    return [one["day"].isoformat() for one in report["days"]]
