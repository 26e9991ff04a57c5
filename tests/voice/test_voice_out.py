"""POST /voice-calls/twiml, a staff member calls: what is dialled is checked, whatever the caller chose to say."""

import pytest

from accounts.models import Business, Client, Location, Sender, Staff
from conversations.models import Conversation, Message
from messaging.models import WebhookEvent
from messaging.services import consent
from tests.contract.world import a_client, a_location, a_staff_member, a_studio, phone, signature, statements, twilio
from tests.voice.world import (
    TWIML,
    a_voice_number,
    an_account,
    call_form,
    call_out,
    heard,
    identity,
    only_call,
    only_message,
    prefer,
)

pytestmark = pytest.mark.django_db


def nothing_was_dialled(studio, document):
    assert document.dial is None
    assert document.names in (["Say", "Hangup"], ["Reject"])
    assert not Message.objects.filter(business_id=studio.id).exists()
    event = WebhookEvent.objects.latest("pk")
    assert (event.status, bool(event.error), event.next_attempt_at) == ("failed", True, None)


def test_it_dials_the_client_with_the_businesss_number_as_caller_id():
    studio = a_studio()
    staff, client = a_staff_member(studio), a_client(studio)
    document = heard(call_out(studio, staff, client_id=str(client.pk)))
    assert (document.names, document.rung) == (["Dial"], [client.phone])
    assert (document.dial.get("callerId"), document.dial.get("answerOnBridge")) == (studio.sender, "true")
    number = document.dial.find("Number")
    assert number.get("statusCallbackEvent") == "initiated ringing answered completed"
    assert number.get("statusCallback").endswith(f"mid={only_call(studio).message_id}#rc=3&rp=5xx,ct,rt")


def test_the_call_is_an_outgoing_message_by_that_staff_member():
    studio = a_studio()
    staff, client = a_staff_member(studio), a_client(studio)
    heard(call_out(studio, staff, To=client.phone, CallSid="CA9"))
    message = only_message(studio)
    wanted = {
        "channel": "voice", "direction": "outbound", "status": "sent", "body": "Outgoing call", "staff_id": staff.pk,
        "from": studio.sender, "to": client.phone, "client_id": client.pk, "provider_message_id": "CA9",
    }  # fmt: skip
    assert {name: message[name] for name in wanted} == wanted
    assert (message["call"]["status"], message["call"]["staff_id"]) == ("ringing", staff.pk)
    assert message["sent_at"]


def test_an_unknown_number_makes_a_client():
    studio, number = a_studio(), phone()
    assert heard(call_out(studio, a_staff_member(studio), To=number)).rung == [number]
    assert Client.objects.get(business_id=studio.id).phone == number


def test_a_national_number_is_read_by_the_businesss_country():
    studio = a_studio()
    assert heard(call_out(studio, a_staff_member(studio), To="(212) 555-0142")).rung == ["+12125550142"]


def test_the_caller_id_is_a_number_for_calls_before_one_for_texts():
    studio = a_studio()
    staff, client = a_staff_member(studio), a_client(studio)
    number = a_voice_number(studio)
    assert heard(call_out(studio, staff, To=client.phone)).dial.get("callerId") == number


def test_the_caller_id_is_the_locations_number():
    studio = a_studio()
    place, other = a_location(studio), a_location(studio)
    staff, client = a_staff_member(studio), a_client(studio, home_location=place)
    a_voice_number(studio, location=other, is_default=True)
    number = a_voice_number(studio, location=place)
    assert heard(call_out(studio, staff, To=client.phone)).dial.get("callerId") == number
    Conversation.objects.filter(client=client).update(location=other)
    assert heard(call_out(studio, staff, To=client.phone)).dial.get("callerId") != number


@pytest.mark.parametrize("address", ["72345", "LOTUSSPA"])
def test_what_cannot_call_is_no_caller_id(address):
    studio = a_studio()
    Sender.objects.filter(business_id=studio.id).update(address=address)
    document = heard(call_out(studio, a_staff_member(studio), To=phone()))
    assert "no number to call from" in document.said
    nothing_was_dialled(studio, document)


def test_recorded_calls_are_announced_to_the_client():
    studio = a_studio()
    prefer(studio, records_calls=True, announcement="Recorded & kept.")
    document = heard(call_out(studio, a_staff_member(studio), To=phone()))
    assert document.dial.get("record") == "record-from-answer-dual"
    url = document.dial.find("Number").get("url")
    path = url.partition("/omega")[2].partition("#")[0]
    whisper = heard(twilio(path, call_form(From=studio.sender, To=phone())))
    assert (whisper.names, whisper.said) == (["Say"], "Recorded & kept.")
    assert "recorded" in heard(twilio("/twilio/voice/announcement", call_form())).said


@pytest.mark.parametrize(
    "to",
    ["javascript:alert(1)", "x" * 400, "+1" * 200, "", " ", "\x00", "911", "+", "sip:a@b.example", "client:b1_s1",
     "+12125550142,+12125550143", "+999999999999", "<Number>+12125550142</Number>", "+1212555014é", "\ud7ff"],
)  # fmt: skip
def test_what_is_no_number_is_refused_aloud(to):
    studio = a_studio()
    nothing_was_dialled(studio, heard(call_out(studio, a_staff_member(studio), To=to)))


@pytest.mark.parametrize("to", ["+19005551234", "+449098790123", "+447012345678"])
def test_numbers_at_a_premium_are_never_called(to):
    studio = a_studio()
    prefer(studio, allowed_countries=["GB"])
    document = heard(call_out(studio, a_staff_member(studio), To=to))
    assert "premium" in document.said
    nothing_was_dialled(studio, document)


@pytest.mark.parametrize("to", ["+4930901820", "+18765550123", "+8823456789012", "+16135550123"])
def test_numbers_of_other_countries_are_called_only_where_the_business_allows_it(to):
    studio = a_studio()
    staff = a_staff_member(studio)
    document = heard(call_out(studio, staff, To=to))
    assert "country" in document.said
    nothing_was_dialled(studio, document)
    prefer(studio, allowed_countries=["DE", "JM", "ca"])
    is_allowed = not to.startswith("+882")
    assert (heard(call_out(studio, staff, To=to)).rung == [to]) is is_allowed


@pytest.mark.parametrize(
    ("change", "code"),
    [({"is_blocked": True}, "client_blocked"), ({"consent_voice": "opted_out"}, "opted_out"), ({}, "opted_out"),
     (None, "business_suspended")],
)  # fmt: skip
def test_a_client_who_may_not_be_called_is_not_and_the_conversation_says_so(change, code):
    studio = a_studio()
    staff, client = a_staff_member(studio), a_client(studio, **(change or {}))
    if change == {}:
        consent.change_consent(business_id=studio.id, channel="voice", address=client.phone, state="opted_out",
                               source="api", evidence={})  # fmt: skip
        Client.objects.filter(pk=client.pk).update(consent_voice="unknown")
    if change is None:
        Business.objects.filter(pk=studio.id).update(status="suspended")
    document = heard(call_out(studio, staff, client_id=str(client.pk)))
    assert document.names == ["Say", "Hangup"]
    message = only_message(studio)
    assert (message["status"], message["error"]["code"]) == ("blocked", code)
    assert (message["call"]["status"], message["body"]) == ("blocked", "Outgoing call that was not placed")


def test_staff_who_may_not_call_do_not():
    ours, theirs = a_studio(), a_studio()
    mine, foreign = a_staff_member(ours), a_staff_member(theirs)
    client = a_client(ours)
    nothing_was_dialled(ours, heard(call_out(ours, foreign, To=client.phone)))
    Staff.objects.filter(pk=mine.pk).update(is_active=False)
    nothing_was_dialled(ours, heard(call_out(ours, mine, To=client.phone)))


@pytest.mark.parametrize(
    "caller",
    ["client:", "client:user_42", "client:b1", "client:b_s", "client:b1_s1; DROP", "client:b1_s" + "9" * 30,
     "client:b\u0663_s\u0661", "client:b999999999_s1", "client:b1_s1\n", "client:\x00"],
)  # fmt: skip
def test_an_identity_that_is_none_of_ours_is_refused(caller):
    studio = a_studio()
    nothing_was_dialled(studio, heard(twilio(TWIML, call_form(From=caller, To=phone()))))


def test_a_client_of_another_business_is_not_dialled():
    ours, theirs = a_studio(), a_studio()
    staff, foreign = a_staff_member(ours), a_client(theirs)
    nothing_was_dialled(ours, heard(call_out(ours, staff, client_id=str(foreign.pk))))
    own = a_client(ours)
    nothing_was_dialled(ours, heard(call_out(ours, staff, client_id=str(own.pk), To=foreign.phone)))
    assert not Message.objects.exists()


@pytest.mark.parametrize("client_id", ["0", "-1", "x", "1e3", "9" * 40, "\x00", "\u0661"])
def test_a_client_id_that_is_none_is_refused(client_id):
    studio = a_studio()
    nothing_was_dialled(studio, heard(call_out(studio, a_staff_member(studio), client_id=client_id)))


def test_a_client_without_a_phone_and_ones_own_number_are_refused():
    studio = a_studio()
    staff, silent = a_staff_member(studio), a_client(studio, phone="")
    nothing_was_dialled(studio, heard(call_out(studio, staff, client_id=str(silent.pk))))
    nothing_was_dialled(studio, heard(call_out(studio, staff, To=studio.sender)))


def test_identities_go_by_the_account_that_signs():
    ours, theirs = a_studio(), a_studio()
    mine = a_staff_member(ours)
    form = call_form(From=f"client:{identity(ours, mine)}", To=phone(), AccountSid=an_account(theirs))
    forged = twilio(TWIML, form, signed=signature(f"http://testserver/omega{TWIML}", form, "its own"))
    nothing_was_dialled(ours, heard(forged))
    form = call_form(
        From=f"client:{identity(theirs, a_staff_member(theirs))}", To=phone(), AccountSid=form["AccountSid"]
    )
    good = twilio(TWIML, form, signed=signature(f"http://testserver/omega{TWIML}", form, "its own"))
    assert heard(good).rung == [form["To"]]


def test_other_parameters_of_the_caller_decide_nothing():
    studio, other = a_studio(), a_studio()
    staff, client = a_staff_member(studio), a_client(studio)
    extra = {"business_id": str(other.id), "staff_id": "1", "callerId": "+12125550100", "mid": "1", "Direction": "x"}
    assert heard(call_out(studio, staff, To=client.phone, **extra)).dial.get("callerId") == studio.sender
    assert only_call(studio).staff_id == staff.pk


def test_a_known_client_costs_two_statements():
    studio = a_studio()
    staff, client = a_staff_member(studio), a_client(studio)
    Location.objects.create(business_id=studio.id, name="x")
    heard(call_out(studio, staff, To=client.phone))
    with statements() as seen:
        heard(call_out(studio, staff, To=client.phone))
    assert len(seen) == 2, [one[0][:60] for one in seen]
