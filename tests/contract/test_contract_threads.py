"""Opening a client's one thread, and a client's profile: the shapes, the figures, and what does not belong together."""

import pytest

from conversations.models import Conversation
from tests.contract.shapes import CLIENT, CONVERSATION, STATS, assert_error, assert_faults, assert_keys, assert_times
from tests.contract.world import (
    a_client,
    a_location,
    a_staff_member,
    a_studio,
    at_once,
    get,
    phone,
    post,
    queue,
    record,
    reply,
    thread_path,
)

pytestmark = pytest.mark.django_db


def open_thread(studio, client_id, key=None, **body):
    return post(f"{studio.path}/clients/{client_id}/conversations", body, key or studio.key)


def test_a_thread_is_made_once_with_201_then_200():
    studio = a_studio()
    client = a_client(studio)
    made, again = open_thread(studio, client.pk), open_thread(studio, client.pk)
    assert (made.status, again.status) == (201, 200)
    assert made.body == again.body
    assert_keys(made.body, CONVERSATION)
    assert_times(made.body)
    assert made["client"]["id"] == client.pk
    wanted = {"status": "open", "unread_count": 0, "channels": [], "last_message": None, "assigned_to": None}
    assert {name: made[name] for name in wanted} == wanted


def test_an_empty_body_is_fine():
    studio = a_studio()
    client = a_client(studio)
    assert post(f"{studio.path}/clients/{client.pk}/conversations", b"", studio.key).status == 201


def test_a_thread_is_made_with_its_location_and_assignee():
    studio = a_studio()
    client, place, mo = a_client(studio), a_location(studio), a_staff_member(studio)
    made = open_thread(studio, client.pk, location_id=place.pk, assigned_to=mo.pk)
    assert made.status == 201
    assert (made["location_id"], made["assigned_to"]) == (place.pk, {"id": mo.pk, "name": "Mo"})


def test_the_thread_of_a_send_is_the_same_one():
    studio = a_studio()
    client = a_client(studio)
    sent = queue(studio, client_id=client.pk)
    got = open_thread(studio, client.pk)
    assert (got.status, got["id"]) == (200, sent["conversation_id"])


@pytest.mark.django_db(transaction=True)
def test_twenty_calls_at_once_make_one_thread():
    studio = a_studio()
    client = a_client(studio)
    answers = at_once(20, lambda _: open_thread(studio, client.pk))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer["id"] for answer in answers}) == 1
    assert Conversation.objects.filter(client=client).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_thread_opened_while_texts_come_and_go_is_one():
    studio = a_studio()
    client = a_client(studio)
    doors = [
        lambda: open_thread(studio, client.pk),
        lambda: queue(studio, client_id=client.pk),
        lambda: reply(studio, client.phone, "Hi"),
        lambda: record(studio, client_id=client.pk),
    ]
    answers = at_once(24, lambda n: doors[n % 4]())
    assert {answer.status for answer in answers} <= {200, 201, 202}, [answer.raw for answer in answers]
    one = Conversation.objects.get(business_id=studio.id)
    assert (one.message_count, one.unread_count) == (18, 6)
    assert one.last_message_id == one.messages.order_by("-created_at", "-id").first().pk


def test_what_is_not_of_this_business_is_404():
    studio, other = a_studio(), a_studio()
    client = a_client(studio)
    assert_error(open_thread(studio, a_client(other).pk), 404, "not_found")
    assert_error(open_thread(studio, 2**62), 404, "not_found")
    assert_error(open_thread(studio, client.pk, location_id=a_location(other).pk), 404, "not_found")
    assert_error(open_thread(studio, client.pk, assigned_to=a_staff_member(other).pk), 404, "not_found")
    assert not Conversation.objects.exists()


@pytest.mark.parametrize(
    "body", [{"assigned_to": "x"}, {"location_id": 1.5}, {"location_id": True}, {"status": "open"}]
)
def test_a_bad_body_is_422(body):
    studio = a_studio()
    assert_faults(open_thread(studio, a_client(studio).pk, **body), f"body.{next(iter(body))}")


@pytest.mark.parametrize("part", ["business", "client", "conversation"])
def test_a_timeline_whose_ids_do_not_belong_together_is_404(part):
    studio = a_studio()
    one, two = queue(studio), queue(studio)
    mixed = dict(one.body)
    if part == "business":
        other = queue(a_studio())
        mixed |= {"client_id": other["client_id"], "conversation_id": other["conversation_id"]}
    else:
        mixed[f"{part}_id"] = two[f"{part}_id"]
    assert_error(get(thread_path(studio, mixed), studio.key), 404, "not_found")


def profile(studio, client_id):
    return get(f"{studio.path}/clients/{client_id}", studio.key)


def test_a_profile_without_a_thread():
    studio = a_studio()
    got = profile(studio, a_client(studio).pk)
    assert got.status == 200, got.raw
    assert_keys(got.body, CLIENT | {"conversation", "stats"})
    assert got["conversation"] is None
    assert_keys(got["stats"], STATS)
    assert got["stats"] | {"first_contact_at": 0, "last_contact_at": 0} == dict.fromkeys(STATS, 0)


def test_a_profile_counts_what_went_to_and_fro():
    studio = a_studio()
    client = a_client(studio)
    sent = queue(studio, client_id=client.pk)
    queue(studio, client_id=client.pk)
    reply(studio, client.phone, "Hi")
    got = profile(studio, client.pk)
    assert_keys(got["conversation"], CONVERSATION)
    assert got["conversation"]["id"] == sent["conversation_id"]
    figures = got["stats"]
    assert (figures["messages_in"], figures["messages_out"], figures["calls"]) == (1, 2, 0)
    assert figures["first_contact_at"] < figures["last_contact_at"]
    assert_times(figures)


def test_a_profile_of_another_business_is_404():
    assert_error(profile(a_studio(), a_client(a_studio()).pk), 404, "not_found")


def test_a_client_without_a_name_is_called_by_the_number():
    studio, number = a_studio(), phone()
    assert profile(studio, queue(studio, to=number)["client_id"])["name"] in {"", number}


@pytest.mark.parametrize("value", ["0", "-1", "x", str(2**63), "9" * 30, "1.0", "%00", "٣", "1%20", "1e3"])
def test_an_id_that_cannot_be_one_is_422(value):
    studio = a_studio()
    assert_faults(get(f"{studio.path}/clients/{value}", studio.key), "path.client_id")
    assert_faults(get(f"/businesses/{value}/clients", studio.key), "path.business_id")


def test_the_first_response_is_the_first_answer_after_a_question():
    studio, number = a_studio(), phone()
    reply(studio, number, "Hi")
    assert open_conversation(studio)["first_response_at"] is None
    queue(studio, to=number)
    first = open_conversation(studio)["first_response_at"]
    queue(studio, to=number)
    assert first
    assert open_conversation(studio)["first_response_at"] == first


def open_conversation(studio):
    return get(f"{studio.path}/conversations", studio.key)["results"][0]
