"""A client's mailbox: what lies in it, shown in a cage, and what a client does with a mail."""

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from tests.sandbox.listener import Listener
from tests.sandbox.process import Sandbox

BOB = "bob@example.net"
DOT = base64.b64encode(b"\x89PNG a dot").decode()
PAGE = (
    '<p>Hello -name-</p><img src="cid:dot"><img src="https://tracker.example/pixel.gif">'
    '<a href="https://omega.example/p/1?a=1&amp;b=2"><b>Your</b> plan</a> <a href="mailto:x@y.z">mail</a>'
    "<script>alert(1)</script>"
)


@pytest.fixture(autouse=True)
def quick(sandbox: Sandbox) -> None:
    sandbox.faults(callbacks={"sent_ms": 5, "delivered_ms": 5})


def page_mail(sandbox: Sandbox, **changes: Any) -> str:
    content = [{"type": "text/plain", "value": "Hello -name-"}, {"type": "text/html", "value": PAGE}]
    dot = {"content": DOT, "filename": "dot.png", "type": "image/png", "disposition": "inline", "content_id": "dot"}
    people = [{"to": [{"email": "Bob@Example.net", "name": "Bob"}], "substitutions": {"-name-": "Bob"}}]
    return sandbox.mail(personalizations=people, content=content, attachments=[dot], **changes)


def act(sandbox: Sandbox, sid: str, what: str, **given: Any) -> requests.Response:
    return requests.post(f"{sandbox.base_url}/mailbox/{BOB}/{sid}/{what}", json=given, timeout=5)


def wait_for_event(omega: Listener, name: str) -> dict[str, Any]:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for hook in omega.hooks:
            found = json.loads(hook.body) if hook.path.startswith("/omega/email/webhook") else []
            if mine := [event for event in found if event["event"] == name]:
                return mine[0]
        time.sleep(0.02)
    raise AssertionError(f"no {name}")


def test_a_mail_lies_in_its_mailbox_as_the_client_sees_it(sandbox: Sandbox) -> None:
    sid = page_mail(sandbox, headers={"Message-ID": "<m-1@omega>", "X-Entity": "7"})
    boxes = sandbox.get("/mailbox")
    assert [(box["address"], box["last"]["id"], box["last"]["preview"]) for box in boxes["results"]] == [
        (BOB, sid, "Hello Bob"),
    ]  # fmt: skip
    mail = sandbox.get(f"/mailbox/{BOB}/{sid}")
    headers = dict(mail["headers"])
    assert (headers["To"], headers["From"]) == ("Bob <Bob@Example.net>", "Omega Support <support@example.com>")
    assert (headers["Message-ID"], headers["X-Entity"]) == ("<m-1@omega>", "7")
    assert (mail["text"], mail["html"], mail["remote"]) == ("Hello Bob", True, True)
    assert mail["links"] == [{"url": "https://omega.example/p/1?a=1&b=2", "words": "Your plan"}]
    assert requests.get(f"{sandbox.base_url}/mailbox/eve@example.net/{sid}", timeout=5).status_code == 404


def test_html_is_shown_in_a_cage(sandbox: Sandbox) -> None:
    url = f"{sandbox.base_url}/mailbox/{BOB}/{page_mail(sandbox)}/page"
    answer = requests.get(url, timeout=5)
    policy = answer.headers["Content-Security-Policy"]
    assert "img-src 'self' data:;" in policy
    assert "sandbox" in policy
    assert not {"script-src", "allow-scripts", "allow-forms"} & set(policy.replace(";", " ").split())
    assert '<base target="_blank">' in answer.text
    picture = requests.get(sandbox.base_url + answer.text.split('<img src="')[1].split('"')[0], timeout=5)
    assert (picture.headers["Content-Type"], picture.content) == ("image/png", b"\x89PNG a dot")
    asked = requests.get(f"{url}?images=1", timeout=5).headers["Content-Security-Policy"]
    assert "img-src 'self' data: http: https:;" in asked


def test_nobody_sees_a_bcc_and_the_source_is_a_mail(sandbox: Sandbox) -> None:
    people = [{"to": [{"email": BOB}], "bcc": [{"email": "eve@example.net"}]}]
    sid = sandbox.mail(personalizations=people)
    for address in (BOB, "eve@example.net"):
        source = requests.get(f"{sandbox.base_url}/mailbox/{address}/{sid}/source", timeout=5)
        assert source.headers["Content-Type"].startswith("text/plain")
        assert "eve@" not in source.text
        assert "List-Unsubscribe: <https://omega.example.com/u/abc123>" in source.text


def test_a_click_names_its_link_and_an_open_its_kind(sandbox: Sandbox, omega: Listener) -> None:
    sid = page_mail(sandbox)
    assert act(sandbox, sid, "events", event="click").status_code == 202
    click = wait_for_event(omega, "click")
    assert (click["url"], click["url_offset"]) == (
        "https://omega.example/p/1?a=1&b=2", {"index": 0, "type": "html"},
    )  # fmt: skip
    act(sandbox, sid, "events", event="machine_open")
    assert wait_for_event(omega, "open")["sg_machine_open"] is True
    act(sandbox, sid, "events", event="bounce", reason="550 5.7.1 Go away", status="5.7.1")
    assert wait_for_event(omega, "bounce")["reason"] == "550 5.7.1 Go away"
    assert sandbox.get(f"/mailbox/{BOB}")["suppressed"] == ["bounces"]
    assert sandbox.get(f"/mailbox/{BOB}/{sid}")["status"] == "bounce"


def test_one_click_unsubscribes_as_gmail_does(sandbox: Sandbox, omega: Listener) -> None:
    headers = {
        "List-Unsubscribe": f"<{omega.url}/u/abc?x=1>, <mailto:unsub+abc@in.example.com?subject=stop%20it>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    sid = sandbox.mail(headers=headers)
    answer = act(sandbox, sid, "unsubscribe", by="one_click").json()
    assert answer["webhook"]["status"] == 200
    hook = next(hook for hook in omega.hooks if hook.path == "/u/abc?x=1")
    assert (hook.method, parse_qs(hook.body.decode())) == ("POST", {"List-Unsubscribe": ["One-Click"]})
    assert hook.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Cookie" not in hook.headers
    act(sandbox, sid, "unsubscribe", by="scan")
    assert [hook.method for hook in omega.hooks if hook.path == "/u/abc?x=1"] == ["POST", "GET"]
    act(sandbox, sid, "unsubscribe", by="mailto")
    letter = next(hook for hook in omega.hooks if hook.path == "/omega/email/inbound/sendgrid")
    assert b"To: unsub+abc@in.example.com" in letter.body
    assert b"Subject: stop it" in letter.body


def test_an_unsubscribing_that_is_not_offered_is_refused(sandbox: Sandbox) -> None:
    without = sandbox.mail(headers={})
    assert act(sandbox, without, "unsubscribe").status_code == 422
    no_post = sandbox.mail(headers={"List-Unsubscribe": "<https://omega.example.com/u/1>"})
    assert sandbox.get(f"/mailbox/{BOB}/{no_post}")["unsubscribe"] == {
        "url": "https://omega.example.com/u/1", "mailto": None, "one_click": False,
    }  # fmt: skip
    assert act(sandbox, no_post, "unsubscribe", by="one_click").status_code == 422
    assert act(sandbox, no_post, "unsubscribe", by="magic").status_code == 422


@pytest.mark.parametrize("given", [{"event": "yawn"}, {}, {"event": "open", "sg_event_id": "x"}, {"event": 3}])
def test_an_event_without_sense_is_refused(sandbox: Sandbox, given: dict[str, Any]) -> None:
    answer = act(sandbox, sandbox.mail(), "events", **given)
    assert (answer.status_code, answer.json()["detail"][-1]) == (422, ".")


def test_what_a_client_wrote_lies_there_too(sandbox: Sandbox) -> None:
    sid = sandbox.mail()
    file = {"name": "a.txt", "content_type": "text/plain", "content_base64": base64.b64encode(b"abc").decode()}
    sent = sandbox.writes(in_reply_to=sid, text="Yes", attachments=[file]).json()
    found = sandbox.get(f"/mailbox/{BOB}")["results"]
    assert [(mail["id"], mail["inbound"]) for mail in found] == [(sent["id"], True), (sid, False)]
    mail = sandbox.get(f"/mailbox/{BOB}/{sent['id']}")
    assert (mail["text"], mail["callbacks"][0]["http_status"]) == ("Yes", 200)
    assert dict(mail["headers"])["In-Reply-To"] == "<m-2001@omega.example.com>"
    assert requests.get(sandbox.base_url + mail["files"][0]["url"], timeout=5).content == b"abc"
    assert act(sandbox, sent["id"], "events", event="open").status_code == 422
    requests.delete(f"{sandbox.base_url}/ledger", timeout=5)
    assert sandbox.get("/mailbox") == {"results": [], "total": 0}
