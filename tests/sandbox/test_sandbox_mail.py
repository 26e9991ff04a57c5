"""SendGrid's mail/send through the real SDK: what is accepted, what is refused, the faults."""

import base64
import json
import urllib.error
from typing import Any

import pytest
import requests
from python_http_client.exceptions import BadRequestsError, HTTPError, UnauthorizedError
from sendgrid import SendGridAPIClient

from tests.sandbox.process import FIXTURES, SENDGRID_KEY, Sandbox

ERRORS = json.loads((FIXTURES / "sendgrid_errors.json").read_text())


def request() -> dict[str, Any]:
    return json.loads((FIXTURES / "sendgrid_mail_send_request.json").read_text())


def send(sandbox: Sandbox, body: object, key: str = SENDGRID_KEY, timeout: float = 5) -> Any:
    client = SendGridAPIClient(key, host=sandbox.base_url)
    return client.client.mail.send.post(request_body=body, timeout=timeout)


def test_accepted(sandbox: Sandbox) -> None:
    answer = send(sandbox, request())
    assert (answer.status_code, answer.body) == (202, b"")
    entry = sandbox.ledger()[0]
    assert (entry["provider"], entry["id"]) == ("sendgrid", answer.headers["X-Message-Id"])
    assert (entry["to"], entry["from"]) == ("bob@example.net", "support@example.com")
    assert (entry["subject"], entry["body"]) == ("Your appointment", "Can you do Tuesday?")
    assert entry["custom_args"]["omega_message_id"] == "m-2001"
    assert entry["headers"]["Message-ID"] == "<m-2001@omega.example.com>"
    assert int(answer.headers["X-RateLimit-Reset"]) > 0


def test_both_carriers_share_one_ledger_in_order(sandbox: Sandbox) -> None:
    send(sandbox, request())
    sandbox.post(To="+15558675310", From="+15017122661", Body="x")
    send(
        sandbox,
        request() | {"attachments": [{"content": base64.b64encode(b"abc").decode(), "filename": "a.txt"}]},
    )
    found = sandbox.ledger()
    assert [(entry["index"], entry["provider"]) for entry in found] == [
        (0, "sendgrid"),
        (1, "twilio"),
        (2, "sendgrid"),
    ]
    assert (found[2]["media"], found[2]["attachments"][0]["size"]) == (["a.txt"], 3)
    assert [entry["index"] for entry in sandbox.ledger(after=0, limit=1)] == [1]
    assert [entry["index"] for entry in sandbox.ledger(to="bob@example.net")] == [0, 2]


def test_sandbox_mode_sends_nothing(sandbox: Sandbox) -> None:
    assert send(sandbox, request() | {"mail_settings": {"sandbox_mode": {"enable": True}}}).status_code == 200
    assert sandbox.ledger() == []


def test_a_wrong_key(sandbox: Sandbox) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        send(sandbox, request(), key="SG.wrong")
    assert json.loads(caught.value.body) == ERRORS["401"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [{"email": "bob"}]}]}, "personalizations.0.to.0.email"),
        (
            {"personalizations": [{"to": [{"email": "a@b.c"}], "cc": [{"email": "A@b.c"}]}]},
            "personalizations.0",
        ),
        ({"from": {}}, "from.email"),
        ({"from": {"email": "x"}}, "from.email"),
        ({"reply_to": {"email": "x"}}, "reply_to.email"),
        ({"subject": ""}, "subject"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]}, "content"),
        ({"headers": {"Subject": "x"}}, "headers"),
        ({"categories": [str(n) for n in range(11)]}, "categories"),
        ({"attachments": [{"content": "!", "filename": "x"}]}, "attachments.0.content"),
        ({"custom_args": {"n": 3}}, None),
        ({"custom_args": {"n": "x" * 10_001}}, "custom_args"),
        ({"personalizations": "x"}, "personalizations"),
        ({"personalizations": ["x"]}, None),
        ({"from": 3}, None),
    ],
)
def test_refusals(sandbox: Sandbox, change: dict[str, Any], field: str | None) -> None:
    with pytest.raises(BadRequestsError) as caught:
        send(sandbox, request() | change)
    found = json.loads(caught.value.body)["errors"]
    assert [error["field"] for error in found] == [field]
    assert sandbox.ledger() == []


def test_error_bodies_are_the_fixtures(sandbox: Sandbox) -> None:
    url, headers = f"{sandbox.base_url}/v3/mail/send", {"Authorization": f"Bearer {SENDGRID_KEY}"}
    wrong = request() | {"personalizations": [{"to": [{"email": "x"}]}]}
    assert requests.post(url, json=wrong, headers=headers, timeout=5).json() == ERRORS["400"]
    assert requests.post(url, data="{", headers=headers, timeout=5).json() == ERRORS["400_cryptic"]
    sandbox.faults(sendgrid={"mode": "429", "retry_after": 3})
    limited = requests.post(url, json=request(), headers=headers, timeout=5)
    assert (limited.json(), limited.headers["X-RateLimit-Remaining"]) == (ERRORS["429"], "0")
    sandbox.faults(sendgrid={"mode": "reject", "code": 403})
    assert requests.post(url, json=request(), headers=headers, timeout=5).json() == ERRORS["403"]


def test_more_than_thirty_megabytes_meet_the_proxy(sandbox: Sandbox) -> None:
    url, headers = f"{sandbox.base_url}/v3/mail/send", {"Authorization": f"Bearer {SENDGRID_KEY}"}
    answer = requests.post(url, data=b"x" * (30 * 1024 * 1024 + 1), headers=headers, timeout=20)
    lines = [answer.content.split(), (FIXTURES / "sendgrid_413.html").read_bytes().split()]
    assert (answer.status_code, lines[0]) == (413, lines[1])


@pytest.mark.parametrize(
    ("fault", "raised", "accepted"),
    [
        ({"mode": "500"}, HTTPError, 0),
        ({"mode": "502"}, HTTPError, 0),
        ({"mode": "timeout"}, TimeoutError, 0),
        ({"mode": "slow", "slow_ms": 2000}, TimeoutError, 1),
        ({"mode": "cut"}, (urllib.error.URLError, ConnectionError), 0),
        ({"mode": "accept_then_cut"}, (urllib.error.URLError, ConnectionError), 1),
        ({"mode": "500", "to": ["bob@example.net"]}, HTTPError, 0),
    ],
)
def test_faults(sandbox: Sandbox, fault: dict[str, Any], raised: Any, accepted: int) -> None:
    sandbox.faults(sendgrid=fault)
    with pytest.raises(raised):
        send(sandbox, request(), timeout=0.4)
    assert len(sandbox.ledger()) == accepted


def test_a_fault_aimed_at_another_spares(sandbox: Sandbox) -> None:
    sandbox.faults(sendgrid={"mode": "500", "to": ["alice@example.net"]})
    assert send(sandbox, request()).status_code == 202
