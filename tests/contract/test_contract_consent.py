"""Consent wins: STOP blocks by whatever door, only an explicit START lifts it, and other words do neither."""

import pytest

from accounts.models import Client
from messaging.models import ConsentChange
from tests.contract.shapes import assert_error
from tests.contract.world import (
    a_client,
    a_sender,
    a_studio,
    get,
    message,
    phone,
    post,
    queue,
    reply,
    timeline,
)

pytestmark = pytest.mark.django_db

STOPS = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"]
STARTS = ["START", "YES", "UNSTOP"]


def consent_of(studio, client_id):
    return get(f"{studio.path}/clients/{client_id}", studio.key)["consent"]["sms"]


@pytest.mark.parametrize("word", STOPS)
def test_a_stop_word_blocks_the_next_text(word):
    studio, number = a_studio(), phone()
    queue(studio, to=number)
    assert reply(studio, number, word).status == 200
    got = queue(studio, to=number)
    assert (got.status, got["status"]) == (202, "blocked")
    assert consent_of(studio, got["client_id"]) == "opted_out"


@pytest.mark.parametrize("word", STARTS)
def test_a_start_word_lifts_it(word):
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    reply(studio, number, word)
    got = queue(studio, to=number)
    assert got["status"] == "queued"
    assert consent_of(studio, got["client_id"]) == "opted_in"


SPELLINGS = ["stop", "Stop", " STOP ", "STOP.", "stop!", '"Stop"', "STOP\n", "sToP!!!", "(stop)"]
OTHERS = ["Stop by at nine", "please stop", "don't stop", "non-stop", "stopp", "HELP", "INFO", "Hello", "", "👋", "."]
NO_STARTS = ["Yes, Tuesday works", "Yes 👍", "start over", "HELP", "INFO", "hi", "ok", "", "unstoppable"]


@pytest.mark.parametrize("text", SPELLINGS)
def test_case_punctuation_and_spaces_do_not_matter(text):
    studio, number = a_studio(), phone()
    reply(studio, number, text)
    assert queue(studio, to=number)["status"] == "blocked"


@pytest.mark.parametrize("text", OTHERS)
def test_other_words_do_not_opt_out(text):
    studio, number = a_studio(), phone()
    reply(studio, number, text)
    assert queue(studio, to=number)["status"] == "queued"


@pytest.mark.parametrize("text", NO_STARTS)
def test_other_words_never_opt_in_again(text):
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    reply(studio, number, text)
    got = queue(studio, to=number)
    assert got["status"] == "blocked"
    assert consent_of(studio, got["client_id"]) == "opted_out"


def test_a_client_nobody_heard_of_is_unknown():
    studio = a_studio()
    assert consent_of(studio, a_client(studio).pk) == "unknown"


def test_the_carriers_own_word_counts_more_than_the_texts():
    studio, number = a_studio(), phone()
    assert b"<Message" not in reply(studio, number, "arrêt", OptOutType="STOP").raw
    assert queue(studio, to=number)["status"] == "blocked"
    assert b"<Message" not in reply(studio, number, "allez", OptOutType="START").raw
    assert queue(studio, to=number)["status"] == "queued"


@pytest.mark.parametrize("word", ["STOP", "START", "HELP"])
def test_a_long_codes_keyword_is_answered_by_the_carrier_alone(word):
    assert b"<Message" not in reply(a_studio(), phone(), word).raw


@pytest.mark.parametrize("word", ["STOP", "HELP"])
def test_a_short_codes_keyword_is_answered_by_us(word):
    studio = a_studio()
    a_sender(studio.id, "54321")
    got = reply(studio, phone(), word, To="54321")
    assert got.status == 200
    assert b"<Message>" in got.raw
    assert b"<Message" not in reply(studio, phone(), word, To="54321", OptOutType=word).raw


def test_a_stop_in_one_business_is_none_in_another():
    one, other, number = a_studio(), a_studio(), phone()
    reply(one, number, "STOP")
    assert queue(one, to=number)["status"] == "blocked"
    assert queue(other, to=number)["status"] == "queued"


def test_a_stop_counts_for_every_client_with_that_number():
    studio, number = a_studio(), phone()
    first, second = a_client(studio, phone=number), a_client(studio, phone=number)
    reply(studio, number, "STOP")
    assert {queue(studio, client_id=one.pk)["status"] for one in (first, second)} == {"blocked"}


def test_a_stop_counts_from_every_sender_of_the_business():
    studio, number = a_studio(), phone()
    second = a_sender(studio.id)
    reply(studio, number, "STOP", To=second)
    assert queue(studio, to=number, **{"from": studio.sender})["status"] == "blocked"


def test_a_client_made_after_the_stop_is_blocked_too():
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    Client.objects.filter(business_id=studio.id).update(phone=phone())
    assert queue(studio, client_id=a_client(studio, phone=number).pk)["status"] == "blocked"


def test_a_blocked_text_says_why_and_is_never_due():
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    got = queue(studio, to=number)
    stored = message(studio, got["message_id"])
    assert stored["status"] == "blocked"
    assert stored["error"]["code"]
    assert stored["error"]["retryable"] is False
    assert stored["attempts"] == 0
    assert stored["provider_message_id"] is None


@pytest.mark.parametrize("force", [True, False])
def test_a_blocked_text_never_goes_by_a_retry(force):
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    blocked = queue(studio, to=number)["message_id"]
    reply(studio, number, "START")
    got = post(f"{studio.path}/messages/retry", {"message_ids": [blocked], "force": force}, studio.key)
    assert (got.status, got["retried"]) == (202, [])
    assert [one["id"] for one in got["skipped"]] == [blocked]
    assert message(studio, blocked)["status"] == "blocked"


def test_a_bulk_or_scheduled_text_is_blocked_as_any_other():
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    for extra in ({"priority": "bulk"}, {"priority": "high"}, {"scheduled_at": "2031-01-01T00:00:00Z"}):
        assert queue(studio, to=number, **extra)["status"] == "blocked"


def test_the_stop_itself_stands_in_the_thread():
    studio, number = a_studio(), phone()
    sent = queue(studio, to=number)
    reply(studio, number, "STOP")
    assert timeline(studio, sent)[0]["body"] == "STOP"


def test_each_change_is_kept_with_its_evidence():
    studio, number = a_studio(), phone()
    for word in ("STOP", "STOP", "START", "STOP"):
        reply(studio, number, word)
    changes = ConsentChange.objects.filter(business_id=studio.id, address=number).order_by("id")
    assert [one.state for one in changes] == ["opted_out", "opted_in", "opted_out"]
    assert all(one.evidence and one.at and one.source for one in changes)


def test_somebody_blocked_by_staff_gets_nothing():
    studio = a_studio()
    client = a_client(studio, is_blocked=True)
    got = queue(studio, client_id=client.pk)
    assert (got.status, got["status"]) == (202, "blocked")


def test_a_suspended_business_sends_nothing():
    got = queue(a_studio(status="suspended"))
    assert got.status in {202, 403, 409}
    assert got.status != 202 or got["status"] == "blocked"


def test_a_message_that_is_blocked_cannot_be_taken_back():
    studio, number = a_studio(), phone()
    reply(studio, number, "STOP")
    one = queue(studio, to=number)["message_id"]
    assert_error(post(f"/messages/{one}/cancel", {}, studio.key), 409, "already_handed_over")
