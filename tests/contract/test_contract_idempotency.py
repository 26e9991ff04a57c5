"""Idempotent writes: the same request_id answers with the first answer again, and sends nothing twice (api.md, 4)."""

import pytest

from accounts.models import Client, Sender
from conversations.models import Message
from messaging.models import Template
from tests.contract.shapes import assert_error, assert_faults
from tests.contract.world import (
    a_client,
    a_studio,
    at_once,
    get,
    message,
    phone,
    post,
    queue,
    record,
    reply,
    timeline,
)

pytestmark = pytest.mark.django_db


def assert_replayed(first, again):
    assert again.status == first.status, again.raw
    assert again.body == first.body
    assert again.headers.get("Idempotent-Replayed") == "true"
    assert "Idempotent-Replayed" not in first.headers


@pytest.mark.parametrize("write", [queue, record])
def test_the_same_request_answers_with_the_first_answer_again(write):
    studio, number = a_studio(), phone()
    first, again = (write(studio, to=number, request_id="r-1") for _ in range(2))
    assert_replayed(first, again)
    assert first["request_id"] == "r-1"
    assert Message.objects.filter(business_id=studio.id).count() == 1


@pytest.mark.parametrize("path", ["/sms/queue", "/sms/record"])
def test_the_header_does_as_the_body_does(path):
    studio, number = a_studio(), phone()
    body = {"business_id": studio.id, "to": number, "body": "hi"}
    first, again = (post(path, body, studio.key, Idempotency_Key="r-1") for _ in range(2))
    assert_replayed(first, again)
    assert first["request_id"] == "r-1"
    assert_replayed(first, post(path, body | {"request_id": "r-1"}, studio.key))


def test_without_a_request_id_the_server_makes_one_each_time():
    studio, number = a_studio(), phone()
    one, two = queue(studio, to=number), queue(studio, to=number)
    assert one["request_id"] != two["request_id"]
    assert one["message_id"] != two["message_id"]
    found = get(f"/messages/requests/{one['request_id']}", studio.key)
    assert [item["id"] for item in found["results"]] == [one["message_id"]]


@pytest.mark.parametrize("write", [queue, record])
@pytest.mark.parametrize("change", [{"body": "other"}, {"to": "+12125550199"}, {"metadata": {"a": 1}}])
def test_another_body_under_the_same_request_id_is_409(write, change):
    studio = a_studio()
    fields = {"to": phone(), "request_id": "r-1"}
    assert write(studio, **fields).status in {201, 202}
    assert_error(write(studio, **fields | change), 409, "request_id_conflict")
    assert Message.objects.filter(business_id=studio.id).count() == 1
    assert Client.objects.filter(business_id=studio.id).count() == 1


def test_another_endpoint_under_the_same_request_id_is_409():
    studio, number = a_studio(), phone()
    queue(studio, to=number, request_id="r-1")
    assert_error(record(studio, to=number, request_id="r-1"), 409, "request_id_conflict")
    record(studio, to=number, request_id="r-2")
    assert_error(queue(studio, to=number, request_id="r-2"), 409, "request_id_conflict")


def test_another_business_may_use_the_same_request_id():
    one, other, number = a_studio(), a_studio(), phone()
    first, second = queue(one, to=number, request_id="r-1"), queue(other, to=number, request_id="r-1")
    assert first.status == second.status == 202
    assert first["message_id"] != second["message_id"]


@pytest.mark.parametrize("request_id", ["a", "x" * 128, "A-z.0_9:-", "2026-01-01T00:00:00"])
def test_these_are_request_ids(request_id):
    assert queue(a_studio(), request_id=request_id)["request_id"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "ä", "a/b", "a\n", 7, "a\x00", "a,b"])
def test_these_are_none(request_id):
    assert_faults(queue(a_studio(), request_id=request_id), "body.request_id")


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a/b"])
def test_neither_are_these_in_the_header(given):
    studio = a_studio()
    body = {"business_id": studio.id, "to": phone(), "body": "hi"}
    assert_faults(post("/sms/queue", body, studio.key, Idempotency_Key=given), "header.Idempotency-Key")


def test_the_replay_stands_whatever_became_of_the_message_since():
    studio, number = a_studio(), phone()
    first = queue(studio, to=number, request_id="r-1")
    post("/sms/status", {"message_id": first["message_id"], "status": "delivered"}, studio.key)
    assert_replayed(first, queue(studio, to=number, request_id="r-1"))


def test_the_replay_stands_after_the_client_opted_out():
    studio, number = a_studio(), phone()
    first = queue(studio, to=number, request_id="r-1")
    reply(studio, number, "STOP")
    assert_replayed(first, queue(studio, to=number, request_id="r-1"))


def test_the_replay_stands_after_the_conversation_moved_on():
    studio, number = a_studio(), phone()
    last = queue(studio, to=number)["message_id"]
    fields = {"to": number, "request_id": "r-1", "expected_last_message_id": last}
    assert_replayed(queue(studio, **fields), queue(studio, **fields))
    reply(studio, number, "ok")
    assert queue(studio, **fields).status == 202


def test_the_replay_stands_after_its_sender_was_given_up():
    studio, number = a_studio(), phone()
    fields = {"to": number, "request_id": "r-1", "from": studio.sender}
    first = queue(studio, **fields)
    Sender.objects.filter(business_id=studio.id).update(is_active=False)
    assert_replayed(first, queue(studio, **fields))


def test_the_replay_stands_after_its_template_is_gone():
    studio, number = a_studio(), phone()
    template = Template.objects.create(business_id=studio.id, name="t", body="Hi")
    fields = {"to": number, "request_id": "r-1", "template_id": template.pk, "body": None}
    first = queue(studio, **fields)
    template.delete()
    assert_replayed(first, queue(studio, **fields))


def test_the_replay_stands_after_the_clients_number_changed():
    studio = a_studio()
    client = a_client(studio)
    fields = {"client_id": client.pk, "to": client.phone, "request_id": "r-1"}
    first = queue(studio, **fields)
    Client.objects.filter(pk=client.pk).update(phone=phone())
    assert_replayed(first, queue(studio, **fields))


def test_a_dry_run_uses_no_request_id_up():
    studio, number = a_studio(), phone()
    assert queue(studio, to=number, request_id="r-1", dry_run=True).status == 200
    got = queue(studio, to=number, request_id="r-1")
    assert got.status == 202
    assert "Idempotent-Replayed" not in got.headers


def test_a_refused_request_uses_no_request_id_up():
    studio, number = a_studio(), phone()
    assert queue(studio, to=number, request_id="r-1", body="x" * 1601).status == 422
    assert queue(studio, to=number, request_id="r-1").status == 202


def test_the_order_of_the_bodys_fields_makes_no_other_body():
    studio, number = a_studio(), phone()
    one = f'{{"business_id": {studio.id}, "to": "{number}", "body": "hi", "request_id": "r-1"}}'
    two = f'{{ "request_id": "r-1", "body": "hi", "to": "{number}",\n"business_id": {studio.id}}}'
    assert_replayed(post("/sms/queue", one, studio.key), post("/sms/queue", two, studio.key))


def test_a_blocked_answer_is_replayed_as_blocked():
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    first = queue(studio, to=number, request_id="r-1")
    assert first["status"] == "blocked"
    reply(studio, number, "START")
    assert_replayed(first, queue(studio, to=number, request_id="r-1"))


def assert_one_message(studio, answers):
    assert {answer.status for answer in answers} <= {201, 202}, [answer.raw for answer in answers]
    assert len({answer.raw for answer in answers}) == 1
    replays = [answer.headers.get("Idempotent-Replayed") for answer in answers]
    assert replays.count(None) == 1
    assert Message.objects.filter(business_id=studio.id).count() == 1
    assert Client.objects.filter(business_id=studio.id).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("write", [queue, record])
@pytest.mark.parametrize("known", [True, False])
def test_twenty_identical_calls_at_once_are_one_message(write, known):
    studio, number = a_studio(), phone()
    if known:
        a_client(studio, phone=number)
    answers = at_once(20, lambda _: write(studio, to=number, request_id="r-1"))
    assert_one_message(studio, answers)


@pytest.mark.django_db(transaction=True)
def test_twenty_calls_with_pictures_at_once_are_one_message_with_its_pictures_once():
    studio, number = a_studio(), phone()
    urls = ["https://example.com/1.jpg", "https://example.com/2.jpg"]
    answers = at_once(20, lambda _: queue(studio, to=number, request_id="r-1", media_urls=urls))
    assert_one_message(studio, answers)
    assert [one["url"] for one in message(studio, answers[0]["message_id"])["media"]] == urls


@pytest.mark.django_db(transaction=True)
def test_of_twenty_different_bodies_at_once_one_wins_and_the_others_are_409():
    studio, number = a_studio(), phone()
    answers = at_once(20, lambda n: queue(studio, to=number, request_id="r-1", body=f"body {n}"))
    assert sorted(answer.status for answer in answers) == [202] + [409] * 19
    assert Message.objects.filter(business_id=studio.id).count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_texts_at_once_to_an_unknown_number_make_one_client_and_one_thread():
    studio, number = a_studio(), phone()
    answers = at_once(20, lambda n: queue(studio, to=number, body=f"body {n}"))
    assert {answer.status for answer in answers} == {202}
    assert len({answer["client_id"] for answer in answers}) == 1
    assert len({answer["conversation_id"] for answer in answers}) == 1
    assert len(timeline(studio, answers[0])) == 20
    assert Client.objects.filter(business_id=studio.id).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_ten_answers_at_once_to_the_same_last_message_one_is_sent():
    studio, number = a_studio(), phone()
    last = queue(studio, to=number)["message_id"]
    answers = at_once(10, lambda n: queue(studio, to=number, body=str(n), expected_last_message_id=last))
    assert sorted(answer.status for answer in answers) == [202] + [409] * 9
    assert {answer["code"] for answer in answers if answer.status == 409} == {"conversation_moved"}
