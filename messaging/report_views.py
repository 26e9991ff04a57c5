"""Reports over HTTP: the summary of a business over some days, as JSON or as a sheet."""

import csv
import io
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from django.http import HttpResponse
from django.utils import timezone
from pydantic import BaseModel, BeforeValidator, Field
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Business
from conversations.serializers import TIME, ChannelName, DirectionName
from messaging.services import quiet, summaries
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import Fault, NotFound, ParameterError
from omega_project.lib.api.fields import Query

MOST_DAYS = 366
DEFAULT_DAYS = 30


class Times(BaseModel):
    """How long something took, in seconds; null where nothing did."""

    count: int
    median_seconds: int | None
    p90_seconds: int | None


class ReportPart(BaseModel):
    inbound: int
    outbound: int
    notes: int
    first_response: Times
    resolution: Times


class ReportVolume(BaseModel):
    channel: ChannelName
    direction: DirectionName
    messages: int


class ReportHour(ReportVolume):
    """Messages in an hour of the day, 0 to 23, in the business's zone: of all days together."""

    hour: int


class ReportDelivery(BaseModel):
    """`delivery_rate` is delivered by delivered and failed; `pending` had no end yet."""

    channel: ChannelName
    messages: int
    delivered: int
    failed: int
    blocked: int
    canceled: int
    pending: int
    delivery_rate: float | None


class ReportFailure(BaseModel):
    channel: ChannelName
    status: str
    code: str
    meaning: str | None
    messages: int


class ReportShare(ReportPart):
    """A staff member's or a location's part; `id` null: nobody's."""

    id: int | None
    name: str | None


class ReportOfDay(ReportPart):
    day: date
    delivered: int
    failed: int
    blocked: int


class ReportSummary(ReportPart):
    """The days from `from` to `to`, both included, in the business's zone."""

    from_: date = Field(alias="from")
    to: date
    timezone: str
    as_of: datetime
    is_complete: bool
    volumes: list[ReportVolume]
    hours: list[ReportHour]
    delivery: list[ReportDelivery]
    failures: list[ReportFailure]
    staff: list[ReportShare]
    locations: list[ReportShare]
    days: list[ReportOfDay]


def _moment(value: Any) -> Any:
    """A date stays one; a time is one of RFC 3339."""
    if isinstance(value, str) and len(value) == len("2026-03-01"):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a date, such as 2026-03-01, or an RFC 3339 time") from None
    return TIME.validate_python(value)


Moment = Annotated[datetime | date, BeforeValidator(_moment)]


class SummaryQuery(Query):
    """A time stands for the day that it falls on, in the business's zone."""

    from_: Moment | None = Field(None, alias="from", description="The first day: a date or a time.")
    to: Moment | None = Field(None, description="The last day, included: a date or a time.")


def _day(moment: datetime | date, business: Business) -> date:
    if not isinstance(moment, datetime):
        return moment
    try:
        return moment.astimezone(quiet.zone(business.timezone)).date()
    except OverflowError:  # the calendar's first and last day
        return moment.date()


def _span(query: SummaryQuery, business: Business) -> tuple[date, date]:
    """The first and the last day; 422 that names both where they are reversed or too far apart."""
    last = _day(query.to or timezone.now(), business)
    default = last - timedelta(days=min(DEFAULT_DAYS - 1, (last - date.min).days))
    first = _day(query.from_, business) if query.from_ else default
    sentence = ""
    if first > last:
        sentence = f"from ({first}) is later than to ({last})"
    elif (last - first).days >= MOST_DAYS:
        sentence = f"from ({first}) and to ({last}) span more than {MOST_DAYS} days"
    if sentence:
        raise ParameterError([Fault(["query", name], sentence) for name in ("from", "to")])
    return first, last


class Reports(OmegaViewSet):
    """`…/reports/…`."""

    @endpoint(
        summary="Get the summary of a business over some days",
        operation_id="reports_summary",
        description=(
            "Volumes, delivery and its failures, times of first response and of resolution; as a whole, by day, staff "
            "member and location. Days are the business's own; the last 30 unless `from` and `to` say otherwise, 366 "
            "at most. `Accept: text/csv` gives a sheet by day, channel and direction."
        ),
        tags=["reports"],
        query=SummaryQuery,
        answers={200: ReportSummary},
        errors=(403, 404),
    )
    def summary(self, request: Request, given: Given, business_id: int) -> Any:
        business = Business.objects.filter(pk=business_id).first()
        if business is None:
            raise NotFound("There is no such business.")
        first, last = _span(given.query, business)
        if "text/csv" in request.headers.get("accept", ""):
            return sheet(summaries.table(business, first, last), f"summary-{first}-{last}.csv")
        return Response(summaries.summarise(business, first, last))


def sheet(rows: list[list[Any]], name: str) -> HttpResponse:
    """Rows as a CSV file to be kept under `name`."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)
