"""The dashboard: a business's volumes, delivery, times and load over some days; each figure leads to its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.models import Business, Location, Staff
from messaging.admin import report_charts
from messaging.report_views import DEFAULT_DAYS, MOST_DAYS, sheet
from messaging.services import quiet, report_rows, standing, summaries
from messaging.services.report_rows import Wanted
from omega_project.lib.reach import reach_of

BOARD, ROWS = "messaging_dashboard", "messaging_dashboard_rows"
MOST_ROWS = 200
# More than so many are no list to choose from; the address names any other (`business`).
MOST_CHOICES = 200
SPANS = (7, 30, 90, 365)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see. `fault`: why it is not quite what they asked for."""

    business: Business
    first: date
    last: date
    fault: str = ""

    def rows(self, **wanted: Any) -> str:
        """The address of a figure's rows."""
        given = {"business": self.business.pk, "from": self.first, "to": self.last} | wanted
        # An empty code is a reason, too: none was given.
        named = {name: value for name, value in given.items() if name == "code" or value not in ("", ())}
        return f"{reverse(f'admin:{ROWS}')}?{urlencode(named, doseq=True)}"


class ReportBoard:
    """What the admin of a report's days has besides. Beside an OmegaAdmin."""

    admin_site: Any
    opts: Any

    def board_urls(self) -> list[URLPattern]:
        def at(part: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(part, self.admin_site.admin_view(require_GET(view)), name=name)

        return [at("dashboard/", self.dashboard, BOARD), at("dashboard/rows/", self.rows, ROWS)]

    def dashboard(self, request: HttpRequest) -> HttpResponse:
        """The page, or the same as a sheet."""
        asked = self._asked(request)
        if asked is None:
            return self._page(request, "dashboard", {"title": _("Dashboard")})
        if request.GET.get("format") == "csv":
            rows = summaries.table(asked.business, asked.first, asked.last)
            return sheet(rows, f"summary-{asked.first}-{asked.last}.csv")
        return self._page(request, "dashboard", {"title": _("Dashboard"), **_shown(request, asked)})

    def rows(self, request: HttpRequest) -> HttpResponse:
        """What stands behind one figure."""
        asked = self._asked(request)
        if asked is None:
            return self._page(request, "rows", {"title": _("Rows of a figure")})
        wanted, days = wanted_of(request), summaries.days_between(asked.first, asked.last)
        zone = quiet.zone(asked.business.timezone)
        found = report_rows.rows_of(asked.business.pk, days, zone, wanted, MOST_ROWS + 1)
        named = {"staff": _names(Staff, found, "staff_id"), "location": _names(Location, found, "location_id")}
        context = {
            "title": _("Rows of a figure"),
            "asked": asked,
            "wanted": wanted,
            "rows": [_row(row, named) for row in found[:MOST_ROWS]],
            "has_more": len(found) > MOST_ROWS,
            "most": MOST_ROWS,
            "back": _link(asked),
        }
        return self._page(request, "rows", context)

    def _asked(self, request: HttpRequest) -> Asked | None:
        """What is asked for, as far as the person reaches; None where there is no business at all."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        business = _business(request)
        if business is None:
            return None
        today = timezone.now().astimezone(quiet.zone(business.timezone)).date()
        first, last, fault = _span(request, today)
        return Asked(business, first, last, fault)

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/omega_dashboard/{name}.html", whole)


def _business(request: HttpRequest) -> Business | None:
    """One's own; for who reaches all of them the one asked for, else the first."""
    reach, found = reach_of(request), Business.objects.order_by("name", "pk")
    if not reach.is_everything:
        return found.filter(pk=reach.business_id).first()
    wanted = _number(request, "business")
    return (found.filter(pk=wanted).first() if wanted else None) or found.first()


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _span(request: HttpRequest, today: date) -> tuple[date, date, str]:
    """The days asked for; the last thirty, with a sentence, where they make no sense."""
    usual = (today - timedelta(days=DEFAULT_DAYS - 1), today)
    try:
        first, last = (
            date.fromisoformat(request.GET[name]) if request.GET.get(name) else default
            for name, default in zip(("from", "to"), usual, strict=True)
        )
    except ValueError:
        return *usual, _("A day is written as 2026-03-01. These are the last 30 days.")
    if first.year < 2000 or last.year > 2100:
        return *usual, _("There are no figures of these days. These are the last 30 days.")
    if first > last:
        return *usual, _("The first day is later than the last one. These are the last 30 days.")
    if (last - first).days >= MOST_DAYS:
        return *usual, _("At most a year can be shown at once. These are the last 30 days.")
    return first, last, ""


def wanted_of(request: HttpRequest) -> Wanted:
    """The figure whose rows are asked for; what is nonsense is left out."""
    given, kind = request.GET, request.GET.get("kind", "")
    hour = _number(request, "hour")
    return Wanted(
        kind=kind if kind in report_rows.KINDS else "messages",
        channel=given.get("channel", "")[:16].replace("\0", ""),
        direction=given.get("direction", "")[:16].replace("\0", ""),
        statuses=tuple(one[:16].replace("\0", "") for one in given.getlist("status")[:12]),
        code=given["code"][:64].replace("\0", "") if "code" in given else None,
        staff=_number(request, "staff"),
        location=_number(request, "location"),
        hour=hour if hour is None or hour < 24 else None,
    )


def _link(asked: Asked, **more: Any) -> str:
    given = {"business": asked.business.pk, "from": asked.first, "to": asked.last} | more
    return f"{reverse(f'admin:{BOARD}')}?{urlencode(given)}"


def _shown(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    report = summaries.summarise(asked.business, asked.first, asked.last)
    waiting, own = standing.waiting(asked.business.pk), reach_of(request)
    many = Business.objects.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES]
    return {
        "asked": asked,
        "report": report,
        "is_empty": not (report["inbound"] or report["outbound"] or report["notes"]),
        "businesses": list(many) if own.is_everything else [],
        "spans": [_span_link(asked, days) for days in SPANS],
        "sheet": _link(asked, format="csv"),
        "waiting": waiting | {"is_many": waiting["count"] >= standing.MOST},
        "waiting_url": f"{reverse('admin:conversations_message_changelist')}?state=waiting",
        "senders": standing.senders(asked.business.pk),
        "cards": report_charts.cards(report, asked.rows),
        "delivery": report_charts.delivery(report, asked.rows),
        "failures": report_charts.failures(report, asked.rows),
        "loads": [
            report_charts.staff_load(report, asked.rows, standing.open_by_staff(asked.business.pk)),
            report_charts.location_load(report, asked.rows),
        ],
        "charts": report_charts.charts(report, asked.rows),
    }


def _span_link(asked: Asked, days: int) -> dict[str, Any]:
    today = timezone.now().astimezone(quiet.zone(asked.business.timezone)).date()
    first = today - timedelta(days=days - 1)
    is_this = (asked.first, asked.last) == (first, today)
    given = {"business": asked.business.pk, "from": first, "to": today}
    return {"days": days, "url": f"{reverse(f'admin:{BOARD}')}?{urlencode(given)}", "is_this": is_this}


def _names(model: Any, found: list[dict[str, Any]], name: str) -> dict[int, str]:
    return dict(model.objects.filter(pk__in={row[name] for row in found if row[name]}).values_list("pk", "name"))


def _row(row: dict[str, Any], named: dict[str, dict[int, str]]) -> dict[str, Any]:
    """No word and no name of a client stands here: the message's own page has them, for who may see them."""
    return row | {
        "staff": named["staff"].get(row["staff_id"], ""),
        "location": named["location"].get(row["location_id"], ""),
        "took": report_charts.duration(row["seconds"]),
        "url": reverse("admin:conversations_message_change", args=[row["id"]]),
        "thread_url": reverse("admin:conversations_conversation_change", args=[row["thread"]]),
    }
