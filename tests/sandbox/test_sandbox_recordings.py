"""Voicemail and recorded calls: told when they are ready, and real audio under the account's credentials."""

import io
import time
import wave

import pytest
import requests
from twilio.twiml.voice_response import Dial, VoiceResponse

from tests.sandbox.calling import DESK, call, named, plays
from tests.sandbox.listener import Listener
from tests.sandbox.process import ACCOUNT, TOKEN, Sandbox


def voicemail(**attributes: object) -> VoiceResponse:
    document = VoiceResponse()
    document.say("Leave a message after the tone.")
    document.record(
        action="/omega/voice-calls/left", recording_status_callback="/omega/twilio/voice/recording",
        play_beep=True, **attributes,
    )  # fmt: skip
    document.say("Nothing was recorded.")
    return document


def get(url: str, *, auth: tuple[str, str] | None = (ACCOUNT, TOKEN)) -> requests.Response:
    return requests.get(url, auth=auth, timeout=5)


def test_a_voicemail_is_left_and_told(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=voicemail(max_length=120))
    made = call(sandbox, script={"voicemail_seconds": 12})
    assert (made["status"], made["spoken"]) == ("completed", ["Leave a message after the tone."])
    omega.wait_for(4)
    left = named(omega, "left")[0].form
    assert (left["RecordingDuration"], left["Digits"], left["CallStatus"]) == ("12", "hangup", "completed")
    assert made["recordings"] == [left["RecordingUrl"]]
    told = named(omega, "recording")[0].form
    assert {name: told[name] for name in ("CallSid", "RecordingStatus", "RecordingDuration", "RecordingSource")} == {
        "CallSid": made["id"], "RecordingStatus": "completed", "RecordingDuration": "12",
        "RecordingSource": "RecordVerb",
    }  # fmt: skip
    assert told["RecordingUrl"].endswith(f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{told['RecordingSid']}")
    assert told["RecordingStartTime"].endswith("+0000")


def test_the_audio_is_real_and_needs_credentials(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=voicemail())
    url = call(sandbox, script={"voicemail_seconds": 4})["recordings"][0]
    assert get(url).status_code == 404  # not ready yet
    omega.wait_for(3)
    time.sleep(0.3)
    answer = get(url + ".wav")
    assert answer.headers["Content-Type"] == "audio/x-wav"
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert sound.getnframes() / sound.getframerate() == 4
    assert get(url).content == answer.content
    mp3 = get(url + ".mp3")
    assert (mp3.headers["Content-Type"], mp3.content[:2], len(mp3.content) > 4000) == ("audio/mpeg", b"\xff\xf3", True)
    assert get(url + ".wav", auth=None).status_code == 401
    assert get(url + ".ogg").status_code == 404


def test_the_sdk_lists_fetches_and_deletes_recordings(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=voicemail())
    made, client = call(sandbox), sandbox.client()
    found = client.recordings.list(call_sid=made["id"])
    assert [(one.call_sid, one.duration, one.source) for one in found] == [(made["id"], "3", "RecordVerb")]
    assert [one.sid for one in client.calls(made["id"]).recordings.list()] == [found[0].sid]
    time.sleep(0.3)
    assert client.recordings(found[0].sid).fetch().status == "completed"
    assert client.recordings(found[0].sid).delete()
    assert client.recordings.list() == []
    assert get(made["recordings"][0]).status_code == 404


def test_who_says_nothing_leaves_no_recording(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=voicemail())
    made = call(sandbox, script={"voicemail_seconds": 0})
    assert (made["spoken"][-1], made["recordings"], named(omega, "left")) == ("Nothing was recorded.", [], [])


@pytest.mark.parametrize(
    ("script", "digits"), [({"voicemail_seconds": 9}, ""), ({"voicemail_seconds": 2, "voicemail_ends": "#"}, "#")]
)
def test_a_recording_that_is_ended_goes_on_with_the_action(
    sandbox: Sandbox, omega: Listener, script: dict, digits: str
) -> None:
    thanks = VoiceResponse()
    thanks.say("Thank you.")
    plays(omega, twiml=voicemail(max_length=5, transcribe=True, transcribe_callback="/omega/text"), left=thanks)
    assert call(sandbox, script=script)["spoken"][-1] == "Thank you."
    assert named(omega, "left")[0].form["Digits"] == digits
    omega.wait_for(5)
    assert named(omega, "text")[0].form["TranscriptionStatus"] == "completed"


def test_a_recorded_dial_has_its_url_in_the_action(sandbox: Sandbox, omega: Listener) -> None:
    document, dial = (
        VoiceResponse(),
        Dial(action="/omega/done", record="record-from-answer-dual", recording_status_callback="/omega/recording"),
    )
    dial.number(DESK)
    plays(omega, twiml=document.append(dial))
    made = call(sandbox, script={"answer": "yes", "talk_seconds": 30})
    assert named(omega, "done")[0].form["RecordingUrl"] == made["recordings"][0]
    omega.wait_for(4)
    told = named(omega, "recording")[0].form
    assert (told["RecordingChannels"], told["RecordingSource"], told["RecordingDuration"]) == ("2", "DialVerb", "30")


def test_a_lost_report_leaves_the_recording_to_be_found(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"drop": 1})
    plays(omega, twiml=voicemail())
    made = call(sandbox)
    time.sleep(0.4)
    assert named(omega, "recording") == []
    assert [one.status for one in sandbox.client().recordings.list(call_sid=made["id"])] == ["completed"]
