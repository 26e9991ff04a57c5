"""A number may have one address for all that is told of its calls: what each request is, its own words say."""

import pytest

from tests.contract.world import a_client, a_staff_member, a_studio, sid, twilio
from tests.voice.world import STATUS, call_form, call_in, call_out, heard, only_call, only_message

pytestmark = pytest.mark.django_db


def test_the_end_of_a_dial_is_answered_with_a_document():
    studio = a_studio()
    client, parent = a_client(studio), sid("CA")
    heard(call_out(studio, a_staff_member(studio), To=client.phone, CallSid=parent))
    form = call_form(parent, From="client:x", To=client.phone, CallStatus="in-progress", DialCallStatus="completed",
                     DialCallDuration="102", DialCallSid=sid("CA"))  # fmt: skip
    assert heard(twilio(STATUS, form)).names == ["Hangup"]
    assert only_message(studio)["call"]["duration"] == 102


def test_a_client_whom_nobody_answered_is_asked_for_a_voicemail():
    studio = a_studio()
    a_staff_member(studio)
    client, parent = a_client(studio), sid("CA")
    heard(call_in(studio, client.phone, CallSid=parent))
    form = call_form(parent, From=client.phone, To=studio.sender, CallStatus="in-progress", DialCallStatus="no-answer")
    assert "Record" in heard(twilio(STATUS, form)).names


def test_a_dial_of_a_call_that_nobody_knows_is_hung_up():
    assert heard(twilio(STATUS, call_form(DialCallStatus="busy"))).names == ["Hangup"]


def test_a_recording_is_taken_in():
    studio = a_studio()
    client, parent = a_client(studio), sid("CA")
    heard(call_in(studio, client.phone, CallSid=parent))
    form = {"AccountSid": call_form()["AccountSid"], "CallSid": parent, "RecordingSid": sid("RE"),
            "RecordingStatus": "completed", "RecordingDuration": "4"}  # fmt: skip
    assert twilio(STATUS, form).status == 204
    assert [one.seconds for one in only_call(studio).recordings.all()] == [4]
