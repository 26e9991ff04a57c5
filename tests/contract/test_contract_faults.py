"""All faults of a request come in one 422, each in a sentence, and none is swallowed by another (api.md, 2)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.models import Conversation, Message
from tests.contract.shapes import assert_error, assert_faults
from tests.contract.world import (
    a_client,
    a_staff_member,
    a_studio,
    at_once,
    call,
    get,
    phone,
    post,
    queue,
    reply,
    thread_path,
    timeline,
)

pytestmark = pytest.mark.django_db
PAST, LATER = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def inbox(studio, **query):
    return get(f"{studio.path}/conversations", studio.key, query)


def a_thread(studio):
    sent = queue(studio)
    return thread_path(studio, sent).removesuffix("/messages")


def cursor_of(page):
    return page["next"].split("cursor=")[1].split("&")[0]


def sentences(answer):
    return [fault["msg"] for fault in answer["detail"]]


def test_a_cursor_with_any_other_sign_at_its_end_is_422():
    """Bits that base64 leaves over are part of it: what was altered anywhere is no cursor."""
    studio = a_studio()
    for _ in range(2):
        queue(studio)
    good = cursor_of(inbox(studio, page_size=1))
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=":
        if last != good[-1]:
            assert_faults(inbox(studio, cursor=good[:-1] + last), "query.cursor")
    for added in ("=", "==", "A", "!", "\n"):
        assert_faults(inbox(studio, cursor=good + added), "query.cursor")
    assert inbox(studio, cursor=good).status == 200


def test_a_cursor_that_is_none_is_told_with_the_other_faults():
    answer = inbox(a_studio(), cursor="zzz", page_size="0", status="odd", unread="maybe")
    assert_faults(answer, "query.cursor", "query.page_size", "query.status.0", "query.unread")


def test_a_feeds_cursor_that_is_none_is_told_with_the_other_faults():
    studio = a_studio()
    assert_faults(get(f"{studio.path}/changes", studio.key, {"after": "x", "limit": "0"}), "query.after", "query.limit")


def test_a_last_event_id_that_is_none_is_a_fault_of_the_header():
    studio = a_studio()
    assert_faults(get(f"{studio.path}/events", studio.key, Last_Event_ID="x"), "header.Last-Event-ID")


@pytest.mark.parametrize("name", ["client_id", "sort", "unread", "assigned_to", "page_size", "q"])
def test_a_parameter_given_twice_is_422_and_says_so(name):
    studio = a_studio()
    answer = call("GET", f"{studio.path}/conversations?{name}=1&{name}=2&status=odd", key=studio.key)
    assert_faults(answer, f"query.{name}", "query.status.0")
    assert "is given more than once" in sentences(answer)


def test_a_reversed_range_of_a_read_status_names_both():
    studio = a_studio()
    answer = post(
        f"{a_thread(studio)}/messages/read-status", {"is_read": 1, "after": LATER, "before": PAST}, studio.key
    )
    assert_faults(answer, "body.after", "body.before", "body.is_read")


def test_a_reversed_range_of_a_retry_names_both():
    studio = a_studio()
    body = {"failed_after": LATER, "failed_before": PAST, "limit": 0}
    assert_faults(
        post(f"{studio.path}/messages/retry", body, studio.key), "body.failed_after", "body.failed_before", "body.limit"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"status": "snoozed"},
        {"status": "snoozed", "snoozed_until": PAST},
        {"status": "open", "snoozed_until": "2999-01-01T00:00:00Z"},
    ],
)
def test_a_snooze_without_sense_is_told_with_the_other_faults(body):
    studio = a_studio()
    answer = post(f"{a_thread(studio)}/status", body | {"odd": 1}, studio.key)
    assert_faults(answer, "body.snoozed_until", "body.odd")
    assert Conversation.objects.get().status == "open"


def test_a_snooze_with_a_time_to_come_is_taken():
    studio = a_studio()
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    assert post(f"{a_thread(studio)}/status", {"status": "snoozed", "snoozed_until": until}, studio.key).status == 200


def test_a_message_of_no_channel_is_told_with_the_other_faults():
    studio = a_studio()
    answer = post("/messages", {"channel": "fax", "action": "fly", "business_id": "x"}, studio.key)
    assert_faults(answer, "body.channel", "body.action", "body.business_id")


def test_a_message_that_a_channel_cannot_is_told_with_the_other_faults():
    answer = post("/messages", {"channel": "note", "action": "send"}, a_studio().key)
    assert_faults(answer, "body.action", "body.business_id")


def test_a_bad_idempotency_key_is_told_with_the_bodys_faults():
    studio = a_studio()
    body = {"channel": "sms", "action": "send", "business_id": studio.id}
    answer = post("/messages", body, studio.key, Idempotency_Key="not one")
    assert_faults(answer, "header.Idempotency-Key", "body.to", "body.body")


def test_a_key_with_a_dot_in_it_must_be_the_bodys_request_id_too():
    studio = a_studio()
    body = {"channel": "sms", "action": "send", "business_id": studio.id, "to": phone(), "body": "x"}
    answer = post("/messages", body | {"request_id": "one.1"}, studio.key, Idempotency_Key="one.2")
    assert_faults(answer, "header.Idempotency-Key")
    rows = post("/messages", [body | {"request_id": "one.1"}, body], studio.key, Idempotency_Key="one.2")["results"]
    assert [row["request_id"] for row in rows] == ["one.1", "one.2.1"]


def test_a_status_that_cannot_be_recorded_is_one_fault():
    studio = a_studio()
    body = {"business_id": studio.id, "to": phone(), "body": "x", "status": "scheduled", "provider": "Ä"}
    answer = post("/sms/record", body, studio.key)
    assert_faults(answer, "body.status", "body.provider")
    assert len(answer["detail"]) == 2
    assert not any("String should" in sentence for sentence in sentences(answer))


def test_one_is_said_in_the_singular():
    answer = inbox(a_studio(), label="")
    assert sentences(answer) == ["must have at least 1 character"]


def test_a_challenge_names_both_ways_in():
    challenge = call("GET", "/businesses/1/conversations").headers["WWW-Authenticate"]
    assert "ApiKey" in challenge
    assert 'Bearer realm="omega"' in challenge


@pytest.mark.parametrize("fields", [{"availability": "offline"}, {"is_active": False}])
def test_a_new_thread_is_not_given_to_who_is_not_there(fields):
    studio = a_studio()
    mo, client = a_staff_member(studio, **fields), a_client(studio)
    path = f"{studio.path}/clients/{client.pk}/conversations"
    assert_error(post(path, {"assigned_to": mo.pk}, studio.key), 409, "staff_unavailable")
    assert not Conversation.objects.exists()
    assert post(path, {}, studio.key).status == 201
    assert post(path, {"assigned_to": mo.pk}, studio.key).status == 200


@pytest.mark.django_db(transaction=True)
def test_one_and_a_list_of_the_same_request_at_once_are_one_message():
    """The single append holds the request's key and waits for the thread; the list holds the thread."""
    studio, number = a_studio(), phone()
    reply(studio, number, "Hi")
    body = {"channel": "sms", "action": "send", "business_id": studio.id, "to": number, "body": "x"}

    def both(place, round_):
        one = body | {"request_id": f"r-{round_}"}
        return post("/messages", [one] if place % 2 else one, studio.key)

    for round_ in range(5):
        answers = at_once(12, lambda place, round_=round_: both(place, round_))
        assert {answer.status for answer in answers} == {200, 202}, [answer.raw for answer in answers]
    assert Message.objects.filter(business_id=studio.id, direction="outbound").count() == 5
    assert len(timeline(studio, answers[0] if "client_id" in answers[0].body else answers[0]["results"][0])) == 6
