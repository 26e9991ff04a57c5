"""POST /sms/queue: what is accepted, what is refused, and what the answer and the stored message say."""

import datetime

import pytest
from django.utils import timezone

from accounts.models import Business, Client
from conversations.models import Message
from messaging.models import Template
from tests.contract.shapes import ACCEPTED, DRY_RUN, MESSAGE, assert_error, assert_faults, assert_keys
from tests.contract.world import (
    a_client,
    a_location,
    a_platform_key,
    a_sender,
    a_staff_member,
    a_studio,
    message,
    phone,
    queue,
    reply,
    timeline,
)

pytestmark = pytest.mark.django_db


def in_hours(hours):
    return (timezone.now() + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_text_is_accepted_with_202_and_exactly_these_keys():
    studio = a_studio()
    client = a_client(studio)
    got = queue(studio, client_id=client.pk, body="See you at nine")
    assert got.status == 202, got.raw
    assert_keys(got.body, ACCEPTED)
    assert got["status"] == "queued"
    assert got["segments"] == 1
    assert got["client_id"] == client.pk


def test_the_message_is_stored_as_it_was_asked_for():
    studio = a_studio()
    client, staff, place = a_client(studio), a_staff_member(studio), a_location(studio)
    got = queue(
        studio, client_id=client.pk, body="Hi Ana", staff_id=staff.pk, location_id=place.pk,
        metadata={"booking": 7, "deep": {"a": [1, None]}}, request_id="book-7",
    )  # fmt: skip
    stored = message(studio, got["message_id"])
    assert stored.keys() >= MESSAGE
    wanted = {
        "id": got["message_id"], "request_id": "book-7", "business_id": studio.id, "client_id": client.pk,
        "conversation_id": got["conversation_id"], "channel": "sms", "direction": "outbound", "status": "queued",
        "body": "Hi Ana", "from": studio.sender, "to": client.phone, "staff_id": staff.pk, "error": None,
        "attempts": 0, "segments": 1, "media": [], "call": None, "cc": [], "bcc": [], "scheduled_at": None,
        "sent_at": None, "delivered_at": None, "provider_message_id": None,
        "metadata": {"booking": 7, "deep": {"a": [1, None]}},
    }  # fmt: skip
    assert {name: stored[name] for name in wanted} == wanted


def test_a_platform_key_sends_for_any_business():
    assert queue(a_studio(), key=a_platform_key()).status == 202


def test_an_unknown_number_makes_a_client():
    studio, number = a_studio(), phone()
    got = queue(studio, to=number)
    client = Client.objects.get(pk=got["client_id"])
    assert (client.business_id, client.phone) == (studio.id, number)


def test_a_known_number_finds_its_client_and_its_thread():
    studio = a_studio()
    client = a_client(studio)
    first, second = queue(studio, to=client.phone), queue(studio, client_id=client.pk)
    assert first["client_id"] == second["client_id"] == client.pk
    assert first["conversation_id"] == second["conversation_id"]


@pytest.mark.parametrize("spelling", ["+1 (212) 456-7890", "+1-212-456-7890", " +12124567890 "])
def test_a_number_is_one_number_however_it_is_spelt(spelling):
    studio = a_studio()
    plain, spelt = queue(studio, to="+12124567890"), queue(studio, to=spelling)
    assert spelt.status == 202, spelt.raw
    assert plain["client_id"] == spelt["client_id"]


def test_the_same_number_in_another_business_is_another_client():
    number = phone()
    assert queue(a_studio(), to=number)["client_id"] != queue(a_studio(), to=number)["client_id"]


def test_client_id_with_its_own_number_is_fine_and_with_a_foreign_one_422():
    studio = a_studio()
    client = a_client(studio)
    assert queue(studio, client_id=client.pk, to=client.phone).status == 202
    assert_faults(queue(studio, client_id=client.pk, to=phone()), "body.to")
    assert Client.objects.filter(business_id=studio.id).count() == 1


def test_a_client_without_a_phone_is_422():
    studio = a_studio()
    assert_faults(queue(studio, client_id=a_client(studio, phone="").pk))


@pytest.mark.parametrize("fields", [{"body": None}, {"body": ""}, {"body": "   "}, {"media_urls": [], "body": None}])
def test_a_text_without_words_or_pictures_is_422(fields):
    assert_faults(queue(a_studio(), **fields), "body.body")


def test_a_text_to_nobody_is_422():
    studio = a_studio()
    assert_faults(queue(studio, to=None), "body.to")


def test_1600_characters_are_taken_and_1601_are_not():
    studio = a_studio()
    assert queue(studio, body="x" * 1600).status == 202
    assert_faults(queue(studio, body="x" * 1601), "body.body")


def test_pictures_alone_are_enough_and_ten_are_the_most():
    studio = a_studio()
    urls = [f"https://example.com/{n}.jpg" for n in range(10)]
    got = queue(studio, body=None, media_urls=urls)
    assert got.status == 202, got.raw
    assert [item["url"] for item in message(studio, got["message_id"])["media"]] == urls
    assert_faults(queue(studio, media_urls=[*urls, "https://example.com/11.jpg"]), "body.media_urls")


@pytest.mark.parametrize("url", ["", "x", "ftp://example.com/a", "javascript:alert(1)", "https://", 7, None])
def test_what_is_no_web_address_is_no_picture(url):
    assert_faults(queue(a_studio(), media_urls=[url]), "body.media_urls.0")


def test_the_sender_can_be_chosen_among_the_businesss_own():
    studio = a_studio()
    second = a_sender(studio.id)
    got = queue(studio, **{"from": second})
    assert message(studio, got["message_id"])["from"] == second


def test_a_sender_that_is_not_ours_is_422():
    studio, other = a_studio(), a_studio()
    for foreign in (other.sender, phone(), "nonsense", "+1"):
        assert_faults(queue(studio, **{"from": foreign}), "body.from")


def test_a_text_can_be_scheduled():
    studio, later = a_studio(), in_hours(2)
    got = queue(studio, scheduled_at=later)
    assert (got.status, got["status"]) == (202, "scheduled")
    stored = message(studio, got["message_id"])
    assert stored["status"] == "scheduled"
    assert stored["scheduled_at"].rstrip("Z").split(".")[0] == later.rstrip("Z")


def test_a_schedule_with_an_offset_is_given_back_in_utc():
    studio = a_studio()
    got = queue(studio, scheduled_at="2031-03-01T09:30:00+02:00")
    assert message(studio, got["message_id"])["scheduled_at"].startswith("2031-03-01T07:30:00")


@pytest.mark.parametrize("value", ["tomorrow", "2031-13-01T00:00:00Z", "", 5, "2031-02-30T00:00:00Z"])
def test_what_is_no_time_is_422(value):
    assert_faults(queue(a_studio(), scheduled_at=value), "body.scheduled_at")


@pytest.mark.parametrize("priority", ["high", "normal"])
def test_a_priority_is_taken(priority):
    assert queue(a_studio(), priority=priority)["status"] == "queued"


@pytest.mark.parametrize("priority", ["urgent", "HIGH", 1, ""])
def test_an_unknown_priority_is_422(priority):
    assert_faults(queue(a_studio(), priority=priority), "body.priority")


def test_bulk_waits_through_the_clients_night():
    studio = a_studio(quiet_from="00:00", quiet_until="23:59:59", timezone="UTC")
    bulk, normal = queue(studio, priority="bulk"), queue(studio)
    assert (bulk["status"], normal["status"]) == ("scheduled", "queued")


def a_template(studio, body, **fields):
    return Template.objects.create(business_id=studio.id, **{"name": "hello", "body": body} | fields).pk


def test_a_template_is_rendered_with_its_variables():
    studio = a_studio()
    template = a_template(studio, "Hi {{ name }}, see you at {{time}}.")
    got = queue(studio, body=None, template_id=template, variables={"name": "Ana", "time": "9:00"})
    assert got.status == 202, got.raw
    assert message(studio, got["message_id"])["body"] == "Hi Ana, see you at 9:00."


def test_a_variables_value_is_text_and_never_a_template():
    studio = a_studio()
    template = a_template(studio, "Hi {{ name }}")
    got = queue(studio, body=None, template_id=template, variables={"name": "{{ name }} {% now %} <b>\\1"})
    assert message(studio, got["message_id"])["body"] == "Hi {{ name }} {% now %} <b>\\1"


def test_a_template_that_grows_too_long_is_422():
    studio = a_studio()
    template = a_template(studio, "{{ name }}{{ name }}")
    assert queue(studio, body=None, template_id=template, variables={"name": "x" * 801}).status == 422


def test_another_businesss_template_is_not_there():
    template = a_template(a_studio(), "secret")
    got = queue(a_studio(), body=None, template_id=template)
    assert got.status in {404, 422}
    assert b"secret" not in got.raw


@pytest.mark.parametrize("field", ["client_id", "staff_id", "location_id"])
def test_an_id_of_another_business_is_404(field):
    mine, other = a_studio(), a_studio()
    foreign = {"client_id": a_client, "staff_id": a_staff_member, "location_id": a_location}[field](other).pk
    assert_error(queue(mine, **{field: foreign}), 404, "not_found")
    assert not Message.objects.filter(business_id=mine.id).exists()


def test_a_key_of_another_business_is_403():
    assert_error(queue(a_studio(), key=a_studio().key), 403, "permission_denied")


def test_a_business_without_a_number_is_refused_and_not_500():
    studio = a_studio()
    Business.objects.get(pk=studio.id).senders.all().delete()
    assert queue(studio).status == 422


def test_a_dry_run_answers_with_exactly_these_keys_and_stores_nothing():
    studio, number = a_studio(), phone()
    got = queue(studio, to=number, body="Hi Ana", dry_run=True, request_id="dry")
    assert got.status == 200, got.raw
    assert_keys(got.body, DRY_RUN)
    wanted = {
        "dry_run": True, "would": "send", "from": studio.sender, "to": number, "segments": 1, "encoding": "gsm7",
        "ucs2_characters": [], "consent": "unknown", "body": "Hi Ana", "release_at": None,
    }  # fmt: skip
    assert {name: got[name] for name in wanted} == wanted
    assert not Client.objects.filter(business_id=studio.id).exists()
    assert not Message.objects.filter(business_id=studio.id).exists()


def test_a_dry_run_names_the_characters_that_cost():
    got = queue(a_studio(), body="Café “now” 👋 ok ç", dry_run=True)
    assert got["encoding"] == "ucs2"
    assert set(got["ucs2_characters"]) == {"“", "”", "👋", "ç"}


def test_a_dry_run_says_schedule_and_when():
    studio, later = a_studio(), in_hours(3)
    got = queue(studio, scheduled_at=later, dry_run=True)
    assert got["would"] == "schedule"
    assert got["release_at"].startswith(later.rstrip("Z"))
    quiet = a_studio(quiet_from="00:00", quiet_until="23:59:59", timezone="UTC")
    assert queue(quiet, priority="bulk", dry_run=True)["would"] == "schedule"


def test_a_dry_run_says_block_for_whom_opted_out():
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    got = queue(studio, to=number, dry_run=True)
    assert (got["would"], got["consent"]) == ("block", "opted_out")
    assert got["reason"]


def test_a_dry_run_refuses_what_a_send_would_refuse():
    studio = a_studio()
    client = a_client(studio)
    assert_faults(queue(studio, body="x" * 1601, dry_run=True), "body.body")
    assert_faults(queue(studio, dry_run=True, **{"from": phone()}), "body.from")
    assert_faults(queue(studio, client_id=client.pk, to=phone(), dry_run=True), "body.to")
    assert queue(studio, client_id=a_client(a_studio()).pk, dry_run=True).status == 404


def test_a_dry_run_refuses_a_conversation_that_moved():
    studio, number = a_studio(), phone()
    first = queue(studio, to=number)
    reply(studio, number, "wait")
    got = queue(studio, to=number, expected_last_message_id=first["message_id"], dry_run=True)
    assert_error(got, 409, "conversation_moved")


def test_the_expected_last_message_lets_a_send_through():
    studio, number = a_studio(), phone()
    first = queue(studio, to=number)
    assert queue(studio, to=number, expected_last_message_id=first["message_id"]).status == 202


def test_a_conversation_that_moved_is_409_with_what_was_missed():
    studio, number = a_studio(), phone()
    first = queue(studio, to=number)
    reply(studio, number, "Wait, not today")
    missed = timeline(studio, first)[0]
    got = queue(studio, to=number, expected_last_message_id=first["message_id"])
    assert_error(got, 409, "conversation_moved")
    assert missed["id"] in [one["id"] for name in got.body for one in got[name] if isinstance(one, dict)]
    assert b"Wait, not today" in got.raw
    assert len(timeline(studio, first)) == 2


def test_a_fresh_text_stands_in_the_inbox():
    studio = a_studio()
    got = queue(studio, body="Latest words")
    stored = timeline(studio, got)
    assert [one["id"] for one in stored] == [got["message_id"]]
    assert stored[0]["is_read"] is True
