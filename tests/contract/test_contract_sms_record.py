"""POST /sms/record: a text that went or came by another way stands in the timeline, and is never sent."""

import pytest

from conversations.models import Message
from tests.contract.shapes import ACCEPTED, MESSAGE, assert_error, assert_faults, assert_keys, assert_times
from tests.contract.world import (
    a_client,
    a_staff_member,
    a_studio,
    at_once,
    conversations,
    message,
    phone,
    queue,
    record,
    sid,
    timeline,
)

pytestmark = pytest.mark.django_db


def test_a_record_is_201_with_exactly_these_keys():
    got = record(a_studio())
    assert got.status == 201, got.raw
    assert_keys(got.body, ACCEPTED)


def test_an_outbound_record_is_stored_as_it_was_told():
    studio, number, one = a_studio(), phone(), sid()
    staff = a_staff_member(studio)
    got = record(
        studio, to=number, body="Told", direction="outbound", status="delivered", provider="twilio",
        provider_message_id=one, sent_at="2026-03-01T09:00:00Z", delivered_at="2026-03-01T10:00:05+01:00",
        staff_id=staff.pk, metadata={"a": 1}, **{"from": studio.sender},
    )  # fmt: skip
    stored = message(studio, got["message_id"])
    assert stored.keys() >= MESSAGE
    assert_times(stored)
    wanted = {
        "direction": "outbound", "status": "delivered", "from": studio.sender, "to": number, "body": "Told",
        "provider": "twilio", "provider_message_id": one, "staff_id": staff.pk, "metadata": {"a": 1}, "attempts": 0,
    }  # fmt: skip
    assert {name: stored[name] for name in wanted} == wanted
    assert stored["sent_at"].startswith("2026-03-01T09:00:00")
    assert stored["delivered_at"].startswith("2026-03-01T09:00:05")


def test_an_inbound_record_comes_from_the_client_and_is_unread():
    studio, number = a_studio(), phone()
    got = record(studio, direction="inbound", body="Hello", to=studio.sender, **{"from": number})
    assert got.status == 201, got.raw
    assert got["status"] == "received"
    stored = message(studio, got["message_id"])
    assert (stored["direction"], stored["from"], stored["to"]) == ("inbound", number, studio.sender)
    assert stored["is_read"] is False
    assert conversations(studio)[0]["unread_count"] == 1


def test_a_recorded_failure_keeps_its_error():
    studio = a_studio()
    error = {"code": "30003", "message": "Unreachable", "retryable": False}
    got = record(studio, status="failed", error=error)
    assert message(studio, got["message_id"])["error"] == error


def test_a_recorded_text_is_never_due():
    studio = a_studio()
    for status in ("queued", "sent", "failed"):
        got = record(studio, status=status)
        assert Message.objects.get(pk=got["message_id"]).due_at is None


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "delivered", "failed", "undelivered", "canceled"])
def test_an_outbound_status_is_taken(status):
    assert record(a_studio(), status=status)["status"] == status


@pytest.mark.parametrize(
    ("direction", "status"),
    [("outbound", "received"), ("inbound", "sent"), ("inbound", "delivered"), ("outbound", "flying"), ("up", "sent")],
)
def test_a_status_that_does_not_fit_its_direction_is_422(direction, status):
    studio = a_studio()
    got = record(studio, direction=direction, status=status, to=studio.sender, **{"from": phone()})
    assert_faults(got)


def test_the_same_provider_message_id_twice_is_one_message():
    studio, number, one = a_studio(), phone(), sid()
    fields = {"to": number, "provider": "twilio", "provider_message_id": one}
    first, again = record(studio, **fields), record(studio, **fields)
    assert (first.status, again.status) == (201, 201)
    assert first["message_id"] == again["message_id"]
    assert Message.objects.filter(business_id=studio.id).count() == 1
    assert Message.objects.filter(business_id=studio.id, provider_message_id=one).count() == 1


def test_the_same_provider_message_id_under_two_request_ids_is_one_message():
    studio, number, one = a_studio(), phone(), sid()
    fields = {"to": number, "provider": "twilio", "provider_message_id": one}
    first, again = record(studio, **fields, request_id="r-1"), record(studio, **fields, request_id="r-2")
    assert first["message_id"] == again["message_id"]


def test_the_same_provider_message_id_in_two_businesses_is_two_messages():
    one = sid()
    ids = {record(a_studio(), provider="twilio", provider_message_id=one)["message_id"] for _ in range(2)}
    assert len(ids) == 2


def test_an_inbound_text_recorded_twice_is_unread_once():
    studio, number = a_studio(), phone()
    fields = {"direction": "inbound", "from": number, "provider": "twilio", "provider_message_id": sid()}
    for _ in range(2):
        assert record(studio, **fields).status == 201
    assert conversations(studio)[0]["unread_count"] == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_records_of_one_provider_message_at_once_are_one_message():
    studio, number, one = a_studio(), phone(), sid()
    fields = {"direction": "inbound", "from": number, "provider": "twilio", "provider_message_id": one}
    answers = at_once(20, lambda _: record(studio, **fields))
    assert {answer.status for answer in answers} == {201}, [answer.raw for answer in answers]
    assert len({answer["message_id"] for answer in answers}) == 1
    assert conversations(studio)[0]["unread_count"] == 1


def test_a_record_and_a_send_share_a_thread():
    studio = a_studio()
    client = a_client(studio)
    sent, noted = queue(studio, to=client.phone), record(studio, client_id=client.pk)
    assert sent["conversation_id"] == noted["conversation_id"]
    assert [one["id"] for one in timeline(studio, sent)] == [noted["message_id"], sent["message_id"]]


def test_a_record_needs_words_or_pictures_and_somebody():
    studio = a_studio()
    assert_faults(record(studio, body=""), "body.body")
    assert_faults(record(studio, body="x" * 1601), "body.body")
    assert_faults(record(studio, direction="outbound", **{"from": studio.sender}), "body.to")
    assert_faults(record(studio, direction="inbound", to=studio.sender), "body.from")
    assert record(studio, body="", media_urls=["https://example.com/a.jpg"]).status == 201


def test_another_businesss_client_or_staff_is_404():
    studio, other = a_studio(), a_studio()
    assert_error(record(studio, client_id=a_client(other).pk), 404, "not_found")
    assert_error(record(studio, staff_id=a_staff_member(other).pk), 404, "not_found")


def test_a_record_reaches_whom_opted_out_since_nothing_is_sent():
    studio, number = a_studio(), phone()
    record(studio, direction="inbound", body="STOP", **{"from": number})
    assert record(studio, to=number, status="sent")["status"] == "sent"


def test_an_inbound_stop_recorded_counts_as_one_that_came():
    studio, number = a_studio(), phone()
    record(studio, direction="inbound", body="STOP", **{"from": number})
    assert queue(studio, to=number)["status"] == "blocked"
