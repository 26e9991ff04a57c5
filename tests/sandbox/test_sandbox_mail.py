"""SendGrid's mail/send through the real SDK: what is accepted, what is refused, the faults."""

import base64
import functools
import hashlib
import json
import operator
import time
import urllib.error
from collections.abc import Iterator
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


def test_the_ledger_has_one_row_for_a_request_to_many(sandbox: Sandbox) -> None:
    people = [
        {"to": [{"email": "a@example.net"}], "cc": [{"email": "b@example.net"}], "bcc": [{"email": "c@example.net"}]},
        {"to": [{"email": "D@example.net"}], "subject": "For you", "custom_args": {"omega_message_id": "m-2"}},
    ]
    sid = send(sandbox, request() | {"personalizations": people, "custom_args": {"omega_message_id": "m-1"}})
    (entry,) = sandbox.ledger()
    assert entry["id"] == sid.headers["X-Message-Id"]
    assert entry["recipients"] == ["a@example.net", "b@example.net", "c@example.net", "D@example.net"]
    assert (entry["cc"], entry["bcc"]) == (["b@example.net"], ["c@example.net"])
    assert entry["custom_args"] == {"omega_message_id": "m-1"}
    mine = requests.get(f"{sandbox.base_url}/mailbox/d@example.net/{entry['id']}", timeout=5).json()
    assert (mine["subject"], mine["custom_args"]["omega_message_id"]) == ("For you", "m-2")


def test_attachments_keep_their_bytes(sandbox: Sandbox) -> None:
    data, name = bytes(range(256)) * 100, "../../Résumé ☀.pdf"
    file = {"content": base64.b64encode(data).decode(), "filename": name, "type": "application/pdf"}
    send(sandbox, request() | {"attachments": [file]})
    kept = sandbox.ledger()[0]["attachments"][0]
    assert (kept["name"], kept["size"], kept["sha256"]) == (name, len(data), hashlib.sha256(data).hexdigest())
    answer = requests.get(sandbox.base_url + kept["url"], timeout=5)
    assert (answer.content, answer.headers["Content-Type"]) == (data, "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


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
        ({"custom_args": {"n": "é" * 5_001}}, "custom_args"),
        ({"personalizations": [{"to": [{"email": f"c{n}@b.c"}]} for n in range(1001)]}, "personalizations"),
        ({"personalizations": [{"to": [{"email": f"c{n}@b.c"} for n in range(1001)]}]}, "personalizations"),
        ({"personalizations": [{"to": [{"email": "a@b.c"}, {"email": "a@b.c"}]}]}, "personalizations.0"),
        ({"from": {"email": "zoë@example.com"}}, "from.email"),
        ({"reply_to_list": [{"email": "a@b.c"}]}, "reply_to"),
        ({"content": [{"type": "", "value": "x"}]}, "content.0.type"),
        ({"content": [{"type": "text/plain\r\nX: y", "value": "x"}]}, "content.0.type"),
        ({"content": [{"type": "text/plain", "value": "x"}] * 2}, "content"),
        ({"headers": {"X-Name": 3}}, "headers.X-Name"),
        ({"headers": {"X Name": "3"}}, "headers.X Name"),
        ({"headers": {"DKIM-Signature": "x"}}, "headers"),
        ({"categories": ["x" * 256]}, "categories.0"),
        ({"categories": ["x", "x"]}, "categories.1"),
        ({"categories": ["é"]}, "categories.0"),
        ({"send_at": int(time.time()) + 73 * 3600}, "send_at"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"asm": {"group_id": "10"}}, "asm.group_id"),
        ({"asm": {"group_id": 1, "groups_to_display": list(range(26))}}, "asm.groups_to_display"),
        ({"attachments": [{"content": "", "filename": "x"}]}, "attachments.0.content"),
        ({"attachments": [{"content": "eA==", "filename": "a\nb"}]}, "attachments.0.filename"),
        ({"attachments": [{"content": "eA==", "filename": "x", "disposition": "y"}]}, "attachments.0.disposition"),
        ({"mail_settings": {"sandbox_mode": {"enable": "yes"}}}, "mail_settings.sandbox_mode.enable"),
        ({"template_id": 3}, "template_id"),
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


def test_every_fault_is_named_at_once(sandbox: Sandbox) -> None:
    with pytest.raises(BadRequestsError) as caught:
        send(sandbox, request() | {"from": {"email": "x"}, "subject": "", "headers": {"Bcc": "x"}})
    found = json.loads(caught.value.body)["errors"]
    assert [error["field"] for error in found] == ["from.email", "subject", "headers"]
    assert all(error["message"].endswith(".") and "errors.html#message." in error["help"] for error in found)


ODD = (None, True, 3, "", "x", [], [3], [None], {}, {"email": 3}, {"a": {"b": 3}})


def paths(value: Any, path: tuple = ()) -> Iterator[tuple]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from paths(one, (*path, key))


def test_no_odd_value_anywhere_gets_a_500(sandbox: Sandbox) -> None:
    url, headers = f"{sandbox.base_url}/v3/mail/send", {"Authorization": f"Bearer {SENDGRID_KEY}"}
    whole = request() | {
        "attachments": [{"content": "eA==", "filename": "x", "type": "a/b", "content_id": "c"}], "reply_to_list": [],
        "asm": {"group_id": 1}, "send_at": 1, "substitutions": {}, "mail_settings": {"sandbox_mode": {"enable": True}},
    }  # fmt: skip
    statuses = set()
    with requests.Session() as session:
        for path in list(paths(whole))[1:]:
            for odd in ODD:
                body = json.loads(json.dumps(whole))
                holder = functools.reduce(operator.getitem, path[:-1], body)
                holder[path[-1]] = odd
                statuses.add(session.post(url, json=body, headers=headers, timeout=5).status_code)
    assert statuses <= {200, 202, 400}


def test_error_bodies_are_the_fixtures(sandbox: Sandbox) -> None:
    url, headers = f"{sandbox.base_url}/v3/mail/send", {"Authorization": f"Bearer {SENDGRID_KEY}"}
    wrong = request() | {"personalizations": [{"to": [{"email": "x"}]}]}
    assert requests.post(url, json=wrong, headers=headers, timeout=5).json() == ERRORS["400"]
    assert requests.post(url, data="{", headers=headers, timeout=5).json() == ERRORS["400_cryptic"]
    sandbox.faults(sendgrid={"mode": "429", "retry_after": 3})
    limited = requests.post(url, json=request(), headers=headers, timeout=5)
    assert (limited.json(), limited.headers["X-RateLimit-Remaining"]) == (ERRORS["429"], "0")
    assert abs(int(limited.headers["X-RateLimit-Reset"]) - time.time() - 3) <= 2
    assert "Retry-After" not in limited.headers
    assert requests.post(url, data=b'{"a": "\xff"}', headers=headers, timeout=5).status_code == 415
    sandbox.faults(sendgrid={"mode": "none"})
    stranger = request() | {"from": {"email": "unverified@example.com"}}
    assert requests.post(url, json=stranger, headers=headers, timeout=5).json() == ERRORS["403"]
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
        ({"mode": "503"}, HTTPError, 0),
        ({"mode": "reject", "code": 413}, HTTPError, 0),
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


def test_garbage_and_a_drip(sandbox: Sandbox) -> None:
    sandbox.faults(sendgrid={"mode": "garbage"})
    answer = send(sandbox, request())
    assert (answer.status_code, answer.headers["X-Message-Id"]) == (202, None)
    assert sandbox.ledger() == []
    sandbox.faults(sendgrid={"mode": "drip", "slow_ms": 60})
    assert send(sandbox, request()).headers["X-Message-Id"] == sandbox.ledger()[0]["id"]


@pytest.mark.parametrize(
    ("to", "answers"), [("busy@sandbox.test", [429, 429, 202]), ("error+1@sandbox.test", [500, 202])]
)
def test_magic_that_passes(sandbox: Sandbox, to: str, answers: list[int]) -> None:
    url, headers = f"{sandbox.base_url}/v3/mail/send", {"Authorization": f"Bearer {SENDGRID_KEY}"}
    body = request() | {"personalizations": [{"to": [{"email": to}]}]}
    assert [requests.post(url, json=body, headers=headers, timeout=5).status_code for _ in answers] == answers


def test_magic_cut_and_slow(sandbox: Sandbox) -> None:
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        sandbox.mail(to=["cut@sandbox.test"])
    with pytest.raises(TimeoutError):
        sandbox.mail(to=["slow@sandbox.test"], timeout=0.3)
    assert [entry["to"] for entry in sandbox.ledger()] == ["cut@sandbox.test", "slow@sandbox.test"]
    sandbox.faults(magic=False)
    assert sandbox.mail(to=["slow@sandbox.test"], timeout=1)
