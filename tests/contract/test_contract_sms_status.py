"""Delivery receipts, by callers and by Twilio: a status never moves backwards, however they come (delivery.md, 4)."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.models import WebhookEvent
from messaging.services import intake
from tests.contract.shapes import assert_error, assert_faults, assert_keys
from tests.contract.world import (
    a_platform_key,
    a_studio,
    at_once,
    get,
    message,
    phone,
    post,
    queue,
    record,
    report,
    sid,
    status_of,
    twilio,
)

pytestmark = pytest.mark.django_db

RANK = {
    "queued": 1, "sending": 2, "unknown": 2, "sent": 3, "delivered": 4, "undelivered": 4, "failed": 4,
    "canceled": 4, "read": 5,
}  # fmt: skip
TERMINAL = {"undelivered", "failed", "canceled", "blocked"}
REPORTS = ["sent", "delivered", "undelivered", "failed", "read"]


def recorded(studio, status="queued"):
    return record(studio, status=status, provider="twilio", provider_message_id=sid())["message_id"]


def told(studio, status, **fields):
    return post("/sms/status", {"status": status} | fields, studio.key)


def test_a_status_is_200_with_exactly_these_keys():
    studio = a_studio()
    one = recorded(studio)
    got = told(studio, "sent", message_id=one)
    assert got.status == 200, got.raw
    assert_keys(got.body, {"message_id", "status", "applied"})
    assert got.body == {"message_id": one, "status": "sent", "applied": True}
    assert status_of(studio, one) == "sent"


def test_a_backward_status_is_200_and_not_applied():
    studio = a_studio()
    one = recorded(studio, "delivered")
    got = told(studio, "sent", message_id=one)
    assert got.body == {"message_id": one, "status": "delivered", "applied": False}


def test_a_message_is_known_by_its_providers_id():
    studio, one = a_studio(), sid()
    made = record(studio, status="sent", provider="twilio", provider_message_id=one)["message_id"]
    got = told(studio, "delivered", provider_message_id=one)
    assert got.body == {"message_id": made, "status": "delivered", "applied": True}


def test_a_receipt_keeps_its_time_and_its_error():
    studio = a_studio()
    one, two = recorded(studio, "sent"), recorded(studio, "sent")
    told(studio, "delivered", message_id=one, occurred_at="2026-03-01T10:00:00+01:00")
    assert message(studio, one)["delivered_at"].startswith("2026-03-01T09:00:00")
    told(studio, "undelivered", message_id=two, error_code="30003", error_message="Off")
    error = message(studio, two)["error"]
    assert_keys(error, {"code", "message", "retryable"})
    assert (error["code"], error["message"]) == ("30003", "Off")


def test_a_code_without_words_gets_a_sentence():
    studio = a_studio()
    one = recorded(studio, "sent")
    told(studio, "undelivered", message_id=one, error_code="30003")
    assert len(message(studio, one)["error"]["message"]) > 10


@pytest.mark.parametrize(
    "body",
    [{}, {"status": "sent"}, {"message_id": 1}, {"message_id": 1, "status": "flying"}, {"message_id": "1"},
     {"message_id": 0, "status": "sent"}, {"message_id": 2**63, "status": "sent"},
     {"message_id": 1, "status": "sent", "occurred_at": "now"}, {"message_id": 1, "status": "received"}],
)  # fmt: skip
def test_a_bad_receipt_is_422(body):
    assert_faults(post("/sms/status", body, a_platform_key()))


def test_a_message_that_is_not_there_is_404():
    studio = a_studio()
    assert_error(told(studio, "sent", message_id=2**62), 404, "not_found")
    assert_error(told(studio, "sent", provider_message_id=sid()), 404, "not_found")


def test_another_businesss_message_is_404_and_untouched():
    studio, other, one = a_studio(), a_studio(), sid()
    made = record(other, status="queued", provider="twilio", provider_message_id=one)["message_id"]
    assert_error(told(studio, "delivered", message_id=made), 404, "not_found")
    assert_error(told(studio, "delivered", provider_message_id=one), 404, "not_found")
    assert status_of(other, made) == "queued"


def assert_forward(before, after):
    assert RANK[after] >= RANK[before], (before, after)
    if before in TERMINAL:
        assert after == before


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "queued", "sending"])))
def test_whatever_the_order_the_end_is_delivered(order):
    studio = a_studio()
    one = recorded(studio)
    for status in order:
        before = status_of(studio, one)
        told(studio, status, message_id=one)
        assert_forward(before, status_of(studio, one))
    assert status_of(studio, one) == "delivered"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(["queued", "sending", *REPORTS]), min_size=1, max_size=8), st.booleans())
def test_a_status_never_moves_backwards(reports, by_webhook):
    studio, one = a_studio(), sid()
    made = record(studio, status="queued", provider="twilio", provider_message_id=one)["message_id"]
    seen = [status_of(studio, made)]
    for status in reports:
        answer = report(studio, one, status) if by_webhook else told(studio, status, message_id=made)
        assert answer.status in {200, 204}, answer.raw
        seen.append(status_of(studio, made))
    for before, after in itertools.pairwise(seen):
        assert_forward(before, after)
    assert RANK[seen[-1]] >= max(RANK[status] for status in seen)


@pytest.mark.parametrize("first", ["delivered", "undelivered", "failed"])
@pytest.mark.parametrize("late", ["sent", "delivered", "undelivered", "failed"])
def test_a_terminal_status_of_a_text_is_final(first, late):
    studio = a_studio()
    one = recorded(studio, "sent")
    told(studio, first, message_id=one)
    got = told(studio, late, message_id=one)
    assert (got["status"], got["applied"]) == (first, False)


def test_a_text_of_ours_is_not_queued_or_canceled_by_a_receipt():
    studio = a_studio()
    one = queue(studio, scheduled_at="2031-01-01T00:00:00Z")["message_id"]
    for status in ("queued", "sending", "canceled"):
        assert told(studio, status, message_id=one).status == 200
    assert status_of(studio, one) in {"scheduled", "canceled"}


def test_an_inbound_text_has_no_delivery():
    studio = a_studio()
    one = record(studio, direction="inbound", **{"from": phone()})["message_id"]
    got = told(studio, "delivered", message_id=one)
    assert got.status in {200, 404, 409}
    assert status_of(studio, one) == "received"


def test_a_webhook_receipt_is_204_and_applied():
    studio, one = a_studio(), sid()
    made = record(studio, status="sent", provider="twilio", provider_message_id=one)["message_id"]
    got = report(studio, one, "delivered", RawDlrDoneDate="2503031012")
    assert (got.status, got.raw) == (204, b"")
    assert status_of(studio, made) == "delivered"


def test_a_webhook_receipt_of_a_failure_explains_itself():
    studio, one = a_studio(), sid()
    made = record(studio, status="sent", provider="twilio", provider_message_id=one)["message_id"]
    assert report(studio, one, "undelivered", ErrorCode="30003").status == 204
    stored = message(studio, made)
    assert (stored["status"], stored["error"]["code"]) == ("undelivered", "30003")
    assert len(stored["error"]["message"]) > 10


def test_the_carriers_opt_out_code_is_an_opt_out():
    studio, one, number = a_studio(), sid(), phone()
    record(studio, to=number, status="sent", provider="twilio", provider_message_id=one)
    assert report(studio, one, "failed", ErrorCode="21610", To=number).status == 204
    assert queue(studio, to=number)["status"] == "blocked"


@pytest.mark.parametrize("status", ["accepted", "partially_delivered", "receiving", "teleported", ""])
def test_a_status_that_nobody_knows_moves_nothing(status):
    studio, one = a_studio(), sid()
    made = record(studio, status="sent", provider="twilio", provider_message_id=one)["message_id"]
    assert report(studio, one, status).status == 204
    assert status_of(studio, made) == "sent"


def test_an_early_receipt_finds_its_message_by_our_id_in_its_url():
    studio, one = a_studio(), sid()
    made = queue(studio)["message_id"]
    assert report(studio, one, "delivered", query=f"?mid={made}").status == 204
    stored = message(studio, made)
    assert (stored["status"], stored["provider_message_id"]) == ("delivered", one)


@pytest.mark.parametrize("mid", ["0", "-1", "x", "9" * 30, "1e3", "%00", "", "1&mid=2"])
def test_a_strange_id_in_the_url_is_204_and_hurts_nobody(mid):
    assert report(a_studio(), sid(), "delivered", query=f"?mid={mid}").status == 204


def test_a_receipt_of_an_unknown_message_is_kept_and_applied_later():
    studio, one = a_studio(), sid()
    assert report(studio, one, "delivered").status == 204
    made = record(studio, status="sent", provider="twilio", provider_message_id=one)["message_id"]
    WebhookEvent.objects.filter(status__in=["pending", "failed"]).update(next_attempt_at="2020-01-01T00:00:00Z")
    intake.retry_due()
    assert status_of(studio, made) == "delivered"


def test_the_same_receipt_twice_is_one_line_of_history():
    studio, one = a_studio(), sid()
    made = record(studio, status="sent", provider="twilio", provider_message_id=one)["message_id"]
    for _ in range(3):
        assert report(studio, one, "delivered").status == 204
    history = message(studio, made)["history"]
    assert [line["status"] for line in history].count("delivered") == 1


@pytest.mark.django_db(transaction=True)
def test_thirty_receipts_at_once_in_any_order_end_delivered():
    studio, one = a_studio(), sid()
    made = record(studio, status="queued", provider="twilio", provider_message_id=one)["message_id"]
    words = ["sent", "delivered", "sending"]
    answers = at_once(30, lambda n: report(studio, one, words[n % 3]))
    assert {answer.status for answer in answers} == {204}
    stored = message(studio, made)
    assert stored["status"] == "delivered"
    ranks = [RANK[line["status"]] for line in stored["history"]]
    assert ranks == sorted(ranks)


def test_a_receipt_needs_its_signature():
    studio, one = a_studio(), sid()
    made = record(studio, status="sent", provider="twilio", provider_message_id=one)["message_id"]
    form = {"MessageSid": one, "MessageStatus": "delivered"}
    for signed in (False, "", "bm90IHRoZSBzaWduYXR1cmU=", "é", "x" * 9000):
        assert_error(twilio("/twilio/sms/status", form, signed=signed), 403, "invalid_signature")
    assert status_of(studio, made) == "sent"
    assert not WebhookEvent.objects.exists()


def test_history_has_each_status_with_its_time_and_source():
    studio = a_studio()
    one = recorded(studio)
    for status in ("sent", "delivered"):
        told(studio, status, message_id=one)
    history = get(f"/messages/{one}", studio.key)["history"]
    assert [line["status"] for line in history] == ["queued", "sent", "delivered"]
    assert all(line["at"].endswith("Z") and line["source"] for line in history)
