"""SendGrid's way back: signed event batches, and the inbound-parse post of what a client writes."""

import base64
import json
import time
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
import requests
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook

from tests.sandbox.listener import Hook, Listener
from tests.sandbox.process import FIXTURES, SENDGRID_KEY, Sandbox

QUICK = {"sent_ms": 5, "delivered_ms": 5}
REQUEST = json.loads((FIXTURES / "sendgrid_mail_send_request.json").read_text())
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


def send(sandbox: Sandbox, to: str = "bob@example.net") -> str:
    people = [REQUEST["personalizations"][0] | {"to": [{"email": to}]}]
    client = SendGridAPIClient(SENDGRID_KEY, host=sandbox.base_url).client
    return client.mail.send.post(request_body=REQUEST | {"personalizations": people}).headers["X-Message-Id"]


def events(hooks: list[Hook]) -> list[dict[str, Any]]:
    return [event for hook in hooks for event in json.loads(hook.body)]


def parts(hook: Hook) -> dict[str, EmailMessage]:
    whole = b"Content-Type: " + hook.headers["Content-Type"].encode() + b"\r\n\r\n" + hook.body
    message = BytesParser(policy=policy.default).parsebytes(whole)
    return {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}


def test_events_are_signed_over_their_raw_bytes(sandbox: Sandbox, omega: Listener, event_key: tuple[str, str]) -> None:
    sandbox.faults(callbacks=QUICK)
    sid = send(sandbox)
    hook = omega.wait_for(1)[0]
    assert hook.path == "/omega/email/webhook/sendgrid"
    assert hook.headers["User-Agent"] == "SendGrid Event API"
    checker = EventWebhook(event_key[1])
    assert checker.verify_signature(hook.body.decode(), hook.headers[SIGNATURE], hook.headers[TIMESTAMP])
    found = events(omega.hooks)
    assert [event["event"] for event in found] == ["processed", "delivered"]
    assert {event["omega_message_id"] for event in found} == {"m-2001"}
    assert all(event["sg_message_id"].startswith(sid + ".recvd-") for event in found)
    assert hook.body.endswith(b"]\r\n")
    assert b"},\r\n{" in hook.body
    assert [c["status"] for c in sandbox.ledger()[0]["callbacks"]] == ["processed", "delivered"]


def test_event_fields_are_the_fixtures(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK)
    send(sandbox)
    real = json.loads((FIXTURES / "sendgrid_events.json").read_text())
    omega.wait_for(1)
    for event in events(omega.hooks):
        fixture = next(other for other in real if other["event"] == event["event"])
        assert set(event) == set(fixture)


@pytest.mark.parametrize(
    ("to", "last", "kind"),
    [("bounce@example.net", "bounce", "bounce"), ("blocked+7@example.net", "bounce", "blocked"),
     ("spam@example.net", "spamreport", None), ("dropped@example.net", "dropped", None)],
)  # fmt: skip
def test_magic_addresses(sandbox: Sandbox, omega: Listener, to: str, last: str, kind: str | None) -> None:
    sandbox.faults(callbacks=QUICK)
    send(sandbox, to)
    omega.wait_for(1)
    assert (events(omega.hooks)[-1]["event"], events(omega.hooks)[-1].get("type")) == (last, kind)


def test_a_batch_that_is_not_taken_comes_again(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK)
    omega.answers = lambda _hook: (503 if len(omega.hooks) < 2 else 200, "text/plain", "", {})
    send(sandbox)
    hooks = omega.wait_for(2)
    assert hooks[0].body == hooks[1].body
    assert [c["http_status"] for c in sandbox.ledger()[0]["callbacks"]][:2] == [503, 503]


def test_doubled_shuffled_early_and_lost(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK | {"duplicate": True, "shuffle": True})
    send(sandbox)
    omega.wait_for(1)
    found = events(omega.hooks)
    assert [event["event"] for event in found] == ["delivered", "delivered", "processed", "processed"]
    assert len({event["sg_event_id"] for event in found}) == 2
    omega.reset()
    sandbox.faults(callbacks={"before_response": True})
    send(sandbox)
    assert len(omega.hooks) == 1
    omega.reset()
    sandbox.faults(callbacks=QUICK | {"drop": 1})
    send(sandbox)
    time.sleep(0.3)
    assert omega.hooks == []


def letter(sandbox: Sandbox, **fields: Any) -> requests.Response:
    body = {
        "from": "Bob <bob@example.net>",
        "to": "reply+c1@in.example.com",
        "subject": "Re: x",
        "text": "Ça va ☀",
    }
    return requests.post(f"{sandbox.base_url}/handset/email", json=body | fields, timeout=10)


def test_a_clients_mail_is_posted_as_sendgrid_does(sandbox: Sandbox, omega: Listener) -> None:
    file = {
        "name": "Résumé.pdf",
        "content_type": "application/pdf",
        "content_base64": base64.b64encode(b"%PDF\x00").decode(),
    }
    answer = letter(sandbox, html="<p>Ça va</p>", in_reply_to="<m-1@omega>", attachments=[file])
    assert answer.json()["webhook"]["status"] == 200
    hook = omega.hooks[0]
    assert hook.path == "/omega/email/inbound/sendgrid"
    assert hook.headers["Authorization"] == "Basic " + base64.b64encode(b"mail:pass word").decode()
    assert hook.headers["Content-Type"] == (FIXTURES / "inbound_parse.content-type").read_text().strip()
    found = parts(hook)
    assert set(found) <= {*parts_of_fixture()}
    assert found["text"].get_payload(decode=True).decode() == "Ça va ☀"
    assert found["attachment1"].get_payload(decode=True) == b"%PDF\x00"
    assert json.loads(found["envelope"].get_payload()) == {
        "to": ["reply+c1@in.example.com"],
        "from": "bob@example.net",
    }
    assert "In-Reply-To: <m-1@omega>" in found["headers"].get_payload()


def parts_of_fixture() -> set[str]:
    body = (FIXTURES / "inbound_parse.multipart").read_bytes()
    return set(parts(Hook("POST", "/", {"Content-Type": "multipart/form-data; boundary=xYzZY"}, body)))


def test_raw_mode_carries_the_whole_mail(sandbox: Sandbox, omega: Listener) -> None:
    letter(sandbox, raw=True, headers={"Auto-Submitted": "auto-replied"})
    raw = parts(omega.hooks[0])["email"].get_payload(decode=True)
    mail = BytesParser(policy=policy.default).parsebytes(raw)
    assert (mail["Auto-Submitted"], mail.get_content().strip()) == ("auto-replied", "Ça va ☀")


def test_an_answer_to_a_mail_of_the_ledger(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"drop": 1})
    sid = send(sandbox)
    url = f"{sandbox.base_url}/handset/email"
    requests.post(url, json={"in_reply_to": sid, "text": "Tuesday is fine"}, timeout=5)
    found = parts(omega.hooks[0])
    assert found["to"].get_payload().strip() == "reply+c1001.6f1c2a9b@in.example.com"
    assert found["subject"].get_payload().strip() == "Re: Your appointment"
    assert "In-Reply-To: <m-2001@omega.example.com>" in found["headers"].get_payload()


@pytest.mark.parametrize(
    "change",
    [{"from": "x"}, {"to": ""}, {"subject": "a\nb"}, {"in_reply_to": "nosuch"}, {"attachments": [{}]},
     {"headers": {"Subject": "twice"}}, {"colour": 1}],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(sandbox: Sandbox, omega: Listener, change: dict[str, Any]) -> None:
    answer = letter(sandbox, **change)
    assert (answer.status_code, answer.json()["detail"][-1]) == (422, ".")
    assert omega.hooks == []
