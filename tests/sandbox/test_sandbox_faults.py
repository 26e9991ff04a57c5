"""Each fault mode and each magic number, as the real SDK meets it, and what the ledger says after."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from tests.sandbox.listener import Listener
from tests.sandbox.process import ACCOUNT, TOKEN, Sandbox

US, CLIENT = "+15017122661", "+15558675310"


def create(sandbox: Sandbox, to: str = CLIENT, timeout: float = 10) -> object:
    return sandbox.client(timeout).messages.create(to=to, from_=US, body="Hello")


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [("429", 429, 20429), ("500", 500, 20500), ("503", 503, 20503), ("502", 502, 502), ("401", 401, 20003)],
)
def test_refused_and_never_accepted(sandbox: Sandbox, mode: str, status: int, code: int) -> None:
    sandbox.faults(twilio={"mode": mode})
    with pytest.raises(TwilioRestException) as caught:
        create(sandbox)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert sandbox.ledger() == []


@pytest.mark.parametrize("accepted", [False, True])
def test_garbage(sandbox: Sandbox, accepted: bool) -> None:
    sandbox.faults(twilio={"mode": "garbage", "accepted": accepted})
    with pytest.raises(ValueError, match="Expecting value"):
        create(sandbox)
    assert len(sandbox.ledger()) == accepted


def test_timeout_is_never_accepted(sandbox: Sandbox) -> None:
    sandbox.faults(twilio={"mode": "timeout"})
    with pytest.raises(requests.exceptions.ReadTimeout):
        create(sandbox, timeout=0.3)
    assert sandbox.ledger() == []


def test_slow_is_accepted_at_once(sandbox: Sandbox) -> None:
    sandbox.faults(twilio={"mode": "slow", "slow_ms": 2000})
    with pytest.raises(requests.exceptions.ReadTimeout):
        create(sandbox, timeout=0.3)
    assert len(sandbox.ledger()) == 1


def test_a_drip_defeats_a_read_timeout(sandbox: Sandbox) -> None:
    sandbox.faults(twilio={"mode": "drip", "slow_ms": 60})
    began = time.monotonic()
    create(sandbox, timeout=0.3)
    assert time.monotonic() - began > 0.5


@pytest.mark.parametrize(("mode", "accepted"), [("cut", 0), ("accept_then_cut", 1)])
def test_cut(sandbox: Sandbox, mode: str, accepted: int) -> None:
    sandbox.faults(twilio={"mode": mode})
    with pytest.raises(requests.exceptions.ConnectionError):
        create(sandbox)
    assert len(sandbox.ledger()) == accepted


def test_reject_at_once_and_later(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(twilio={"mode": "reject", "code": 21610}, callbacks={"sent_ms": 5, "delivered_ms": 5})
    with pytest.raises(TwilioRestException) as caught:
        create(sandbox)
    assert caught.value.code == 21610
    sandbox.faults(twilio={"mode": "reject", "code": 30001})
    made = sandbox.post(To=CLIENT, From=US, Body="x", StatusCallback=omega.url + "/s").json()
    form = omega.wait_for(1)[0].form
    assert (form["MessageStatus"], form["ErrorCode"]) == ("failed", "30001")
    assert sandbox.client().messages(made["sid"]).fetch().error_code == 30001


def test_rate_count_and_recipients_narrow_a_fault(sandbox: Sandbox) -> None:
    sandbox.faults(twilio={"mode": "500", "count": 2, "to": [CLIENT]})
    answers = [sandbox.post(To=to, From=US, Body="x").status_code for to in (US[:-1] + "9", *[CLIENT] * 3)]
    assert answers == [201, 500, 500, 201]
    sandbox.faults(twilio={"mode": "429", "rate": 0.5, "retry_after": 7})
    answers = [sandbox.post(To=CLIENT, From=US, Body="x") for _ in range(60)]
    assert 5 < sum(answer.status_code == 429 for answer in answers) < 55
    assert {answer.headers.get("Retry-After") for answer in answers} == {"7", None}


def test_reads_fail_only_when_asked_to(sandbox: Sandbox) -> None:
    sandbox.faults(twilio={"mode": "500"})
    assert requests.get(sandbox.messages_url, auth=(ACCOUNT, TOKEN), timeout=5).status_code == 200
    sandbox.faults(twilio={"mode": "500", "reads": True})
    assert requests.get(sandbox.messages_url, auth=(ACCOUNT, TOKEN), timeout=5).status_code == 500


def test_latency_is_paid_side_by_side(sandbox: Sandbox) -> None:
    sandbox.faults(twilio={"latency_ms": 400}, callbacks={"drop": 1})
    began = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda _: sandbox.post(To=CLIENT, From=US, Body="x"), range(40)))
    assert 0.4 < time.monotonic() - began < 4


@pytest.mark.parametrize(
    "body",
    [{"twilo": {}}, {"twilio": {"mode": "tired"}}, {"twilio": {"rate": 2}}, {"twilio": {"latency": 3}},
     {"callbacks": {"drop": "yes"}}, {"callbacks": 3}, {"magic": "no"}],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(sandbox: Sandbox, body: dict[str, Any]) -> None:
    answer = sandbox.faults(**body)
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith(".")
    assert requests.get(f"{sandbox.base_url}/faults", timeout=5).json()["twilio"]["mode"] == "none"


def test_another_sites_page_may_not_steer(sandbox: Sandbox) -> None:
    answer = requests.put(f"{sandbox.base_url}/faults", data="{}", headers={"Origin": "http://evil"}, timeout=5)
    assert answer.status_code == 403


@pytest.mark.parametrize(("ending", "code"), [("0002", 21610), ("0006", 21614)])
def test_magic_refused(sandbox: Sandbox, ending: str, code: int) -> None:
    with pytest.raises(TwilioRestException) as caught:
        create(sandbox, f"+1555867{ending}")
    assert caught.value.code == code


@pytest.mark.parametrize(("ending", "code"), [("0001", "30003"), ("0007", "30007"), ("0008", "30008")])
def test_magic_undelivered(sandbox: Sandbox, omega: Listener, ending: str, code: str) -> None:
    sandbox.faults(callbacks={"sent_ms": 5, "delivered_ms": 5})
    sandbox.post(To=f"+1555867{ending}", From=US, Body="x", StatusCallback=omega.url + "/s")
    told = {hook.form["MessageStatus"]: hook.form.get("ErrorCode") for hook in omega.wait_for(2)}
    assert told == {"sent": None, "undelivered": code}


@pytest.mark.parametrize(("ending", "answers"), [("0004", [429, 429, 201, 429]), ("0011", [500, 201, 500])])
def test_magic_that_passes(sandbox: Sandbox, ending: str, answers: list[int]) -> None:
    got = [sandbox.post(To=f"+1555867{ending}", From=US, Body="x").status_code for _ in answers]
    assert got == answers


def test_magic_cut_and_slow(sandbox: Sandbox) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        create(sandbox, "+15558670005")
    with pytest.raises(requests.exceptions.ReadTimeout):
        create(sandbox, "+15558670003", timeout=0.3)
    assert [entry["to"][-4:] for entry in sandbox.ledger()] == ["0005", "0003"]


def test_magic_silent_and_reversed(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"sent_ms": 5, "delivered_ms": 5})
    sandbox.post(To="+15558670009", From=US, Body="x", StatusCallback=omega.url + "/silent")
    sandbox.post(To="+15558670010", From=US, Body="x", StatusCallback=omega.url + "/turned")
    omega.wait_for(2)
    time.sleep(0.2)
    assert [(h.path, h.form["MessageStatus"]) for h in omega.hooks] == [
        ("/turned", "delivered"),
        ("/turned", "sent"),
    ]


def test_magic_can_be_switched_off(sandbox: Sandbox) -> None:
    sandbox.faults(magic=False)
    assert sandbox.post(To="+15558670002", From=US, Body="x").status_code == 201
    magic = requests.get(f"{sandbox.base_url}/numbers", timeout=5).json()["magic"]
    assert [number["ending"] for number in magic][:3] == ["0001", "0002", "0003"]
