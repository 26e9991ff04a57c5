"""Status callbacks: signed as Twilio's, kept in the ledger, retried, and going astray on demand."""

import time
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from tests.sandbox.listener import Hook, Listener
from tests.sandbox.process import ACCOUNT, FIXTURES, TOKEN, Sandbox

US, CLIENT = "+15017122661", "+15558675310"
QUICK = {"sent_ms": 5, "delivered_ms": 40}


def send(sandbox: Sandbox, omega: Listener, *, to: str = CLIENT, more: str = "", **form: object) -> dict:
    callback = f"{omega.url}/omega/twilio/sms/status?mid=7f1d2c1e{more}"
    return sandbox.post(To=to, From=US, Body="Hello", StatusCallback=callback, **form).json()


def statuses(hooks: list[Hook]) -> list[str]:
    return [hook.form["MessageStatus"] for hook in hooks]


def fixture_names(name: str) -> list[str]:
    return [key for key, _ in parse_qsl((FIXTURES / name).read_text(), keep_blank_values=True)]


def test_sent_then_delivered_signed_and_logged(sandbox: Sandbox, omega: Listener) -> None:
    made = send(sandbox, omega)
    hooks = omega.wait_for(2)
    assert statuses(hooks) == ["sent", "delivered"]
    for hook in hooks:
        assert hook.path == "/omega/twilio/sms/status?mid=7f1d2c1e"
        assert hook.headers["User-Agent"] == "TwilioProxy/1.1"
        signature = hook.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(omega.url + hook.path, hook.form, signature)
        assert (hook.form["MessageSid"], hook.form["AccountSid"]) == (made["sid"], ACCOUNT)
    time.sleep(0.1)
    logged = sandbox.ledger()[0]["callbacks"]
    assert [(c["status"], c["attempts"], c["http_status"]) for c in logged] == [
        ("sent", 1, 200), ("delivered", 1, 200),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "at", "fixture"),
    [
        (CLIENT, 0, "status_sent.form"),
        (CLIENT, 1, "status_delivered.form"),
        ("+15558670001", 1, "status_undelivered_30003.form"),
    ],
)
def test_the_form_is_the_fixtures(sandbox: Sandbox, omega: Listener, to: str, at: int, fixture: str) -> None:
    sandbox.faults(callbacks=QUICK)
    send(sandbox, omega, to=to)
    assert [name for name, _ in omega.wait_for(2)[at].pairs] == fixture_names(fixture)


def test_the_fragment_is_not_signed_and_asks_for_retries(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK)
    omega.answers = lambda _hook: (503, "text/plain", "", {})
    send(sandbox, omega, more="#rc=2&rp=5xx,ct,rt")
    hooks = omega.wait_for(6)
    assert {hook.path for hook in hooks} == {"/omega/twilio/sms/status?mid=7f1d2c1e"}
    tokens = {hook.form["MessageStatus"]: set() for hook in hooks}
    for hook in hooks:
        tokens[hook.form["MessageStatus"]].add(hook.headers["I-Twilio-Idempotency-Token"])
    assert [len(seen) for seen in tokens.values()] == [1, 1]


def test_without_overrides_a_5xx_is_lost(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK)
    omega.answers = lambda _hook: (500, "text/plain", "", {})
    send(sandbox, omega)
    omega.wait_for(2)
    time.sleep(0.4)
    assert len(omega.hooks) == 2


def test_nobody_there_is_tried_once_more(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK)
    sandbox.post(To=CLIENT, From=US, Body="x", StatusCallback="http://127.0.0.1:1/x")
    time.sleep(0.8)
    logged = sandbox.ledger()[0]["callbacks"]
    assert [(c["attempts"], c["http_status"]) for c in logged] == [(2, None), (2, None)]


def test_a_redirect_loses_the_params(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK)
    omega.answers = lambda hook: (
        (302, "text/plain", "", {"Location": "/elsewhere"}) if hook.method == "POST" else (200, "text/xml", "", {})
    )
    send(sandbox, omega)
    got = [hook for hook in omega.wait_for(4) if hook.method == "GET"]
    assert [(hook.path, hook.body) for hook in got] == [("/elsewhere", b"")] * 2
    signature = got[0].headers["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(f"{omega.url}/elsewhere", {}, signature)


def test_shuffled_doubled_and_lost(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK | {"shuffle": True})
    send(sandbox, omega)
    assert statuses(omega.wait_for(2)) == ["delivered", "sent"]
    omega.reset()
    sandbox.faults(callbacks=QUICK | {"duplicate": True})
    send(sandbox, omega)
    assert sorted(statuses(omega.wait_for(4))) == ["delivered", "delivered", "sent", "sent"]
    omega.reset()
    sandbox.faults(callbacks=QUICK | {"drop": 1})
    made = send(sandbox, omega)
    time.sleep(0.3)
    assert omega.hooks == []
    assert sandbox.client().messages(made["sid"]).fetch().status == "delivered"


def test_delayed(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"sent_ms": 0, "delivered_ms": 0, "delay_ms": 400})
    began = time.monotonic()
    send(sandbox, omega)
    assert omega.wait_for(1)[0].at - began > 0.4


def test_before_the_answer(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"before_response": True})
    made = send(sandbox, omega)
    answered = time.monotonic()
    assert [hook.at < answered for hook in omega.hooks] == [True, True]
    assert made["status"] == "queued"


def test_a_messaging_service_names_its_number_only_later(sandbox: Sandbox, omega: Listener) -> None:
    service = "MG" + "7" * 32
    callback = f"{omega.url}/status"
    form = {"To": CLIENT, "MessagingServiceSid": service, "Body": "x", "StatusCallback": callback}
    made = sandbox.post(**form).json()
    hook = omega.wait_for(1)[0]
    assert hook.form["From"].startswith("+1")
    assert (made["from"], hook.form["MessagingServiceSid"]) == (None, service)
    assert [m.sid for m in sandbox.client().messages.list(from_=hook.form["From"])] == [made["sid"]]
