"""POST /messages with a recorded call: in the timeline, found by the provider's later reports."""

import pytest

from conversations.models import Message
from tests.contract.world import a_client, a_location, a_staff_member, a_studio, phone, post, sid
from tests.voice.world import STATUS, call_in, heard, leg_form, only_call, only_message, report

pytestmark = pytest.mark.django_db


def record(studio, **fields):
    body = {"channel": "voice", "action": "record", "business_id": studio.id} | fields
    return post("/messages", body, studio.key)


def outcome(studio):
    found = only_message(studio)
    return found["status"], found["call"]["status"], found["body"]


def test_a_recorded_call_has_all_that_was_said_of_it():
    studio = a_studio()
    staff, client = a_staff_member(studio), a_client(studio)
    told = {"sid": "CA1", "status": "completed", "duration": 61, "started_at": "2026-03-01T09:30:00Z",
            "recording_url": "https://example.com/rec.mp3"}  # fmt: skip
    got = record(studio, client_id=client.pk, staff_id=staff.pk, call=told)
    assert (got.status, got["status"], got["segments"]) == (201, "delivered", 0)
    message = only_message(studio)
    assert {name: message["call"][name] for name in told} == told
    assert (message["call"]["from"], message["call"]["to"]) == (message["from"] or "", client.phone)
    assert (message["body"], message["provider_message_id"]) == ("Outgoing call, 1 min 1 s", "CA1")
    assert [item["url"] for item in message["media"]] == [told["recording_url"]]


@pytest.mark.parametrize(
    ("status", "is_read", "line"),
    [("completed", True, "Call answered"), ("no-answer", False, "Missed call"), ("ringing", True, "Incoming call")],
)
def test_of_recorded_calls_from_clients_the_missed_ones_are_unread(status, is_read, line):
    studio = a_studio()
    got = record(studio, direction="inbound", **{"from": phone()}, call={"sid": "CA2", "status": status})
    assert (got.status, got["status"]) == (201, "received")
    message = only_message(studio)
    assert (message["is_read"], message["body"]) == (is_read, line)


@pytest.mark.parametrize(
    ("status", "message_status"),
    [("busy", "undelivered"), ("failed", "failed"), ("canceled", "undelivered"), ("queued", "sent")],
)
def test_an_outgoing_call_has_the_status_of_its_end(status, message_status):
    studio = a_studio()
    assert record(studio, to=phone(), call={"sid": "CA3", "status": status})["status"] == message_status
    error = only_message(studio)["error"]
    assert (error and error["code"]) == (None if message_status == "sent" else status)


def test_the_same_sid_twice_is_one_message():
    studio, number = a_studio(), phone()
    first = record(studio, to=number, call={"sid": "CA4"})
    again = record(studio, to=number, call={"sid": "CA4", "duration": 3})
    assert (again.status, again["message_id"]) == (201, first["message_id"])
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_a_call_of_ours_that_is_recorded_as_well_is_one_message():
    studio, number = a_studio(), phone()
    a_staff_member(studio)
    heard(call_in(studio, number, CallSid="CA5"))
    record(studio, direction="inbound", **{"from": number}, call={"sid": "CA5"})
    assert Message.objects.filter(business_id=studio.id).count() == 1
    record(studio, direction="inbound", **{"from": number}, call={"sid": "CA6", "status": "ringing"})
    heard(call_in(studio, number, CallSid="CA6"))
    assert Message.objects.filter(business_id=studio.id).count() == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"call": {}}, "body.call.sid"), ({"call": {"sid": "CA7", "status": "dancing"}}, "body.call.status"),
     ({"call": {"sid": "CA7", "duration": -1}}, "body.call.duration"), ({}, "body.call"),
     ({"call": {"sid": "CA7", "recording_url": "javascript:1"}}, "body.call.recording_url"),
     ({"call": {"sid": "CA7", "started_at": "x"}}, "body.call.started_at"),
     ({"call": {"sid": "CA7", "more": 1}}, "body.call.more"), ({"call": {"sid": "CA7"}, "to": "x"}, "body.to"),
     ({"call": {"sid": "CA7"}, "action": "send"}, "body.action")],
)  # fmt: skip
def test_what_makes_no_sense_is_422(fields, field):
    studio = a_studio()
    assert field in record(studio, **({"to": phone()} | fields)).faulty


def test_its_location_is_the_new_conversations():
    studio = a_studio()
    place = a_location(studio)
    record(studio, to=phone(), location_id=place.pk, call={"sid": "CA8"})
    assert Message.objects.get(business_id=studio.id).conversation.location_id == place.pk


def test_a_later_report_finds_a_call_that_was_recorded():
    studio, one = a_studio(), sid("CA")
    client = a_client(studio)
    got = record(studio, direction="outbound", client_id=client.pk, call={"sid": one, "status": "ringing"})
    assert got.status == 201, got.raw
    assert outcome(studio) == ("sent", "ringing", "Outgoing call")
    form = leg_form(one, one, "completed", 3, client.phone, CallDuration="61")
    form.pop("ParentCallSid")
    report(STATUS, form)
    assert outcome(studio) == ("delivered", "completed", "Outgoing call, 1 min 1 s")
    assert only_call(studio).origin == "record"
