"""POST /voice-calls/twiml, a client calls: whom it rings, and what stands in the conversation."""

import pytest
import time_machine

from accounts.models import Client, Location, Sender, Staff
from conversations.models import Conversation, Message
from messaging.models import WebhookEvent
from messaging.services import intake
from tests.contract.shapes import assert_error
from tests.contract.world import (
    a_client,
    a_location,
    a_staff_member,
    a_studio,
    call,
    conversations,
    phone,
    signature,
    statements,
    twilio,
)
from tests.voice.world import (
    TWIML,
    a_voice_number,
    an_account,
    call_form,
    call_in,
    heard,
    identity,
    only_call,
    only_message,
    prefer,
    thread_of,
)

pytestmark = pytest.mark.django_db
CLOSED = {"closed_on": ["2026-03-02"]}


def a_thread(studio, **fields):
    client = a_client(studio)
    return Conversation.objects.create(
        business_id=studio.id, client=client, last_message_at="2026-01-01T00:00:00Z", **fields
    )


def test_it_rings_the_conversations_assignee():
    studio = a_studio()
    mine, _other = a_staff_member(studio), a_staff_member(studio)
    thread = a_thread(studio, assigned_to=mine)
    document = heard(call_in(studio, thread.client.phone))
    assert document.rung == [identity(studio, mine)]
    assert document.dial.get("answerOnBridge") == "true"
    client = document.dial.find("Client")
    assert client.get("statusCallbackEvent") == "initiated ringing answered completed"
    assert f"mid={only_call(studio).message_id}" in client.get("statusCallback")
    assert {one.get("name") for one in client.iter("Parameter")} >= {"client_id", "conversation_id", "caller"}


def test_without_an_assignee_who_can_answer_it_rings_the_locations_available_staff_together():
    studio = a_studio()
    place, other = a_location(studio), a_location(studio)
    away = a_staff_member(studio, availability="away")
    here, there, everywhere = a_staff_member(studio), a_staff_member(studio), a_staff_member(studio)
    gone = a_staff_member(studio, is_active=False)
    for one, at in ((here, place), (there, other), (away, place), (gone, place)):
        one.locations.add(at)
    number = a_voice_number(studio, location=place)
    thread = a_thread(studio, assigned_to=away)
    document = heard(call_in(studio, thread.client.phone, number))
    assert document.rung == [identity(studio, here), identity(studio, everywhere)]


def test_no_more_than_ten_ring_together():
    studio = a_studio()
    for _ in range(14):
        a_staff_member(studio)
    assert len(heard(call_in(studio, phone())).rung) == 10


def test_with_nobody_available_it_rings_the_locations_phone():
    studio = a_studio()
    a_location(studio, phone="+12125550177")
    document = heard(call_in(studio, phone()))
    assert document.rung == ["+12125550177"]
    assert document.dial.get("callerId") is None


def test_a_withheld_number_is_shown_to_the_locations_phone_as_the_businesss():
    studio = a_studio()
    a_location(studio, phone="+12125550177")
    assert heard(call_in(studio, "anonymous")).dial.get("callerId") == studio.sender


def test_a_location_whose_phone_is_the_businesss_own_number_rings_nothing_twice():
    studio = a_studio()
    a_location(studio, phone=studio.sender)
    assert heard(call_in(studio, phone())).names == ["Say", "Record", "Hangup"]


def test_with_nobody_at_all_it_takes_voicemail():
    studio = a_studio(name="Lotus & <Spa>")
    document = heard(call_in(studio, phone()))
    assert document.names == ["Say", "Record", "Hangup"]
    assert "Lotus & <Spa>" in document.said
    record = document.root.find("Record")
    assert record.get("maxLength") == "120"
    assert "kind=voicemail" in record.get("recordingStatusCallback")


def test_a_business_without_voicemail_only_says_so():
    studio = a_studio()
    prefer(studio, takes_voicemail=False, greeting="Call us on Monday.")
    document = heard(call_in(studio, phone()))
    assert (document.names, document.said) == (["Say", "Hangup"], "Call us on Monday.")


@time_machine.travel("2026-03-02T15:00:00Z", tick=True)
def test_outside_the_hours_it_goes_straight_to_voicemail():
    studio = a_studio()
    a_staff_member(studio)
    a_location(studio, hours=CLOSED)
    prefer(studio, closed_greeting="We are closed on Mondays.")
    document = heard(call_in(studio, phone()))
    assert (document.names, document.said) == (["Say", "Record", "Hangup"], "We are closed on Mondays.")
    Location.objects.filter(business_id=studio.id).update(hours={"mon": [["09:00", "17:00"]]})
    assert heard(call_in(studio, phone())).names == ["Dial"]


def test_the_hours_are_those_of_the_numbers_location_else_of_any():
    studio = a_studio()
    a_staff_member(studio)
    closed, opened = a_location(studio, hours={"mon": []}), a_location(studio)
    number = a_voice_number(studio, location=closed)
    assert heard(call_in(studio, phone(), number)).names[0] == "Say"
    assert heard(call_in(studio, phone())).names == ["Dial"]
    Location.objects.filter(pk=opened.pk).update(hours={"mon": []})
    assert heard(call_in(studio, phone())).names[0] == "Say"


def test_recorded_calls_are_announced_first():
    studio = a_studio()
    a_staff_member(studio)
    prefer(studio, records_calls=True, announcement="We record this.", ring_seconds=11, language="en-GB")
    document = heard(call_in(studio, phone()))
    assert (document.names, document.said) == (["Say", "Dial"], "We record this.")
    assert document.root.find("Say").get("language") == "en-GB"
    assert document.dial.get("record") == "record-from-answer-dual"
    assert "kind=call" in document.dial.get("recordingStatusCallback")
    assert document.dial.get("timeout") == "11"


def test_the_call_is_a_message_from_its_first_ring():
    studio = a_studio()
    a_staff_member(studio)
    number = phone()
    heard(call_in(studio, number, CallSid="CA1"))
    message = only_message(studio)
    wanted = {
        "channel": "voice", "direction": "inbound", "status": "received", "body": "Incoming call", "is_read": True,
        "from": number, "to": studio.sender, "provider": "twilio", "provider_message_id": "CA1", "error": None,
    }  # fmt: skip
    assert {name: message[name] for name in wanted} == wanted
    told = message["call"]
    assert (told["sid"], told["status"], told["from"], told["to"]) == ("CA1", "ringing", number, studio.sender)
    assert told["started_at"].endswith("Z")
    assert (told["answered_at"], told["duration"], told["voicemail"]) == (None, None, False)
    found = conversations(studio)[0]
    assert (found["channels"], found["unread_count"], found["last_message"]["preview"]) == (
        ["voice"], 0, "Incoming call"
    )  # fmt: skip


def test_a_call_reopens_its_conversation():
    studio = a_studio()
    a_staff_member(studio)
    thread = a_thread(studio, status="closed", closed_at="2026-01-01T00:00:00Z")
    heard(call_in(studio, thread.client.phone))
    thread.refresh_from_db()
    assert (thread.status, thread.closed_at) == ("open", None)
    assert Message.objects.filter(conversation=thread, channel="activity").count() == 1


def test_the_same_request_again_hears_the_same_and_is_one_message():
    studio = a_studio()
    a_staff_member(studio)
    number = phone()
    first, second = (call_in(studio, number, CallSid="CA2") for _ in range(2))
    assert heard(first).raw == heard(second).raw
    assert Message.objects.filter(business_id=studio.id).count() == 1
    known = call_in(studio, number, CallSid="CA3")
    assert heard(known).raw == heard(call_in(studio, number, CallSid="CA3")).raw


@pytest.mark.parametrize("caller", ["anonymous", "Anonymous", "", "+266696687", "client:Anonymous", "Restricted"])
def test_callers_who_withhold_their_number_are_one_client(caller):
    studio = a_studio()
    if caller == "client:Anonymous":
        assert heard(call_in(studio, caller)).names == ["Reject"]
        return
    a_staff_member(studio)
    heard(call_in(studio, caller))
    heard(call_in(studio, "anonymous"))
    client = Client.objects.get(business_id=studio.id)
    assert (client.phone, client.first_name) == ("anonymous", "Withheld number")
    assert thread_of(studio, "anonymous").message_count == 2


def test_a_blocked_client_is_not_put_through_and_stays_read():
    studio = a_studio()
    a_staff_member(studio)
    client = a_client(studio, is_blocked=True)
    assert heard(call_in(studio, client.phone)).names == ["Reject"]
    message = only_message(studio)
    assert (message["is_read"], message["call"]["status"]) == (True, "rejected")


def test_a_call_to_a_number_that_nobody_has_hears_so_and_is_kept():
    studio, number, caller = a_studio(), phone(), phone()
    assert "not in service" in heard(call_in(studio, caller, number)).said
    event = WebhookEvent.objects.get()
    assert (event.status, event.kind) == ("failed", "voice.twiml")
    assert number in event.error
    a_voice_number(studio, address=number)
    intake.replay_event(event_id=event.pk)
    assert only_message(studio)["from"] == caller


def test_a_number_given_up_still_takes_calls_and_one_for_calls_comes_first():
    studio, other = a_studio(), a_studio()
    Sender.objects.filter(business_id=studio.id).update(is_active=False)
    a_staff_member(studio)
    assert heard(call_in(studio, phone())).names == ["Dial"]
    a_voice_number(other, address=studio.sender)
    heard(call_in(studio, phone()))
    assert Message.objects.filter(business_id=other.id).count() == 1


def test_a_forged_signature_is_403_and_writes_nothing():
    studio = a_studio()
    form = call_form(From=phone(), To=studio.sender)
    assert_error(twilio(TWIML, form, signed="bm90IHRoZSBzaWduYXR1cmU="), 403, "invalid_signature")
    assert_error(twilio(TWIML, form, signed=False), 403, "invalid_signature")
    assert not WebhookEvent.objects.exists()
    assert not Message.objects.exists()


def test_an_account_of_anothers_takes_no_calls_of_ours():
    ours, theirs = a_studio(), a_studio()
    account = an_account(theirs)
    form = call_form(From=phone(), To=ours.sender, AccountSid=account)
    signed = signature(f"http://testserver/omega{TWIML}", form, "its own")
    assert "not in service" in heard(twilio(TWIML, form, signed=signed)).said
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [{"CallSid": ""}, {"CallSid": "x" * 5000}, {"CallSid": "a\x00b"}, {"From": "x" * 5000}, {"To": ""}, {"To": "\x00"},
     {"From": "\x00\ud7ff"}, {"From": "<script>"}, {"To": "x" * 5000}, {"CallStatus": "\x00"}, {"AccountSid": ""}],
)  # fmt: skip
def test_nonsense_that_is_signed_hears_something_and_is_kept(fields):
    studio = a_studio()
    heard(call_in(studio, phone(), **fields))
    assert WebhookEvent.objects.count() == 1


def test_a_known_client_costs_two_statements():
    studio = a_studio()
    a_staff_member(studio)
    thread = a_thread(studio)
    heard(call_in(studio, thread.client.phone))
    with statements() as seen:
        heard(call_in(studio, thread.client.phone))
    assert len(seen) == 2, [one[0][:60] for one in seen]


def test_it_answers_post_alone():
    assert call("GET", TWIML).status == 405
    assert Staff.objects.count() == 0
