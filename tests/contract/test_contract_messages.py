"""One message explained, found by its request_id, taken back, and tried again (api.md, messages)."""

import pytest
from django.utils import timezone

from conversations.models import Message
from tests.contract.shapes import MESSAGE, assert_error, assert_faults, assert_keys, assert_times
from tests.contract.world import (
    a_platform_key,
    a_studio,
    at_once,
    claimed,
    get,
    message,
    phone,
    post,
    queue,
    record,
    reply,
    sid,
    status_of,
)

pytestmark = pytest.mark.django_db


def cancel(studio, message_id, key=None):
    return post(f"/messages/{message_id}/cancel", {}, key or studio.key)


def failed(studio, **fields):
    """A text of ours that failed in a way worth trying again."""
    one = queue(studio)["message_id"]
    wanted = {"status": "failed", "error_code": "30001", "error_message": "Full", "error_retryable": True}
    Message.objects.filter(pk=one).update(**wanted | fields)
    return one


def retry(studio, key=None, **body):
    return post(f"{studio.path}/messages/retry", body, key or studio.key)


def test_a_message_is_shown_with_history_and_trace():
    studio = a_studio()
    got = get(f"/messages/{queue(studio)['message_id']}", studio.key)
    assert_keys(got.body, MESSAGE | {"history", "trace"})
    assert_times(got.body)
    assert [line["status"] for line in got["history"]] == ["queued"]
    for line in got["history"]:
        assert_times(line)
        assert line["at"]
        assert line["source"]
    assert isinstance(got["trace"], list)
    assert got["trace"]


def test_the_trace_speaks_of_consent_sender_and_time():
    studio = a_studio()
    trace = str(message(studio, queue(studio)["message_id"])["trace"])
    assert "consent" in trace
    assert "sender" in trace
    assert studio.sender in trace


def test_the_trace_has_each_attempt_and_no_secrets(settings):
    studio = a_studio()
    one = queue(studio)["message_id"]
    claimed()
    shown = message(studio, one)
    assert shown["status"] == "sending"
    assert shown["attempts"] == 1
    assert "attempt" in str(shown["trace"])
    assert [line["status"] for line in shown["history"]] == ["queued", "sending"]
    for secret in (settings.TWILIO_AUTH_TOKEN, settings.TWILIO_API_KEY_SECRET, settings.SECRET_KEY, studio.key):
        assert secret not in str(shown)


def test_an_inbound_message_is_explained_too():
    studio = a_studio()
    one = record(studio, direction="inbound", **{"from": phone()})["message_id"]
    assert [line["status"] for line in message(studio, one)["history"]] == ["received"]


def test_a_message_outside_the_keys_reach_is_404():
    one = queue(a_studio())["message_id"]
    assert_error(get(f"/messages/{one}", a_studio().key), 404, "not_found")
    assert get(f"/messages/{one}", a_platform_key()).status == 200
    assert_error(get(f"/messages/{2**62}", a_platform_key()), 404, "not_found")


@pytest.mark.parametrize("value", ["0", "-1", "x", str(2**63), "9" * 40, "1.0", "%00", "٣", "%ff"])
@pytest.mark.parametrize("end", ["", "/cancel"])
def test_an_id_that_cannot_be_one_is_422(value, end):
    path, key = f"/messages/{value}{end}", a_platform_key()
    got = post(path, {}, key) if end else get(path, key)
    assert_faults(got)


def test_messages_are_found_by_their_request_id():
    studio, other, key = a_studio(), a_studio(), a_platform_key()
    one, two = queue(studio, request_id="r-1"), queue(other, request_id="r-1")
    got = get("/messages/requests/r-1", key)
    assert got.status == 200
    assert_keys(got.body, {"request_id", "results"})
    assert got["request_id"] == "r-1"
    assert {item["id"] for item in got["results"]} == {one["message_id"], two["message_id"]}
    for item in got["results"]:
        assert_keys(item, MESSAGE)
    mine = get("/messages/requests/r-1", studio.key)
    assert [item["id"] for item in mine["results"]] == [one["message_id"]]
    twin = get(f"{studio.path}/messages/requests/r-1", key)
    assert [item["id"] for item in twin["results"]] == [one["message_id"]]


def test_a_request_id_that_made_nothing_is_404():
    studio = a_studio()
    queue(a_studio(), request_id="r-1")
    for path in ("/messages/requests/r-1", f"{studio.path}/messages/requests/r-1", "/messages/requests/none"):
        assert_error(get(path, studio.key), 404, "not_found")


@pytest.mark.parametrize("value", ["a%20b", "x" * 129, "%00", "%C3%A4", "a%0A"])
def test_a_request_id_that_cannot_be_one_is_422(value):
    studio = a_studio()
    assert_faults(get(f"/messages/requests/{value}", studio.key), "path.request_id")
    assert_faults(get(f"{studio.path}/messages/requests/{value}", studio.key), "path.request_id")


@pytest.mark.parametrize("fields", [{}, {"scheduled_at": "2031-01-01T00:00:00Z"}])
def test_what_has_not_gone_can_be_taken_back(fields):
    studio = a_studio()
    one = queue(studio, **fields)["message_id"]
    got = cancel(studio, one)
    assert got.status == 200, got.raw
    assert got.body == {"message_id": one, "status": "canceled"}
    assert status_of(studio, one) == "canceled"
    assert claimed() == []


def test_taking_back_twice_is_the_same_answer():
    studio = a_studio()
    one = queue(studio)["message_id"]
    assert cancel(studio, one).body == cancel(studio, one).body


@pytest.mark.parametrize("status", ["sent", "delivered", "failed", "undelivered"])
def test_what_was_handed_over_cannot(status):
    studio = a_studio()
    one = queue(studio)["message_id"]
    post("/sms/status", {"message_id": one, "status": status}, studio.key)
    assert_error(cancel(studio, one), 409, "already_handed_over")
    assert status_of(studio, one) == status


def test_what_a_worker_has_in_hand_cannot():
    studio = a_studio()
    one = queue(studio)["message_id"]
    claimed()
    assert_error(cancel(studio, one), 409, "already_handed_over")


def test_a_recorded_or_received_message_cannot():
    studio = a_studio()
    for one in (record(studio, status="queued"), record(studio, direction="inbound", **{"from": phone()})):
        assert_error(cancel(studio, one["message_id"]), 409, "already_handed_over")


def test_another_businesss_message_cannot():
    studio = a_studio()
    one = queue(studio)["message_id"]
    assert_error(cancel(studio, one, key=a_studio().key), 404, "not_found")
    assert status_of(studio, one) == "queued"
    assert cancel(studio, one, key=a_platform_key()).status == 200


@pytest.mark.django_db(transaction=True)
def test_cancel_and_claim_at_once_never_both_win():
    studio = a_studio()
    for _ in range(6):
        one = queue(studio)["message_id"]
        tasks = [
            lambda one=one: cancel(studio, one).status,
            claimed,
        ]
        canceled, taken = at_once(2, lambda n, tasks=tasks: tasks[n]())
        assert (canceled == 200) != (taken == [one]), (canceled, taken)


def test_a_retry_answers_with_exactly_these_keys():
    studio = a_studio()
    one = failed(studio)
    got = retry(studio)
    assert got.status == 202, got.raw
    assert got.body == {"matched": 1, "retried": [one], "skipped": []}
    assert status_of(studio, one) == "queued"
    assert message(studio, one)["error"] is None


def test_a_retry_of_nothing_is_nothing():
    studio = a_studio()
    queue(studio)
    assert retry(studio).body == {"matched": 0, "retried": [], "skipped": []}


def test_a_permanent_fault_is_skipped_unless_forced():
    studio = a_studio()
    one = failed(studio, error_code="21211", error_retryable=False)
    got = retry(studio)
    assert (got["matched"], got["retried"], [item["id"] for item in got["skipped"]]) == (1, [], [one])
    assert got["skipped"][0]["reason"]
    assert status_of(studio, one) == "failed"
    assert retry(studio, force=True)["retried"] == [one]


def test_a_dry_run_of_a_retry_changes_nothing():
    studio = a_studio()
    one = failed(studio)
    assert retry(studio, dry_run=True)["retried"] == [one]
    assert status_of(studio, one) == "failed"


def test_a_retry_can_be_narrowed():
    studio = a_studio()
    one, two = failed(studio), failed(studio, error_code="30017")
    assert retry(studio, dry_run=True, message_ids=[one])["retried"] == [one]
    assert retry(studio, dry_run=True, error_code="30017")["retried"] == [two]
    assert retry(studio, dry_run=True, limit=1)["matched"] == 1
    assert retry(studio, dry_run=True, channel="email")["matched"] == 0
    assert retry(studio, dry_run=True, direction="inbound")["matched"] == 0
    assert sorted(retry(studio, dry_run=True, channel="sms", direction="outbound")["retried"]) == [one, two]
    now = timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert retry(studio, dry_run=True, failed_before="2020-01-01T00:00:00Z")["matched"] == 0
    assert (
        retry(studio, dry_run=True, failed_after="2020-01-01T00:00:00Z", failed_before="2999-01-01T00:00:00Z")[
            "matched"
        ]
        == 2
    )
    assert now


def test_an_empty_list_of_ids_is_no_filter_as_in_the_contracts_example():
    studio = a_studio()
    one = failed(studio)
    assert retry(studio, message_ids=[], dry_run=True)["retried"] == [one]


def test_one_business_never_retries_anothers():
    studio, other = a_studio(), a_studio()
    foreign = failed(other)
    assert retry(studio, message_ids=[foreign])["matched"] == 0
    assert status_of(other, foreign) == "failed"


def test_the_platform_retries_all_or_one_business():
    studio, other, key = a_studio(), a_studio(), a_platform_key()
    one, two = failed(studio), failed(other)
    narrowed = post("/messages/retry", {"business_id": studio.id, "dry_run": True}, key)
    assert narrowed["retried"] == [one]
    assert sorted(post("/messages/retry", {}, key)["retried"]) == [one, two]


def test_a_business_key_cannot_use_the_platforms_retry():
    studio = a_studio()
    assert_error(post("/messages/retry", {}, studio.key), 403, "permission_denied")
    assert_error(post("/messages/retry", {"business_id": studio.id}, studio.key), 403, "permission_denied")


@pytest.mark.parametrize(
    "body",
    [{"limit": 0}, {"limit": 1001}, {"limit": "5"}, {"message_ids": "1"}, {"message_ids": [0]}, {"channel": "fax"},
     {"message_ids": [2**63]}, {"direction": "up"}, {"failed_after": "x"}, {"dry_run": 1}, {"force": "yes"}],
)  # fmt: skip
def test_a_bad_retry_is_422(body):
    got = retry(a_studio(), **body)
    assert got.status == 422
    assert any(fault.startswith(f"body.{next(iter(body))}") for fault in got.faulty)


@pytest.mark.django_db(transaction=True)
def test_ten_retries_at_once_queue_a_message_once():
    studio = a_studio()
    one = failed(studio)
    answers = at_once(10, lambda _: retry(studio, message_ids=[one]))
    assert [answer["retried"] for answer in answers].count([one]) == 1
    history = [line["status"] for line in message(studio, one)["history"]]
    assert history.count("queued") == 2


def test_a_retried_message_is_sent_under_a_new_attempt_and_ignores_old_receipts():
    studio, old = a_studio(), sid()
    one = failed(studio, provider_message_id=old)
    retry(studio)
    post("/sms/status", {"provider_message_id": old, "status": "undelivered", "error_code": "30001"}, studio.key)
    assert status_of(studio, one) == "queued"


def test_a_retry_after_a_stop_is_blocked_at_the_last_moment():
    studio, number = a_studio(), phone()
    one = queue(studio, to=number)["message_id"]
    Message.objects.filter(pk=one).update(status="failed", error_code="30001", error_retryable=True)
    reply(studio, number, "STOP")
    retry(studio)
    assert claimed() == []
    assert status_of(studio, one) in {"blocked", "failed"}


def test_a_stop_between_queue_and_send_blocks():
    studio, number = a_studio(), phone()
    one = queue(studio, to=number)["message_id"]
    reply(studio, number, "STOP")
    assert claimed() == []
    shown = message(studio, one)
    assert shown["status"] == "blocked"
    assert shown["error"]["code"]
