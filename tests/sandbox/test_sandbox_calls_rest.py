"""The Calls resource through the real SDK: make, list, find, end, and give another document."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import Dial, VoiceResponse

from tests.sandbox.calling import CLIENT, DESK, US, call, named, plays
from tests.sandbox.listener import Listener
from tests.sandbox.process import ACCOUNT, APPLICATION, Sandbox
from tests.support.processes import wait_for

HELLO = "<Response><Say>Hello</Say></Response>"
WAITS = "<Response><Dial timeout='60'>+15558675399</Dial></Response>"
EVENTS = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture(autouse=True)
def no_phones(sandbox: Sandbox) -> None:
    requests.delete(f"{sandbox.base_url}/phones", timeout=5)


def phone(sandbox: Sandbox, number: str, **script: object) -> None:
    requests.put(f"{sandbox.base_url}/phones/{number}", json=script, timeout=5)


def status_of(sandbox: Sandbox, sid: str, *wanted: str) -> str:
    """The call's status once it is one of those wanted, or after ten seconds."""
    wait_for(lambda: sandbox.client().calls(sid).fetch().status in wanted)
    return sandbox.client().calls(sid).fetch().status


def test_a_call_is_made_and_its_events_are_told(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=VoiceResponse())
    made = sandbox.client().calls.create(
        to=CLIENT, from_=US, url=f"{omega.url}/a/twiml", status_callback=f"{omega.url}/a/status",
        status_callback_event=EVENTS,
    )  # fmt: skip
    assert (made.status, made.direction, made.to, made._from) == ("queued", "outbound-api", CLIENT, US)
    omega.wait_for(5)
    hooks = named(omega, "status")
    assert [hook.form["CallStatus"] for hook in hooks] == ["initiated", "ringing", "in-progress", "completed"]
    assert named(omega, "twiml")[0].form["CallStatus"] == "in-progress"
    assert sandbox.ledger(kind="call")[0]["id"] == made.sid


@pytest.mark.parametrize("answer", ["busy", "no-answer", "failed"])
def test_a_call_that_nobody_answers(sandbox: Sandbox, answer: str) -> None:
    phone(sandbox, CLIENT, answer=answer)
    made = sandbox.client().calls.create(to=CLIENT, from_=US, twiml=HELLO)
    assert status_of(sandbox, made.sid, answer) == answer
    assert sandbox.client().calls(made.sid).fetch().duration == "0"


def test_the_list_is_narrowed(sandbox: Sandbox, omega: Listener) -> None:
    document, dial = VoiceResponse(), Dial()
    dial.number(DESK)
    plays(omega, twiml=document.append(dial))
    parent = call(sandbox)["id"]
    client, now = sandbox.client(), datetime.now(UTC)
    (leg,) = client.calls.list(parent_call_sid=parent)
    assert (leg.to, leg.direction, leg.status, leg.parent_call_sid) == (DESK, "outbound-dial", "completed", parent)
    assert [one.sid for one in client.calls.list(to=US)] == [parent]
    assert {one.sid for one in client.calls.list(status="completed", from_=CLIENT)} == {parent, leg.sid}
    assert len(client.calls.list(start_time_after=now - timedelta(minutes=5))) == 2
    assert client.calls.list(start_time_after=now + timedelta(minutes=5)) == []
    assert [one.sid for one in client.calls.stream(page_size=1)] == [leg.sid, parent]


def test_a_call_is_ended_and_canceled(sandbox: Sandbox) -> None:
    phone(sandbox, DESK, answer="yes", after_ms=60_000)
    client = sandbox.client()
    made = client.calls.create(to=CLIENT, from_=US, twiml=WAITS)
    assert status_of(sandbox, made.sid, "in-progress") == "in-progress"
    wait_for(lambda: client.calls.list(parent_call_sid=made.sid))
    (leg,) = client.calls.list(parent_call_sid=made.sid)
    assert status_of(sandbox, leg.sid, "ringing") == "ringing"
    client.calls(made.sid).update(status="completed")
    assert status_of(sandbox, made.sid, "completed") == "completed"
    assert status_of(sandbox, leg.sid, "canceled") == "canceled"
    with pytest.raises(TwilioRestException) as refused:
        client.calls(made.sid).update(twiml=HELLO)
    assert refused.value.code == 21220
    rings = client.calls.create(to=DESK, from_=US, twiml=HELLO)
    assert client.calls(rings.sid).update(status="canceled").status == "canceled"


def test_a_call_under_way_is_given_another_document(sandbox: Sandbox) -> None:
    phone(sandbox, DESK, answer="yes", after_ms=60_000)
    made = sandbox.client().calls.create(to=CLIENT, from_=US, twiml=WAITS)
    status_of(sandbox, made.sid, "in-progress")
    sandbox.client().calls(made.sid).update(twiml=HELLO)
    assert status_of(sandbox, made.sid, "completed") == "completed"
    assert sandbox.ledger(kind="call")[0]["spoken"] == ["Hello"]


@pytest.mark.parametrize(("form", "code"), [
    ({"From": US, "Twiml": HELLO}, 21201),
    ({"To": CLIENT, "Twiml": HELLO}, 21213),
    ({"To": "javascript:", "From": US, "Twiml": HELLO}, 21211),
    ({"To": CLIENT, "From": US}, 21205),
    ({"To": CLIENT, "From": US, "Url": "/relative"}, 21205),
    ({"To": CLIENT, "From": US, "Twiml": "x" * 4001}, 21205),
    ({"To": CLIENT, "From": US, "ApplicationSid": "AP0"}, 21218),
    ({"To": CLIENT, "From": US, "Twiml": HELLO, "StatusCallback": "http://a_b/"}, 21609),
    ({"To": CLIENT, "From": US, "Twiml": HELLO, "StatusCallbackEvent": "done"}, 21626),
])  # fmt: skip
def test_refusals(sandbox: Sandbox, form: dict, code: int) -> None:
    answer = sandbox.post(f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", **form)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert sandbox.ledger() == []


def test_faults_hit_calls_as_they_hit_texts(sandbox: Sandbox) -> None:
    path, form = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", {"To": CLIENT, "From": US, "Twiml": HELLO}
    for mode, status in (("429", 429), ("500", 500)):
        sandbox.faults(twilio={"mode": mode})
        assert sandbox.post(path, **form).status_code == status
    sandbox.faults(twilio={"mode": "accept_then_cut"})
    with pytest.raises(requests.ConnectionError):
        sandbox.post(path, **form)
    sandbox.faults(twilio={})
    assert len(sandbox.client().calls.list(to=CLIENT)) == 1


def test_an_application_answers_a_call(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=VoiceResponse())
    sandbox.client().calls.create(to=CLIENT, from_=US, application_sid=APPLICATION)
    assert omega.wait_for(1)[0].path == "/omega/voice-calls/twiml"
