"""POST /twilio/voice/status and the Dial's action: what became of a call, in whatever order it is told."""

import itertools
from datetime import timedelta
from email.utils import format_datetime

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Business
from conversations.models import Message, MessageEvent
from messaging.models import WebhookEvent
from messaging.services import intake
from tests.contract.shapes import assert_error
from tests.contract.world import (
    a_client,
    a_location,
    a_staff_member,
    a_studio,
    message,
    phone,
    sid,
    signature,
    twilio,
)
from tests.voice.world import (
    BEGAN,
    DIAL,
    STATUS,
    a_voice_number,
    an_account,
    call_form,
    call_in,
    call_out,
    dialled,
    heard,
    identity,
    leg_form,
    only_call,
    only_message,
    path_of,
    report,
)
from voice.models import Call, Leg
from voice.services import recovery

pytestmark = pytest.mark.django_db


def legs_of(document):
    """The addresses for the reports of each line that is rung."""
    return [path_of(noun.get("statusCallback")) for noun in document.dial]


def an_outgoing(studio=None, **fields):
    studio = studio or a_studio()
    staff, client = a_staff_member(studio, name="Sam"), a_client(studio)
    call_sid = sid("CA")
    document = heard(call_out(studio, staff, To=client.phone, CallSid=call_sid, **fields))
    return studio, staff, client, call_sid, document


def outcome(studio):
    found = only_message(studio)
    return found["status"], found["call"]["status"], found["body"]


def test_an_outgoing_call_goes_from_sent_to_delivered():
    studio, staff, client, parent, document = an_outgoing()
    path, leg = legs_of(document)[0], sid("CA")
    for number, status in enumerate(["initiated", "ringing"]):
        report(path, leg_form(parent, leg, status, number, client.phone))
    assert outcome(studio) == ("sent", "ringing", "Outgoing call")
    report(path, leg_form(parent, leg, "in-progress", 2, client.phone))
    assert outcome(studio) == ("delivered", "in-progress", "Outgoing call, answered")
    report(path, leg_form(parent, leg, "completed", 3, client.phone, CallDuration="130"))
    assert outcome(studio) == ("delivered", "completed", "Outgoing call, 2 min 10 s")
    told = only_message(studio)["call"]
    assert (told["duration"], told["staff_id"], told["answered_by"]) == (130, staff.pk, client.phone)
    assert (told["answered_at"], told["ended_at"]) == ("2026-03-02T15:00:06Z", "2026-03-02T15:00:09Z")
    assert Leg.objects.filter(call__sid=parent, is_parent=False).count() == 1


@pytest.mark.parametrize(
    ("status", "ended", "line"),
    [("busy", "undelivered", "Outgoing call: the line was busy"),
     ("no-answer", "undelivered", "Outgoing call: nobody answered"),
     ("canceled", "undelivered", "Outgoing call, hung up before an answer"),
     ("failed", "failed", "Outgoing call that could not be connected")],
)  # fmt: skip
def test_an_outgoing_call_that_nobody_answers_ends_as_it_did(status, ended, line):
    studio, staff, client, parent, document = an_outgoing()
    report(legs_of(document)[0], leg_form(parent, sid("CA"), status, 2, client.phone, CallDuration="0"))
    assert outcome(studio) == (ended, status, line)
    after = heard(dialled(document, parent, status, caller=f"client:{identity(studio, staff)}", to=client.phone))
    assert after.names[-1] == "Hangup"
    assert outcome(studio) == (ended, status, line)
    error = only_message(studio)["error"]
    assert (error["code"], error["retryable"]) == (status, False)
    history = message(studio, only_message(studio)["id"])["history"]
    assert [step["status"] for step in history] == ["sent", ended]


def test_an_incoming_call_is_answered_by_whom_it_rang():
    studio = a_studio()
    sam, _other = a_staff_member(studio, name="Sam"), a_staff_member(studio, name="Kim")
    caller, parent, leg = phone(), sid("CA"), sid("CA")
    document = heard(call_in(studio, caller, CallSid=parent))
    path, to = legs_of(document)[0], f"client:{identity(studio, sam)}"
    report(path, leg_form(parent, leg, "in-progress", 2, to))
    assert outcome(studio)[1:] == ("in-progress", "Call answered by Sam")
    report(path, leg_form(parent, leg, "completed", 3, to, CallDuration="102"))
    after = dialled(document, parent, "completed", caller=caller, to=studio.sender, DialCallDuration="102")
    assert heard(after).names == ["Hangup"]
    found = only_message(studio)
    assert (found["body"], found["staff_id"], found["is_read"]) == ("Call answered by Sam, 1 min 42 s", sam.pk, True)
    assert (found["call"]["status"], found["call"]["answered_by"], found["status"]) == ("completed", "Sam", "received")


def test_an_unanswered_step_leads_to_the_next_one():
    studio = a_studio()
    place = a_location(studio, phone="+12125550177")
    mine, other = a_staff_member(studio), a_staff_member(studio)
    client = a_client(studio)
    heard(call_in(studio, client.phone))
    client.conversation.assigned_to = mine
    client.conversation.save()
    parent, ends = sid("CA"), {"caller": client.phone, "to": studio.sender}
    first = heard(call_in(studio, client.phone, CallSid=parent))
    assert first.rung == [identity(studio, mine)]
    second = heard(dialled(first, parent, "busy", **ends))
    assert second.rung == [identity(studio, other)]
    third = heard(dialled(second, parent, "no-answer", **ends))
    assert third.rung == [place.phone]
    last = heard(dialled(third, parent, "failed", **ends))
    assert last.names == ["Say", "Record", "Hangup"]
    assert heard(dialled(third, parent, "failed", **ends)).raw == last.raw
    assert heard(dialled(first, parent, "busy", **ends)).rung == [identity(studio, other)]
    missed = Message.objects.get(provider_message_id=parent)
    assert missed.body == "Missed call"
    assert Call.objects.get(sid=parent).step == Call.Step.VOICEMAIL


def test_a_caller_who_was_rung_through_for_long_is_asked_for_voicemail():
    studio = a_studio()
    a_location(studio, phone="+12125550177")
    a_staff_member(studio)
    caller, parent = phone(), sid("CA")
    first = heard(call_in(studio, caller, CallSid=parent))
    Call.objects.filter(sid=parent).update(created_at=BEGAN)
    assert heard(dialled(first, parent, "no-answer", caller=caller, to=studio.sender)).names[1] == "Record"


def test_a_caller_who_hangs_up_while_it_rings_has_missed_us():
    studio = a_studio()
    a_staff_member(studio)
    caller, parent = phone(), sid("CA")
    first = heard(call_in(studio, caller, CallSid=parent))
    ended = dialled(first, parent, "no-answer", caller=caller, to=studio.sender, CallStatus="completed")
    assert heard(ended).names == []
    assert outcome(studio)[1:] == ("no-answer", "Missed call")


def test_a_report_of_a_call_that_nobody_knows_is_kept_as_a_failed_event():
    form = leg_form("CAunknown", "CAleg", "ringing", 1, "+12125550142")
    report(STATUS, form)
    event = WebhookEvent.objects.get()
    assert (event.kind, event.status) == ("voice.status", "failed")
    assert "No call" in event.error
    assert event.next_attempt_at is not None


def test_a_report_that_comes_before_our_own_commit_is_applied_later():
    studio = a_studio()
    staff, client, parent = a_staff_member(studio), a_client(studio), sid("CA")
    report(STATUS, leg_form(parent, sid("CA"), "busy", 2, client.phone))
    heard(call_out(studio, staff, To=client.phone, CallSid=parent))
    assert outcome(studio)[1] == "ringing"
    WebhookEvent.objects.update(next_attempt_at=BEGAN)
    assert intake.retry_due() == 1
    assert outcome(studio)[1] == "busy"


def test_our_own_id_in_the_address_finds_the_call_too():
    studio, _staff, client, parent, document = an_outgoing()
    form = leg_form("CAother", sid("CA"), "busy", 2, client.phone)
    report(legs_of(document)[0], form)
    assert outcome(studio)[1] == "busy"
    assert parent != form["ParentCallSid"]


def test_no_business_hears_of_anothers_call():
    ours, theirs = a_studio(), a_studio()
    _, _, client, parent, document = an_outgoing(ours)
    form = leg_form(parent, sid("CA"), "busy", 2, client.phone, AccountSid=an_account(theirs))
    for path in (STATUS, legs_of(document)[0]):
        signed = signature(f"http://testserver/omega{path}", form, "its own")
        assert twilio(path, form, signed=signed).status == 204
    assert outcome(ours)[1] == "ringing"


def test_forged_reports_are_403():
    form = leg_form("CA1", "CA2", "completed", 3, "+12125550142")
    for path in (STATUS, DIAL, "/twilio/voice/voicemail", "/twilio/voice/recording", "/twilio/voice/announcement"):
        assert_error(twilio(path, form, signed="Zm9yZ2Vk"), 403, "invalid_signature")
    assert not WebhookEvent.objects.exists()


def test_the_same_report_again_is_stored_once():
    _studio, _, client, parent, document = an_outgoing()
    form = leg_form(parent, sid("CA"), "ringing", 1, client.phone)
    for _ in range(3):
        report(legs_of(document)[0], form)
    assert WebhookEvent.objects.filter(kind="voice.status").count() == 1


@pytest.mark.parametrize(
    "change",
    [{"SequenceNumber": "x"}, {"SequenceNumber": "-5"}, {"SequenceNumber": "9" * 30}, {"Timestamp": "yesterday"},
     {"Timestamp": "Mon, 03 Mar 9999999 10:12:09 +0000"}, {"CallDuration": "9" * 12}, {"CallDuration": "-1"},
     {"CallStatus": "dancing"}, {"CallStatus": "\x00"}, {"To": "x" * 999}, {"To": "client:b1_s9"}, {"CallSid": ""},
     {"CallSid": "x" * 999}, {"Timestamp": "Mon, 03 Mar 2025 10:12:09 +9959"}, {"To": "client:b" + "9" * 18 + "_s1"},
     {"ParentCallSid": "\x00"}],
)  # fmt: skip
def test_nonsense_that_is_signed_is_stored_and_204(change):
    studio, _, client, parent, document = an_outgoing()
    report(legs_of(document)[0], leg_form(parent, sid("CA"), "ringing", 1, client.phone) | change)
    assert outcome(studio)[0] == "sent"


@pytest.mark.parametrize(
    "change",
    [{"DialCallStatus": ""}, {"DialCallStatus": "\x00"}, {"DialCallDuration": "x"}, {"CallSid": ""},
     {"CallSid": "CAnobody"}, {"From": "\x00"}, {"To": ""}],
)  # fmt: skip
def test_nonsense_after_a_dial_hears_something(change):
    studio, staff, client, parent, document = an_outgoing()
    known = {"From": f"client:{identity(studio, staff)}", "To": client.phone, "DialCallStatus": "busy"}
    heard(twilio(path_of(document.dial.get("action")), call_form(parent, **(known | change))))


def test_a_call_whose_business_is_gone_ends_quietly():
    studio, staff, client, parent, document = an_outgoing()
    Business.objects.filter(pk=studio.id).delete()
    ends = {"caller": f"client:{identity(studio, staff)}", "to": client.phone}
    assert heard(dialled(document, parent, "busy", **ends)).names == ["Hangup"]


# ---- any order, any repetition


def news_of_an_answered_call(studio, staff, caller, parent):
    """Every report on an incoming call that rang two staff members and was answered by one."""
    legs = {"CA" + "a" * 32: staff[0], "CA" + "b" * 32: staff[1]}
    told = [leg_form(parent, parent, "completed", 1, studio.sender, CallDuration="110")]
    told[0].pop("ParentCallSid")
    for number, (leg, one) in enumerate(legs.items()):
        words = ["initiated", "ringing", "in-progress", "completed"] if number else ["initiated", "ringing", "canceled"]
        for place, word in enumerate(words):
            more = {"CallDuration": "102"} if word == "completed" else {}
            told.append(leg_form(parent, leg, word, place, f"client:{identity(studio, one)}", **more))
    return told


def state(parent):
    """All that is kept of a call and told of it, ids and receipt times apart."""
    call = Call.objects.get(sid=parent)
    fields = ("dial_status", "dial_seconds", "step", "refusal", "is_final")
    legs = [
        (leg.sid[:4], leg.status, leg.rank, leg.sequence, leg.started_at, leg.answered_at, leg.ended_at, leg.seconds)
        for leg in Leg.objects.filter(call=call).order_by("sid")
    ]
    told = Message.objects.get(pk=call.message_id)
    shown = {name: value for name, value in told.call.items() if name not in {"sid", "started_at", "from", "to"}}
    shown.pop("staff_id")
    return [getattr(call, name) for name in fields], legs, shown, told.body, told.status, told.is_read


def played(studio, staff, order, *, answered):
    """One call with its news in an order (each number a report, repeated ones too); its end, all rolled back."""
    parent, caller = "CA" + "c" * 32, "+12125550142"
    with transaction.atomic():
        document = heard(call_in(studio, caller, CallSid=parent))
        told = news_of_an_answered_call(studio, staff, caller, parent)
        action = path_of(document.dial.get("action"))
        how = {"DialCallStatus": "completed", "DialCallDuration": "102", "CallStatus": "in-progress"}
        if not answered:
            told = [one for one in told if one["CallStatus"] in {"initiated", "ringing", "canceled"}]
            how = {"DialCallStatus": "no-answer", "CallStatus": "in-progress"}
        hooks = [(STATUS, form) for form in told]
        hooks.append((action, call_form(parent, From=caller, To=studio.sender, **how)))
        for place in order:
            path, form = hooks[place % len(hooks)]
            assert twilio(path, form).status in {200, 204}
        for path, form in hooks:
            twilio(path, form)
        end = state(parent)
        transaction.set_rollback(True)
    return end


@pytest.mark.parametrize("answered", [True, False])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 8), max_size=14))
def test_the_same_news_in_any_order_end_in_the_same_story(answered, order, db):
    studio = a_studio()
    staff = [a_staff_member(studio, name="Sam"), a_staff_member(studio, name="Kim")]
    end = played(studio, staff, order, answered=answered)
    assert end == played(studio, staff, range(9), answered=answered)
    assert end[3] == ("Call answered by Kim, 1 min 42 s" if answered else "Missed call")
    assert end[5] is answered


def test_an_outgoing_calls_news_in_every_order_end_alike():
    ends = set()
    for order in list(itertools.permutations(range(5)))[::5]:
        with transaction.atomic():
            studio, staff, client, parent, document = an_outgoing()
            path, leg = legs_of(document)[0], sid("CA")
            forms = [leg_form(parent, leg, word, place, client.phone, CallDuration="7" * (word == "completed"))
                     for place, word in enumerate(["initiated", "ringing", "in-progress", "completed"])]  # fmt: skip
            caller = f"client:{identity(studio, staff)}"
            for place in order:
                if place == 4:
                    dialled(document, parent, "completed", caller=caller, to=client.phone, DialCallDuration="7")
                else:
                    report(path, forms[place])
            told = only_message(studio)
            times = (told["delivered_at"], told["call"]["answered_at"], told["call"]["ended_at"])
            ends.add((outcome(studio), told["call"]["duration"], times))
            assert "undelivered" not in MessageEvent.objects.values_list("status", flat=True)
            transaction.set_rollback(True)
    assert [(one[0], one[1]) for one in ends] == [(("delivered", "completed", "Outgoing call, 7 s"), 7)]


def test_a_call_that_falls_silent_is_asked_about_until_it_is_given_up(settings):
    studio, _, client, parent, document = an_outgoing()
    report(legs_of(document)[0], leg_form(parent, sid("CA"), "ringing", 1, client.phone))
    for _ in range(5):
        Call.objects.update(look_at=BEGAN)
        assert recovery.look_at_open() == 1  # the carrier cannot be reached: nothing listens there
    assert outcome(studio)[:2] == ("undelivered", "canceled")
    assert only_call(studio).look_at is None
    late = leg_form(parent, sid("CA"), "completed", 3, client.phone, CallDuration="5")
    late["Timestamp"] = format_datetime(BEGAN + timedelta(hours=1))
    report(legs_of(document)[0], late)
    assert outcome(studio)[:2] == ("delivered", "completed")


def test_a_number_for_calls_is_what_the_location_is_known_by():
    studio = a_studio()
    place = a_location(studio)
    number = a_voice_number(studio, location=place)
    caller = phone()
    heard(call_in(studio, caller, number))
    assert Message.objects.get(business_id=studio.id).conversation.location_id == place.pk
