"""TwiML is read strictly: what the real parser would warn of ends the call here, with its code in the ledger."""

import pytest
from twilio.twiml.voice_response import Dial, VoiceResponse

from tests.sandbox.calling import call, plays
from tests.sandbox.listener import Listener
from tests.sandbox.process import Sandbox

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
APOLOGY = "We are sorry, an application error has occurred. Goodbye."


def listed() -> str:
    """The SDK renders a Python list as its repr: the trap that this is about."""
    document, dial = VoiceResponse(), Dial()
    dial.number("+15558675310", status_callback="/x", status_callback_event=["initiated", "completed"])
    return str(document.append(dial))


@pytest.mark.parametrize(("document", "code"), [
    ("", 12100),
    ("OK", 12100),
    (f" {HEAD}<Response/>", 12100),
    ("<Response><Say>x</Response>", 12100),
    ("<Response><Say>a & b</Say></Response>", 12100),
    ("<response/>", 12100),
    ('<!DOCTYPE x [<!ENTITY a "b">]><Response><Say>&a;</Say></Response>', 12100),
    ("<Response><say>x</say></Response>", 12200),
    ("<Response>hello</Response>", 12200),
    ("<Response><Message>x</Message></Response>", 12200),
    ('<Response><Say voise="alice">x</Say></Response>', 12200),
    ("<Response><Say></Say></Response>", 13520),
    ('<Response><Dial statusCallbackEvent="answered">+15558675310</Dial></Response>', 12200),
    ("<Response><Dial>555</Dial></Response>", 13223),
    ("<Response><Dial/></Response>", 13223),
    ("<Response><Dial><Number>javascript:</Number></Dial></Response>", 13223),
    ('<Response><Dial callerId="omega">+15558675310</Dial></Response>', 13214),
    ('<Response><Dial timeout="soon">+15558675310</Dial></Response>', 13212),
    ('<Response><Dial action="ftp://x">+15558675310</Dial></Response>', 12200),
    ('<Response><Dial method="PUT">+15558675310</Dial></Response>', 12200),
    ('<Response><Dial recordingStatusCallbackEvent="done">+15558675310</Dial></Response>', 13621),
    ("<Response><Dial><Client/></Dial></Response>", 12200),
    ("<Response><Dial><Client>a<Identity>b</Identity></Client></Dial></Response>", 12200),
    ('<Response><Dial><Client><Identity>b</Identity><Parameter name="x"/></Client></Dial></Response>', 12200),
    ("<Response><Dial>" + "<Number>+15558675310</Number>" * 11 + "</Dial></Response>", 12200),
    ('<Response><Record maxLength="0"/></Response>', 13612),
    ('<Response><Number>+15558675310</Number></Response>', 12200),
    (listed(), 21626),
])  # fmt: skip
def test_a_document_that_twilio_would_not_take(sandbox: Sandbox, omega: Listener, document: str, code: int) -> None:
    omega.answers = lambda _hook: (200, "text/xml", document, {})
    made = call(sandbox)
    assert ([error["code"] for error in made["errors"]], made["spoken"], made["legs"]) == ([code], [APOLOGY], [])
    assert made["status"] == "completed"


@pytest.mark.parametrize(
    ("answer", "code"),
    [((500, "text/xml", "<Response/>"), 11200), ((200, "text/plain", "OK"), 12300), ((204, "text/xml", ""), 12100)],
)
def test_an_answer_that_is_no_document(sandbox: Sandbox, omega: Listener, answer: tuple, code: int) -> None:
    omega.answers = lambda _hook: (*answer, {})
    assert [error["code"] for error in call(sandbox)["errors"]] == [code]


def test_speech_with_marks_and_pauses_is_read(sandbox: Sandbox, omega: Listener) -> None:
    document = VoiceResponse()
    said = document.say("You called", voice="Polly.Joanna", language="en-US")
    said.break_(time="200ms")
    said.emphasis("Lotus Day Spa", level="strong")
    document.pause(length=2)
    document.say("Goodbye", loop=2)
    plays(omega, twiml=document)
    assert call(sandbox)["spoken"] == ["You called Lotus Day Spa", "Goodbye", "Goodbye"]


def test_a_sound_is_fetched_and_must_be_one(sandbox: Sandbox, omega: Listener) -> None:
    document = VoiceResponse()
    document.play("/omega/greeting.wav")
    document.say("after it")
    plays(omega, twiml=document, **{"greeting.wav": lambda _hook: (200, "audio/wav", "x", {})})
    made = call(sandbox)
    assert (made["errors"], made["played"][0], made["spoken"]) == (
        [], {"verb": "Play", "text": "/omega/greeting.wav"}, ["after it"],
    )  # fmt: skip
    plays(omega, twiml=document)
    assert [error["code"] for error in call(sandbox)["errors"]] == [12300]


def test_a_document_that_never_ends_is_ended(sandbox: Sandbox, omega: Listener) -> None:
    document = VoiceResponse()
    document.redirect("/omega/voice-calls/twiml")
    plays(omega, twiml=document)
    assert call(sandbox)["errors"][-1]["code"] == 12200
