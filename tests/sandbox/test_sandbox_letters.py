"""What a client writes: the inbound-parse post of both modes, answers with their quotes, odd bytes, retries."""

import base64
import json
import time
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
import requests

from tests.sandbox.listener import Hook, Listener
from tests.sandbox.process import FIXTURES, Sandbox


def parse(raw: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(raw)  # type: ignore[return-value]


def parts(hook: Hook) -> dict[str, EmailMessage]:
    message = parse(b"Content-Type: " + hook.headers["Content-Type"].encode() + b"\r\n\r\n" + hook.body)
    return {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}


def raw_mail(hook: Hook) -> EmailMessage:
    return parse(parts(hook)["email"].get_payload(decode=True))


def letter(sandbox: Sandbox, **fields: Any) -> requests.Response:
    body = {
        "from": "Bob <bob@example.net>",
        "to": "reply+c1@in.example.com",
        "subject": "Re: x",
        "text": "Ça va ☀",
    }
    return sandbox.writes(**body | fields)


def file(name: str, data: bytes, content_type: str = "application/pdf", **more: str) -> dict[str, str]:
    return {"name": name, "content_type": content_type, "content_base64": base64.b64encode(data).decode()} | more


def parts_of_fixture() -> set[str]:
    body = (FIXTURES / "inbound_parse.multipart").read_bytes()
    return set(parts(Hook("POST", "/", {"Content-Type": "multipart/form-data; boundary=xYzZY"}, body)))


def test_a_clients_mail_is_posted_as_sendgrid_does(sandbox: Sandbox, omega: Listener) -> None:
    files = [file("dot.png", b"\x89PNG", "image/png", content_id="ii_1"), file("Résumé 1.pdf", b"%PDF\x00")]
    answer = letter(sandbox, html='<p>Ça va <img src="cid:ii_1"></p>', in_reply_to="<m-1@omega>", attachments=files)
    assert answer.json()["webhook"]["status"] == 200
    hook = omega.hooks[0]
    assert hook.path == "/omega/email/inbound/sendgrid"
    assert hook.headers["Authorization"] == "Basic " + base64.b64encode(b"mail:pass word").decode()
    assert hook.headers["Content-Type"] == (FIXTURES / "inbound_parse.content-type").read_text().strip()
    assert hook.headers["User-Agent"] == "Sendlib/1.0"
    found = parts(hook)
    assert set(found) == parts_of_fixture()
    assert b'name="text"\r\n\r\n' in hook.body
    assert found["text"].get_payload(decode=True).decode() == "Ça va ☀"
    assert found["attachment2"].get_payload(decode=True) == b"%PDF\x00"
    assert json.loads(found["content-ids"].get_payload()) == {"ii_1": "attachment1"}
    assert json.loads(found["envelope"].get_payload()) == {"to": ["reply+c1@in.example.com"], "from": "bob@example.net"}
    assert "In-Reply-To: <m-1@omega>" in found["headers"].get_payload()


def test_raw_mode_carries_the_whole_mail(sandbox: Sandbox, omega: Listener) -> None:
    files = [file("dot.png", b"\x89PNG", "image/png", content_id="ii_1"), file("a.pdf", b"%PDF\xff")]
    letter(sandbox, mode="raw", html="<p>Ça</p>", headers={"Auto-Submitted": "auto-replied"}, attachments=files)
    mail = raw_mail(omega.hooks[0])
    assert (mail["Auto-Submitted"], mail.get_body(("plain",)).get_content().strip()) == ("auto-replied", "Ça va ☀")
    assert mail["Received"].startswith("from mail-wm1-f42.google.com")
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/pdf",
    ]  # fmt: skip
    assert [part.get_content() for part in mail.iter_attachments()] == [b"%PDF\xff"]
    letter(sandbox, raw=True)
    assert "email" in parts(omega.hooks[1])


@pytest.mark.parametrize("mode", ["parsed", "raw"])
def test_another_charset(sandbox: Sandbox, omega: Listener, mode: str) -> None:
    letter(sandbox, mode=mode, charset="iso-8859-1", text="Ça marche, à bientôt", html="<p>Ça</p>")
    found = parts(omega.hooks[0])
    if mode == "raw":
        plain = raw_mail(omega.hooks[0]).get_body(("plain",))
        assert (plain.get_content_charset(), plain["Content-Transfer-Encoding"]) == ("iso-8859-1", "8bit")
        assert "Ça marche, à bientôt".encode("latin-1") in omega.hooks[0].body
    else:
        assert found["text"].get_payload(decode=True) == "Ça marche, à bientôt".encode("latin-1")
        assert json.loads(found["charsets"].get_payload())["text"] == "iso-8859-1"
    assert letter(sandbox, charset="iso-8859-1", text="☀").status_code == 422


@pytest.mark.parametrize("mode", ["parsed", "raw"])
@pytest.mark.parametrize("name", ["../../x", "..", "", 'a"b;c.txt', "Résumé ☀.pdf", "a" * 300])
def test_odd_names(sandbox: Sandbox, omega: Listener, mode: str, name: str) -> None:
    assert letter(sandbox, mode=mode, attachments=[file(name, b"\x00\r\n--xYzZY?\xff")]).status_code == 200
    if mode == "raw":
        (kept,) = raw_mail(omega.hooks[0]).iter_attachments()
        assert (kept.get_filename() or "", kept.get_content()) == (name, b"\x00\r\n--xYzZY?\xff")
    else:
        assert f'filename="{name.replace(chr(34), chr(39))}"'.encode() in omega.hooks[0].body
        assert parts(omega.hooks[0])["attachment1"].get_payload(decode=True) == b"\x00\r\n--xYzZY?\xff"


def test_twenty_five_megabytes(sandbox: Sandbox, omega: Listener) -> None:
    data = bytes(range(256)) * 4096 * 25
    assert letter(sandbox, attachments=[file("film.mov", data, "video/quicktime")]).json()["webhook"]["status"] == 200
    assert data in omega.hooks[0].body


def test_an_answer_to_a_mail_of_the_ledger(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"drop": 1})
    sid = sandbox.mail(headers={"Message-ID": "<m-2@omega>", "References": "<m-0@omega> <m-1@omega>"})
    for name in (sid, "<m-2@omega>"):
        sandbox.writes(in_reply_to=name, text="Tuesday is fine")
    for hook in omega.hooks:
        found = parts(hook)
        assert found["to"].get_payload().strip() == "reply+c1001.6f1c2a9b@in.example.com"
        assert found["from"].get_payload().strip() == "Bob <bob@example.net>"
        assert found["subject"].get_payload().strip() == "Re: Your appointment"
        assert "In-Reply-To: <m-2@omega>" in found["headers"].get_payload()
        assert "References: <m-0@omega> <m-1@omega> <m-2@omega>" in found["headers"].get_payload()
    sandbox.writes(in_reply_to=sid, to="else@in.example.com", text="x", subject="Fwd: y")
    assert parts(omega.hooks[2])["to"].get_payload().strip() == "else@in.example.com"


def test_sendgrid_may_write_its_own_message_id(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks={"drop": 1}, own_message_id=True)
    sid = sandbox.mail()
    sandbox.writes(in_reply_to=sid, text="x")
    assert f"In-Reply-To: <{sid}@geopod-ismtpd-3>" in parts(omega.hooks[0])["headers"].get_payload()


@pytest.mark.parametrize(
    ("convention", "text", "html", "header"),
    [
        ("gmail", "wrote:\n\n> Can you do Tuesday?", "gmail_quote", None),
        ("outlook", "_" * 32 + "\nFrom: Omega Support <reply+c1001", "divRplyFwdMsg", "Accept-Language"),
        ("apple", "> On ", '<blockquote type="cite">', "X-Mailer"),
        ("plain", "wrote:\n\n> Can you do Tuesday?", None, None),
    ],
)
def test_answers_in_each_programs_own_way(
    sandbox: Sandbox, omega: Listener, convention: str, text: str, html: str | None, header: str | None
) -> None:
    sandbox.faults(callbacks={"drop": 1})
    asked = {"in_reply_to": sandbox.mail(), "convention": convention, "mode": "raw", "text": "Yes <3"}
    assert sandbox.writes(**asked, quote=True).status_code == 200
    assert sandbox.writes(**asked).status_code == 200
    quoted, bare = (raw_mail(hook) for hook in omega.hooks)
    words = quoted.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert words.startswith("Yes <3\n\n")
    assert text in words
    assert bare.get_body(("plain",)).get_content().strip() == "Yes <3"
    markup = quoted.get_body(("html",))
    assert (markup is None) is (html is None)
    if html:
        assert "Yes &lt;3" in markup.get_content()
        assert html in markup.get_content()
        assert "<p>Can you do Tuesday?</p>" in markup.get_content()
    assert header is None or quoted[header]


def test_a_whole_mail_as_it_is(sandbox: Sandbox, omega: Listener) -> None:
    raw = b"From: bob@example.net\r\nSubject: =?bad?=\r\n\r\n\xff\xfe broken"
    letter(sandbox, mode="raw", mime_base64=base64.b64encode(raw).decode(), envelope_from="")
    found = parts(omega.hooks[0])
    assert raw in omega.hooks[0].body
    assert json.loads(found["envelope"].get_payload())["from"] == ""


def test_trouble_is_tried_again_and_a_refusal_is_not(sandbox: Sandbox, omega: Listener) -> None:
    omega.answers = lambda _hook: (503 if len(omega.hooks) < 2 else 200, "text/plain", "", {})
    sent = letter(sandbox).json()
    assert sent["webhook"]["status"] == 503
    first, second = omega.wait_for(2)
    assert first.body == second.body
    time.sleep(0.1)
    kept = sandbox.get(f"/mailbox/bob@example.net/{sent['id']}")
    assert [one["http_status"] for one in kept["callbacks"]] == [503, 200]
    omega.reset()
    omega.answers = lambda _hook: (302, "text/plain", "", {"Location": "/elsewhere"})
    assert letter(sandbox).json()["webhook"]["status"] == 302
    time.sleep(0.8)
    assert len(omega.hooks) == 1


def test_copies_at_once_and_no_wait(sandbox: Sandbox, omega: Listener) -> None:
    answers = letter(sandbox, copies=5).json()["webhooks"]
    assert [answer["status"] for answer in answers] == [200] * 5
    assert len({hook.body for hook in omega.hooks}) == 1
    assert letter(sandbox, wait=False).status_code == 202
    omega.wait_for(6)
    assert letter(sandbox, url="http://127.0.0.1:1/").json()["webhook"]["status"] is None


@pytest.mark.parametrize(
    "change",
    [{"from": "x"}, {"to": ""}, {"subject": "a\nb"}, {"in_reply_to": "nosuch"}, {"attachments": [{}]},
     {"headers": {"Subject": "twice"}}, {"colour": 1}, {"mode": "cooked"}, {"charset": "klingon"}, {"copies": 0},
     {"convention": "pine"}, {"quote": True}, {"mime_base64": "eA=="}, {"attachments": 3},
     {"attachments": [{"name": "x", "content_base64": "eA==", "content_type": "x"}]}],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(sandbox: Sandbox, omega: Listener, change: dict[str, Any]) -> None:
    answer = letter(sandbox, **change)
    assert (answer.status_code, answer.json()["detail"][-1]) == (422, ".")
    assert omega.hooks == []
