"""The summary of a business: what it counts, of which days, and that late changes come into it."""

import csv
import datetime
import io

import pytest
from django.utils import timezone

from accounts.models import Business
from conversations.models import Conversation, Message
from messaging.models import ReportDay, ReportFigure
from messaging.services import report_days
from tests.contract.world import (
    a_client,
    a_location,
    a_staff_member,
    a_studio,
    call,
    get,
    post,
    queue,
    record,
    reply,
    statements,
)

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.fixture
def studio():
    return a_studio()


def summary(studio, **query):
    got = get(f"{studio.path}/reports/summary", studio.key, query)
    assert got.status == 200, got.raw
    return got.body


def today(studio):
    return summary(studio)["days"][-1]["day"]


def move(message_id, back, **fields):
    """A message as if written `back` ago."""
    message = Message.objects.get(pk=message_id)
    Message.objects.filter(pk=message_id).update(created_at=message.created_at - back, **fields)


def test_the_last_thirty_days_of_an_idle_business(studio):
    got = summary(studio)
    assert (len(got["days"]), got["days"][0]["day"], got["days"][-1]["day"]) == (30, got["from"], got["to"])
    assert (got["inbound"], got["outbound"], got["volumes"], got["staff"], got["failures"]) == (0, 0, [], [], [])
    nothing = {"count": 0, "median_seconds": None, "p90_seconds": None}
    assert got["first_response"] == got["resolution"] == nothing
    assert got["timezone"] == "America/New_York"


def test_volumes_delivery_and_reasons_of_failure(studio):
    record(studio, status="delivered")
    record(studio, status="undelivered", error={"code": "30003", "message": "off"})
    record(studio, status="sent")
    client = a_client(studio)
    record(studio, direction="inbound", client_id=client.pk)
    got = summary(studio)
    assert got["volumes"] == [
        {"channel": "sms", "direction": "inbound", "messages": 1},
        {"channel": "sms", "direction": "outbound", "messages": 3},
    ]
    one = got["delivery"][0]
    assert (one["delivered"], one["failed"], one["pending"], one["delivery_rate"]) == (1, 1, 1, 0.5)
    assert [(row["code"], row["messages"]) for row in got["failures"]] == [("30003", 1)]
    assert "phone" in got["failures"][0]["meaning"].lower() or got["failures"][0]["meaning"]
    assert (got["days"][-1]["outbound"], got["days"][-1]["delivered"]) == (3, 1)


def test_a_first_response_counts_from_the_first_unanswered_text(studio):
    staff, place = a_staff_member(studio, name="Mo"), a_location(studio, name="Main Street")
    client = a_client(studio)
    now = timezone.now()
    record(studio, direction="inbound", client_id=client.pk, body="Hello?")
    record(studio, direction="inbound", client_id=client.pk, body="Anybody?")
    first, second = Message.objects.order_by("id")
    Message.objects.filter(pk=first.pk).update(created_at=now - datetime.timedelta(seconds=300))
    Message.objects.filter(pk=second.pk).update(created_at=now - datetime.timedelta(seconds=60))
    Conversation.objects.update(location=place)
    queue(studio, client_id=client.pk, staff_id=staff.pk, body="Here I am")
    queue(studio, client_id=client.pk, staff_id=staff.pk, body="Still here")
    got = summary(studio)
    assert got["first_response"]["count"] == 1
    assert 299 <= got["first_response"]["median_seconds"] <= 310
    mine = next(row for row in got["staff"] if row["id"] == staff.pk)
    assert (mine["name"], mine["outbound"], mine["first_response"]["count"]) == ("Mo", 2, 1)
    assert [(row["name"], row["inbound"]) for row in got["locations"]] == [("Main Street", 2)]


def test_a_resolution_runs_to_the_closing(studio):
    client = a_client(studio)
    reply(studio, client.phone, "Hello")
    thread = Conversation.objects.get()
    Conversation.objects.update(first_inbound_at=timezone.now() - datetime.timedelta(hours=2))
    path = f"{studio.path}/clients/{client.pk}/conversations/{thread.pk}/status"
    assert post(path, {"status": "closed"}, studio.key).status == 200
    reply(studio, client.phone, "One thing more")
    assert post(path, {"status": "closed"}, studio.key).status == 200
    times = summary(studio)["resolution"]
    assert times["count"] == 2
    assert 3600 <= times["median_seconds"] <= 3700


def test_an_old_day_is_counted_once_and_again_when_a_status_comes_late(studio):
    sent = record(studio, status="sent", provider_message_id="L-1")
    move(sent["message_id"], DAY * 10)
    assert report_days.count_days() == 1
    assert summary(studio)["delivery"][0]["pending"] == 1
    post("/sms/status", {"provider_message_id": "L-1", "status": "delivered"}, studio.key)
    report_days.count_days()
    report_days.count_days()
    got = summary(studio)
    assert (got["delivery"][0]["delivered"], got["outbound"], got["is_complete"]) == (1, 1, True)
    assert ReportFigure.objects.filter(kind="messages").count() == 1


def test_old_days_are_not_read_from_the_messages(studio):
    sent = record(studio, status="sent")
    move(sent["message_id"], DAY * 10)
    report_days.count_days()
    ReportFigure.objects.update(count=7)
    assert summary(studio)["outbound"] == 7
    with statements() as seen:
        to = (timezone.now() - DAY * 5).date().isoformat()
        summary(studio, to=to)
    assert [sql for sql, _ in seen if "conversations_message" in sql] == []


def test_what_is_still_to_be_counted_is_said(studio):
    day = (timezone.now() - DAY * 10).date()
    report_days.count_days()
    assert summary(studio)["is_complete"] is True
    ReportDay.objects.create(business_id=studio.id, day=day)
    assert summary(studio)["is_complete"] is False
    report_days.count_days()
    assert summary(studio)["is_complete"] is True


def test_a_day_is_the_businesss_own(studio):
    Business.objects.filter(pk=studio.id).update(timezone="Pacific/Kiritimati")
    sent = record(studio, status="sent")
    Message.objects.filter(pk=sent["message_id"]).update(created_at="2026-03-01T11:00:00Z")
    report_days.count_days()
    got = summary(studio, **{"from": "2026-03-01", "to": "2026-03-02T12:00:00Z"})
    assert [(one["day"], one["outbound"]) for one in got["days"]] == [
        ("2026-03-01", 0), ("2026-03-02", 1), ("2026-03-03", 0),
    ]  # fmt: skip


def test_a_sheet(studio):
    record(studio, status="delivered")
    got = call("GET", f"{studio.path}/reports/summary", key=studio.key, Accept="text/csv")
    assert (got.status, got.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    head, row = csv.reader(io.StringIO(got.raw.decode()))
    assert dict(zip(head, row, strict=True))["delivered"] == "1"


@pytest.mark.parametrize(
    ("span", "faulty"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, {"query.from", "query.to"}),
        ({"from": "2025-01-01", "to": "2026-03-01"}, {"query.from", "query.to"}),
        ({"from": "2026-02-30"}, {"query.from"}),
        ({"to": "soon"}, {"query.to"}),
    ],
)
def test_a_span_that_cannot_be(studio, span, faulty):
    assert get(f"{studio.path}/reports/summary", studio.key, span).faulty == faulty


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_ends_of_the_calendar(studio, day):
    assert summary(studio, **{"from": day, "to": day})["outbound"] == 0


def test_a_year_is_the_most(studio):
    assert len(summary(studio, **{"from": "2024-01-01", "to": "2024-12-31"})["days"]) == 366


def test_another_business_counts_for_itself(studio):
    record(a_studio(), status="sent")
    assert summary(studio)["outbound"] == 0
