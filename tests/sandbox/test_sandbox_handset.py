"""What a handset sends: the webhook's form and signature, keywords, pictures, and TwiML that answers."""

import base64
import time
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from tests.sandbox.listener import TWIML, Hook, Listener
from tests.sandbox.process import ACCOUNT, FIXTURES, TOKEN, Sandbox

US, CLIENT = "+15017122661", "+15558675310"
PIXEL = base64.b64encode(b"\x89PNG a picture").decode()


def say(sandbox: Sandbox, body: str = "Yes", **more: object) -> dict:
    return sandbox.texts(**{"from": CLIENT, "to": US, "body": body} | more).json()


def names_without_service(fixture: str) -> list[str]:
    pairs = parse_qsl((FIXTURES / fixture).read_text(), keep_blank_values=True)
    return [name for name, _ in pairs if name != "MessagingServiceSid"]


def test_the_webhook_is_the_fixtures(sandbox: Sandbox, omega: Listener) -> None:
    answer = say(sandbox, "Yes, Tuesday works. Thanks!")
    hook = omega.wait_for(1)[0]
    assert hook.path == "/omega/twilio/sms/reply"
    assert [name for name, _ in hook.pairs] == names_without_service("inbound_sms.form")
    assert hook.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert RequestValidator(TOKEN).validate(omega.url + hook.path, hook.form, hook.headers["X-Twilio-Signature"])
    assert answer["webhook"] == {"status": 200, "body": TWIML[2], "attempts": 1}
    assert answer["sid"] == hook.form["MessageSid"]


def test_a_number_in_a_service_says_so(sandbox: Sandbox, omega: Listener) -> None:
    service = "MG" + "1" * 32
    requests.put(f"{sandbox.base_url}/services/{service}", json={"numbers": ["+15550123456"]}, timeout=5)
    say(sandbox, to="+15550123456")
    assert omega.wait_for(1)[0].form["MessagingServiceSid"] == service


def test_pictures_are_served_under_basic_auth(sandbox: Sandbox, omega: Listener) -> None:
    say(sandbox, "", media=[f"data:image/png;base64,{PIXEL}", "https://example.com/a.vcf"])
    form = omega.wait_for(1)[0].form
    assert [name for name, _ in omega.hooks[0].pairs] == names_without_service("inbound_mms.form")
    assert (form["NumMedia"], form["MediaContentType0"], form["MessageSid"][:2]) == ("2", "image/png", "MM")
    assert requests.get(form["MediaUrl0"], timeout=5).status_code == 401
    redirect = requests.get(form["MediaUrl0"], auth=(ACCOUNT, TOKEN), timeout=5, allow_redirects=False)
    assert redirect.status_code == 307
    file = requests.get(form["MediaUrl0"], auth=(ACCOUNT, TOKEN), timeout=5)
    assert (file.headers["Content-Type"], file.content) == ("image/png", b"\x89PNG a picture")


def test_stop_blocks_the_pair_and_start_unblocks_it(sandbox: Sandbox, omega: Listener) -> None:
    client = sandbox.client()
    say(sandbox, " Stop ")
    assert "OptOutType" not in omega.wait_for(1)[0].form
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=CLIENT, from_=US, body="x")
    assert caught.value.code == 21610
    assert client.messages.create(to=CLIENT, from_="+15017122662", body="from another number").sid
    say(sandbox, "UNSTOP")
    assert client.messages.create(to=CLIENT, from_=US, body="welcome back").sid
    thread = requests.get(f"{sandbox.base_url}/handset/{CLIENT}", timeout=5).json()["results"]
    assert [bubble["body"][:33] for bubble in thread] == [
        " Stop ", "You have successfully been unsubs", "from another number", "UNSTOP",
        "You have successfully been re-sub", "welcome back",
    ]  # fmt: skip
    assert len(sandbox.ledger()) == 2


@pytest.mark.parametrize(("body", "kind"), [("stop", "STOP"), ("HELP", "HELP"), ("Stop please", None)])
def test_advanced_opt_out_says_what_it_was(sandbox: Sandbox, omega: Listener, body: str, kind: str | None) -> None:
    sandbox.faults(advanced_opt_out=True)
    say(sandbox, body)
    assert omega.wait_for(1)[0].form.get("OptOutType") == kind


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/xml", "<Response><Message>Thanks!</Message></Response>", "Thanks!"),
        ("application/xml", "<Response><Message><Body>Hi &amp; bye</Body></Message></Response>", "Hi & bye"),
        ("text/plain", "OK", "OK"),
    ],
)
def test_what_the_webhook_answers_reaches_the_handset(
    sandbox: Sandbox, omega: Listener, kind: str, body: str, text: str
) -> None:
    omega.answers = lambda _hook: (200, kind, body, {})
    say(sandbox)
    assert [(e["body"], e["direction"], e["to"]) for e in sandbox.ledger()] == [(text, "outbound-reply", CLIENT)]


def test_no_wait_no_webhook_and_many_at_once(sandbox: Sandbox, omega: Listener) -> None:
    def slowly(_hook: Hook) -> tuple[int, str, str, dict[str, str]]:
        time.sleep(1.5)
        return TWIML

    omega.answers = slowly
    began = time.monotonic()
    assert say(sandbox, wait=False)["webhook"] is None
    assert time.monotonic() - began < 1.2
    assert say(sandbox, webhook=False)["webhook"] is None
    omega.wait_for(1)
    omega.reset()
    answers = say(sandbox, copies=10)["webhooks"]
    assert [answer["status"] for answer in answers] == [200] * 10
    assert len({hook.form["MessageSid"] for hook in omega.hooks}) == 1


def test_one_text_overtakes_another_and_comes_twice(sandbox: Sandbox, omega: Listener) -> None:
    assert say(sandbox, "first", after_ms=[400, 500])["webhook"] is None
    say(sandbox, "second", after_ms=[0])
    assert [hook.form["Body"] for hook in omega.wait_for(3)] == ["second", "first", "first"]
    assert len({hook.form["MessageSid"] for hook in omega.hooks}) == 2


def test_nobody_at_the_webhook(sandbox: Sandbox) -> None:
    assert say(sandbox, url="http://127.0.0.1:1/")["webhook"]["status"] is None


@pytest.mark.parametrize(
    "change",
    [{"from": "x"}, {"to": "x"}, {"body": ""}, {"body": 3}, {"media": "x"}, {"media": ["%"]}, {"wait": 1},
     {"copies": 0}, {"after_ms": 3}, {"after_ms": [-1]}, {"sid": "x"}],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(sandbox: Sandbox, omega: Listener, change: dict[str, Any]) -> None:
    answer = sandbox.texts(**{"from": CLIENT, "to": US, "body": "x"} | change)
    assert (answer.status_code, answer.json()["detail"][-1]) == (422, ".")
    assert omega.hooks == []
