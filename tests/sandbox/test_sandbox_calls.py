"""Calls in and out: the hook's form, what the caller hears, who is rung, and what the events say."""

import time
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Client, Dial, VoiceResponse

from tests.sandbox.calling import CLIENT, DESK, US, call, named, plays, register, twiml
from tests.sandbox.listener import Hook, Listener
from tests.sandbox.process import ACCOUNT, APPLICATION, FIXTURES, TOKEN, Sandbox

EVENTS = "initiated ringing answered completed"


@pytest.fixture(autouse=True)
def no_phones(sandbox: Sandbox) -> None:
    for path in ("/phones", "/device"):
        requests.delete(sandbox.base_url + path, timeout=5)


def names(fixture: str) -> list[str]:
    return [name for name, _ in parse_qsl((FIXTURES / fixture).read_text(), keep_blank_values=True)]


def is_signed(omega: Listener, hook: Hook, token: str = TOKEN) -> bool:
    return RequestValidator(token).validate(omega.url + hook.path, hook.form, hook.headers["X-Twilio-Signature"])


def greeting(words: str = "Hello") -> VoiceResponse:
    document = VoiceResponse()
    document.say(words)
    return document


def ringing(*targets: str, events: str = EVENTS, **attributes: object) -> VoiceResponse:
    """A document that rings numbers and clients together."""
    document = VoiceResponse()
    dial = Dial(action="/omega/voice-calls/done", **attributes)
    for target in targets:
        more = {"status_callback": "/omega/twilio/voice/leg", "status_callback_event": events}
        dial.client(target[7:], **more) if target.startswith("client:") else dial.number(target, **more)
    return document.append(dial)


def test_a_call_in_asks_the_hook_and_hears_the_document(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=greeting("We are closed."))
    made = call(sandbox)
    hook = named(omega, "twiml")[0]
    assert (hook.path, [name for name, _ in hook.pairs]) == (
        "/omega/voice-calls/twiml",
        names("voice_inbound_pstn.form"),
    )
    assert is_signed(omega, hook)
    assert {name: hook.form[name] for name in ("From", "Caller", "To", "Called", "Direction", "CallStatus")} == {
        "From": CLIENT, "Caller": CLIENT, "To": US, "Called": US, "Direction": "inbound", "CallStatus": "ringing",
    }  # fmt: skip
    assert (made["status"], made["spoken"], made["errors"]) == ("completed", ["We are closed."], [])


def test_the_ledger_has_the_call_beside_the_texts(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"drop": 1})
    plays(omega, twiml=greeting())
    sandbox.post(To=CLIENT, From=US, Body="a text")
    call(sandbox)
    text, entry = sandbox.ledger()
    assert "kind" not in text
    assert (entry["kind"], entry["provider"], entry["from"], entry["to"]) == ("call", "twilio", CLIENT, US)
    assert entry["played"] == [{"verb": "Say", "text": "Hello"}]
    assert [one["kind"] for one in sandbox.ledger(kind="call")] == ["call"]
    requests.delete(f"{sandbox.base_url}/ledger", timeout=5)
    assert sandbox.client().calls.list() == []


def test_the_parents_end_is_told_to_the_numbers_status_callback(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=greeting())
    call(sandbox)
    omega.wait_for(2)
    hook = named(omega, "status")[0]
    assert (hook.path, hook.form["CallStatus"], hook.form["CallDuration"]) == (
        "/omega/twilio/voice/status", "completed", "1",
    )  # fmt: skip
    assert "ParentCallSid" not in hook.form
    assert is_signed(omega, hook)


def test_a_numbers_own_urls_and_account_are_used(sandbox: Sandbox, omega: Listener) -> None:
    made = sandbox.client().api.accounts.create(friendly_name="Studio")
    studio = sandbox.client(user=made.sid, secret=made.auth_token)
    studio.incoming_phone_numbers.create(
        phone_number=US, voice_url=f"{omega.url}/own/twiml", status_callback=f"{omega.url}/own/status"
    )
    plays(omega, twiml=greeting())
    call(sandbox)
    for hook in omega.wait_for(2):
        assert (hook.path.split("/")[1], hook.form["AccountSid"]) == ("own", made.sid)
        assert is_signed(omega, hook, made.auth_token)


def test_a_dial_rings_answers_and_tells_each_event(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(DESK, caller_id=US), done=greeting("Goodbye."))
    made = call(sandbox, script={"answer": "yes", "talk_seconds": 102})
    omega.wait_for(7)
    hooks = named(omega, "leg")
    assert [(hook.form["CallStatus"], hook.form["SequenceNumber"]) for hook in hooks] == [
        ("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3"),
    ]  # fmt: skip
    for hook, fixture in zip(hooks, ("initiated", "ringing", "answered", "completed"), strict=True):
        assert [name for name, _ in hook.pairs] == names(f"voice_status_{fixture}.form")
        assert (hook.form["ParentCallSid"], hook.form["Direction"]) == (made["id"], "outbound-dial")
        assert is_signed(omega, hook)
    assert (hooks[3].form["CallDuration"], hooks[3].form["Duration"], hooks[3].form["From"]) == ("102", "2", US)
    done = named(omega, "done")[0].form
    assert (done["DialCallStatus"], done["DialBridged"], done["DialCallDuration"], done["DialCallSid"]) == (
        "completed", "true", "102", made["legs"][0]["id"],
    )  # fmt: skip
    assert (made["spoken"], made["duration"] >= 102, made["legs"][0]["status"]) == (["Goodbye."], True, "completed")


@pytest.mark.parametrize(("answer", "status", "sip"), [
    ("busy", "busy", "486"), ("no-answer", "no-answer", "480"), ("failed", "failed", "503"), ("reject", "busy", "486"),
])  # fmt: skip
def test_nobody_answers(sandbox: Sandbox, omega: Listener, answer: str, status: str, sip: str) -> None:
    plays(omega, twiml=ringing(DESK), done=greeting("Nobody is there."))
    made = call(sandbox, script={"answer": answer})
    omega.wait_for(6)
    assert (named(omega, "leg")[-1].form["CallStatus"], named(omega, "leg")[-1].form["SipResponseCode"]) == (
        status,
        sip,
    )
    done = named(omega, "done")[0].form
    assert (done["DialCallStatus"], done["DialBridged"], "DialCallDuration" in done) == (status, "false", False)
    assert made["spoken"] == ["Nobody is there."]


def test_the_first_to_answer_wins_and_the_others_are_canceled(sandbox: Sandbox, omega: Listener) -> None:
    for identity in ("user_1", "user_2"):
        register(sandbox, identity)
    plays(omega, twiml=ringing("client:user_1", "client:user_2", DESK), done=VoiceResponse())
    phones = {"client:user_1": {"answer": "no-answer", "after_ms": 5000}, DESK: {"answer": "busy"}}
    made = call(sandbox, script={"answer": "yes", "after_ms": 100, "phones": phones})
    assert {leg["to"]: leg["status"] for leg in made["legs"]} == {
        "client:user_1": "canceled", "client:user_2": "completed", DESK: "busy",
    }  # fmt: skip
    assert named(omega, "done")[0].form["DialCallSid"] == made["legs"][1]["id"]


def test_a_client_that_is_not_registered_does_not_ring(sandbox: Sandbox, omega: Listener) -> None:
    register(sandbox, "user_3", incoming=False)
    plays(omega, twiml=ringing("client:user_1", "client:user_3"))
    made = call(sandbox, script={"answer": "yes"})
    assert [leg["status"] for leg in made["legs"]] == ["no-answer", "no-answer"]
    assert named(omega, "done")[0].form["DialCallStatus"] == "no-answer"


def test_the_dials_timeout_ends_the_ringing(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(DESK, timeout=1))
    began = time.monotonic()
    made = call(sandbox, script={"answer": "yes", "after_ms": 60_000})
    assert 0.9 < time.monotonic() - began < 4
    assert made["legs"][0]["status"] == "no-answer"


def test_the_caller_gives_up_while_it_rings(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(DESK, answer_on_bridge=True), done=greeting("too late"))
    made = call(sandbox, script={"answer": "yes", "after_ms": 60_000, "hang_up_after_ms": 200})
    assert (made["status"], made["legs"][0]["status"], made["spoken"]) == ("no-answer", "canceled", [])
    omega.wait_for(6)
    assert named(omega, "done")[0].form["DialCallStatus"] == "canceled"
    assert named(omega, "status")[0].form["CallStatus"] == "no-answer"


def test_only_the_events_asked_for_are_told(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(DESK, events="answered completed"))
    call(sandbox)
    omega.wait_for(5)
    assert [hook.form["SequenceNumber"] for hook in named(omega, "leg")] == ["0", "1"]


def test_events_shuffled_and_doubled(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"shuffle": True})
    plays(omega, twiml=ringing(DESK))
    call(sandbox)
    omega.wait_for(7)
    assert [hook.form["SequenceNumber"] for hook in named(omega, "leg")] == ["3", "2", "1", "0"]
    omega.hooks.clear()
    sandbox.faults(callbacks={"duplicate": True})
    call(sandbox)
    omega.wait_for(12)
    assert [hook.form["SequenceNumber"] for hook in named(omega, "leg")] == list("00112233")


def test_a_device_calls_out(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(CLIENT, caller_id=US, answer_on_bridge=True))
    register(sandbox)
    made = call(sandbox, "/device/user_42/call", params={"To": CLIENT, "conversation_id": "c-1001", "From": "+1666"})
    first, done = named(omega, "twiml")[0], named(omega, "done")[0]
    assert [name for name, _ in first.pairs] == names("voice_client_outgoing.form")
    assert (first.form["From"], first.form["To"], first.form["Called"], first.form["conversation_id"]) == (
        "client:user_42", CLIENT, "", "c-1001",
    )  # fmt: skip
    assert first.form["ApplicationSid"] == APPLICATION
    assert [name for name, _ in done.pairs] == names("voice_dial_action.form")
    assert (made["from"], made["legs"][0]["from"], made["legs"][0]["to"]) == ("client:user_42", US, CLIENT)


def test_a_client_may_not_show_itself_to_a_number(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(CLIENT))
    register(sandbox)
    made = call(sandbox, "/device/user_42/call", params={"To": CLIENT})
    assert ([error["code"] for error in made["errors"]], made["legs"]) == ([13214], [])
    assert named(omega, "done")[0].form["DialCallStatus"] == "failed"


def test_a_caller_id_is_one_of_the_accounts_numbers(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.client().incoming_phone_numbers.create(phone_number="+14155207788")
    plays(omega, twiml=ringing(DESK, caller_id="+14155550000"))
    assert [error["code"] for error in call(sandbox)["errors"]] == [13214]
    plays(omega, twiml=ringing(DESK, caller_id="+14155207788"))
    assert call(sandbox)["errors"] == []


def test_a_client_is_told_its_parameters_and_hears_a_whisper(sandbox: Sandbox, omega: Listener) -> None:
    register(sandbox)
    document, dial = VoiceResponse(), Dial()
    client = Client(url="/omega/whisper")
    client.identity("user_42")
    client.parameter(name="conversation_id", value="c-1")
    dial.append(client)
    plays(omega, twiml=document.append(dial), whisper=greeting("This call is recorded."))
    made = call(sandbox)
    leg = made["legs"][0]
    assert (leg["to"], leg["parameters"], leg["spoken"]) == (
        "client:user_42", {"conversation_id": "c-1"}, ["This call is recorded."],
    )  # fmt: skip
    assert named(omega, "whisper")[0].form["CallSid"] == leg["id"]


def test_phones_have_standing_scripts_and_magic(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(DESK, "+15558670001", "+15558670009"))
    requests.put(f"{sandbox.base_url}/phones/{DESK}", json={"answer": "busy"}, timeout=5)
    assert [leg["status"] for leg in call(sandbox)["legs"]] == ["busy", "failed", "no-answer"]
    assert list(requests.get(f"{sandbox.base_url}/phones", timeout=5).json()["phones"]) == [DESK]


def test_a_person_answers_and_hangs_up(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(DESK))
    started = call(sandbox, live=True)
    requests.post(f"{sandbox.base_url}/calls/{started['id']}/hangup", timeout=5)
    time.sleep(0.2)
    ended = requests.get(f"{sandbox.base_url}/calls/{started['id']}", timeout=5).json()
    assert ended["status"] in {"completed", "no-answer"}
    assert requests.get(f"{sandbox.base_url}/calls", timeout=5).json()["results"] == []


def test_a_rejected_call_is_not_answered(sandbox: Sandbox, omega: Listener) -> None:
    document = VoiceResponse()
    document.reject(reason="busy")
    plays(omega, twiml=document)
    made = call(sandbox)
    assert (made["status"], made["answered_at"], made["duration"]) == ("busy", None, 0)


def test_redirect_gather_and_a_fallback(sandbox: Sandbox, omega: Listener) -> None:
    menu, go = VoiceResponse(), VoiceResponse()
    gather = menu.gather(num_digits=1, action="/omega/chosen")
    gather.say("Press one.")
    go.redirect("/omega/menu")
    plays(omega, twiml=go, menu=menu, chosen=lambda hook: twiml(greeting(f"You pressed {hook.form['Digits']}.")))
    assert call(sandbox, script={"digits": "1"})["spoken"] == ["Press one.", "You pressed 1."]
    sandbox.client().incoming_phone_numbers.create(
        phone_number=US, voice_url="http://127.0.0.1:1/x", voice_fallback_url=f"{omega.url}/fallback"
    )
    plays(omega, fallback=greeting("We will call back."))
    made = call(sandbox)
    assert (made["spoken"], [error["code"] for error in made["errors"]]) == (["We will call back."], [11200])
    assert named(omega, "fallback")[0].form["ErrorCode"] == "11200"
    assert made["account_sid"] == ACCOUNT


def test_the_fragment_asks_for_retries_of_events_and_documents(sandbox: Sandbox, omega: Listener) -> None:
    document = f"<Response><Dial><Number statusCallback='/leg#rc=2&amp;rp=5xx'>{DESK}</Number></Dial></Response>"
    plays(omega, twiml=document, leg=lambda _hook: (503, "text/plain", "", {}))
    made = call(sandbox)
    omega.wait_for(5)
    time.sleep(0.3)
    tokens = {hook.headers["I-Twilio-Idempotency-Token"] for hook in named(omega, "leg")}
    assert (len(named(omega, "leg")), len(tokens)) == (3, 1)
    found = requests.get(f"{sandbox.base_url}/calls/{made['legs'][0]['id']}", timeout=5).json()["callbacks"]
    assert [(one["event"], one["attempts"], one["http_status"]) for one in found] == [("completed", 3, 503)]


def test_nothing_reaches_a_suspended_account(sandbox: Sandbox, omega: Listener) -> None:
    made = sandbox.client().api.accounts.create(friendly_name="Studio")
    sandbox.client(user=made.sid, secret=made.auth_token).incoming_phone_numbers.create(phone_number=US)
    sandbox.client().api.accounts(made.sid).update(status="suspended")
    assert call(sandbox)["status"] == "failed"
    assert sandbox.texts(**{"from": CLIENT, "to": US, "body": "x"}).json()["webhook"] is None
    assert omega.hooks == []


def test_many_calls_at_once_each_have_their_own_end(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml=ringing(DESK), done=lambda hook: twiml(greeting(f"Goodbye {hook.form['From']}.")))
    numbers = [f"+1555867{n:04d}" for n in range(2000, 2040)]
    for number in numbers:
        call(sandbox, **{"from": number}, wait=False, script={"answer": "yes", "talk_ms": 200})
    until = time.monotonic() + 10
    while requests.get(f"{sandbox.base_url}/calls", timeout=5).json()["results"] and time.monotonic() < until:
        time.sleep(0.05)
    assert {entry["from"]: entry["spoken"] for entry in sandbox.ledger()} == {n: [f"Goodbye {n}."] for n in numbers}
    assert {entry["status"] for entry in sandbox.ledger()} == {"completed"}
