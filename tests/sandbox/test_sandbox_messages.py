"""The Messages resource through the real SDK: create, get, list, change, delete, refusals."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from tests.sandbox.process import ACCOUNT, FIXTURES, KEY, TOKEN, Sandbox

US, CLIENT = "+15017122661", "+15558675310"


@pytest.fixture(autouse=True)
def no_callbacks(sandbox: Sandbox) -> None:
    sandbox.faults(callbacks={"drop": 1})


def shape(value: object) -> object:
    """Names and types, which is what the wire contract is about."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return type(value).__name__


def test_create_answers_as_the_real_one(sandbox: Sandbox) -> None:
    answer = sandbox.post(To=CLIENT, From=US, Body="Hello from omega")
    real = json.loads((FIXTURES / "twilio_message_201_queued.json").read_text())
    ours = answer.json()
    assert answer.status_code == 201
    assert shape(ours) == shape(real)
    vary = {"sid", "uri", "subresource_uris", "date_created", "date_updated"}
    assert {k: v for k, v in ours.items() if k not in vary} == {k: v for k, v in real.items() if k not in vary}
    assert list(ours) == list(real)


def test_a_messaging_service_is_accepted_without_a_sender(sandbox: Sandbox) -> None:
    real = json.loads((FIXTURES / "twilio_message_201_accepted_mg.json").read_text())
    ours = sandbox.post(To=CLIENT, MessagingServiceSid=real["messaging_service_sid"], Body="Hello from omega").json()
    assert (ours["status"], ours["from"], ours["num_segments"]) == ("accepted", None, "0")
    assert shape(ours) == shape(real)


def test_the_sdk_creates_and_reads(sandbox: Sandbox) -> None:
    client = sandbox.client()
    made = client.messages.create(to=CLIENT, from_=US, body="Hi ☀")
    read = client.messages(made.sid).fetch()
    assert (read.body, read.to, read.direction, read.num_media) == ("Hi ☀", CLIENT, "outbound-api", "0")
    assert abs(read.date_created - datetime.now(UTC)) < timedelta(seconds=5)


def test_an_api_key_opens_the_account_and_a_wrong_one_does_not(sandbox: Sandbox) -> None:
    form = {"To": CLIENT, "From": US, "Body": "x"}
    assert requests.post(sandbox.messages_url, data=form, auth=KEY, timeout=5).status_code == 201
    refused = requests.post(sandbox.messages_url, data=form, auth=(ACCOUNT, "wrong"), timeout=5)
    assert refused.status_code == 401
    assert refused.json() == json.loads((FIXTURES / "twilio_errors.json").read_text())["20003"]


def test_a_registered_subaccount_has_its_own_token(sandbox: Sandbox) -> None:
    sub = "AC" + "5" * 32
    requests.put(f"{sandbox.base_url}/accounts/{sub}", json={"auth_token": "sub"}, timeout=5)
    url, form = sandbox.messages_url.replace(ACCOUNT, sub), {"To": CLIENT, "From": US, "Body": "x"}
    assert requests.post(url, data=form, auth=(sub, "sub"), timeout=5).json()["account_sid"] == sub
    assert requests.post(url, data=form, auth=(ACCOUNT, TOKEN), timeout=5).status_code == 201
    assert requests.post(sandbox.messages_url, data=form, auth=(sub, "sub"), timeout=5).status_code == 401


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": "", "From": US, "Body": "x"}, 21604),
        ({"To": "12", "From": US, "Body": "x"}, 21211),
        ({"To": "+15005550001", "From": US, "Body": "x"}, 21211),
        ({"To": "+15005550002", "From": US, "Body": "x"}, 21612),
        ({"To": "+15005550003", "From": US, "Body": "x"}, 21408),
        ({"To": "+15005550004", "From": US, "Body": "x"}, 21610),
        ({"To": "+15005550009", "From": US, "Body": "x"}, 21614),
        ({"To": CLIENT, "Body": "x"}, 21603),
        ({"To": CLIENT, "From": "!!", "Body": "x"}, 21212),
        ({"To": CLIENT, "From": "+15005550007", "Body": "x"}, 21606),
        ({"To": CLIENT, "From": US}, 21602),
        ({"To": CLIENT, "From": US, "Body": "x" * 1601}, 21617),
        ({"To": CLIENT, "From": US, "Body": "x", "StatusCallback": "http://omega_web/x"}, 21609),
        ({"To": CLIENT, "From": US, "Body": "x", "StatusCallback": "nonsense"}, 21609),
        ({"To": CLIENT, "From": US, "MediaUrl": ["http://h/x"] * 11}, 21623),
        ({"To": CLIENT, "MessagingServiceSid": "MGx", "Body": "x"}, 21701),
    ],
)
def test_refusals_have_twilios_bodies(sandbox: Sandbox, form: dict[str, Any], code: int) -> None:
    answer = sandbox.post(**form)
    body = answer.json()
    assert (body["code"], body["status"], body["status"]) == (code, answer.status_code, 400)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert sandbox.ledger() == []


@pytest.mark.parametrize("code", ["21211", "21617", "20404"])
def test_error_bodies_are_the_fixtures(sandbox: Sandbox, code: str) -> None:
    real = json.loads((FIXTURES / "twilio_errors.json").read_text())[code]
    if code == "20404":
        url = sandbox.messages_url.replace(".json", "/SM0.json")
        assert requests.get(url, auth=(ACCOUNT, TOKEN), timeout=5).json() == real
        return
    to, body = ("+15005550001", "x") if code == "21211" else (CLIENT, "x" * 1601)
    assert sandbox.post(To=to, From=US, Body=body).json() == real


def test_the_sdk_raises_with_the_code(sandbox: Sandbox) -> None:
    with pytest.raises(TwilioRestException) as caught:
        sandbox.client().messages.create(to="+15005550001", from_=US, body="x")
    assert (caught.value.code, caught.value.status) == (21211, 400)


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ż" * 70, 1),
        ("ż" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("x" * 152 + "€" + "x" * 152, 3),
        ("x" * 306, 2),
        ("x" * 307, 3),
    ],
)
def test_segments(sandbox: Sandbox, body: str, segments: int) -> None:
    assert sandbox.post(To=CLIENT, From=US, Body=body).json()["num_segments"] == str(segments)


def test_media_are_counted_and_listed(sandbox: Sandbox) -> None:
    urls = [f"https://example.com/{n}.png" for n in range(10)]
    made = sandbox.client().messages.create(to=CLIENT, from_=US, media_url=urls)
    assert (made.num_media, made.sid[:2]) == ("10", "MM")
    assert len(sandbox.client().messages(made.sid).media.list()) == 10
    assert sandbox.ledger()[0]["media"] == urls


def test_the_sdk_walks_all_pages(sandbox: Sandbox) -> None:
    made = [sandbox.post(To=CLIENT, From=US, Body=f"n {n}").json()["sid"] for n in range(23)]
    sandbox.post(To="+15557654321", From=US, Body="to another")
    listed = [message.sid for message in sandbox.client().messages.stream(to=CLIENT, page_size=5)]
    assert listed == made[::-1]
    page = sandbox.client().messages.page(from_=US, page_size=10)
    second = page.next_page()
    assert [len(list(page)), len(list(second))] == [10, 10]
    first_again = second.previous_page()
    assert next(first_again).body == "to another"


def test_the_list_filters_by_time(sandbox: Sandbox) -> None:
    sandbox.post(To=CLIENT, From=US, Body="now")
    now, client = datetime.now(UTC), sandbox.client()
    assert len(client.messages.list(to=CLIENT, date_sent_after=now - timedelta(minutes=1))) == 1
    assert client.messages.list(to=CLIENT, date_sent_after=now + timedelta(minutes=1)) == []
    assert client.messages.list(from_=US, date_sent_before=now - timedelta(minutes=1)) == []
    assert len(client.messages.list(date_sent_before=now + timedelta(minutes=1))) == 1
    assert len(client.messages.list(date_sent=now.date())) == 1


def test_the_list_has_what_handsets_sent(sandbox: Sandbox) -> None:
    sent = sandbox.texts(**{"from": CLIENT, "to": US, "body": "missed", "webhook": False}).json()
    found = sandbox.client().messages.list(to=US)
    assert [(m.sid, m.direction, m.status, m.body) for m in found] == [(sent["sid"], "inbound", "received", "missed")]


def test_redact_and_delete_leave_the_evidence(sandbox: Sandbox) -> None:
    client = sandbox.client()
    sid = client.messages.create(to=CLIENT, from_=US, body="secret").sid
    assert client.messages(sid).update(body="").body == ""
    assert client.messages(sid).delete()
    with pytest.raises(TwilioRestException, match="not found"):
        client.messages(sid).fetch()
    assert client.messages.list(to=CLIENT) == []
    assert [entry["body"] for entry in sandbox.ledger()] == ["secret"]


def test_a_scheduled_text_can_be_canceled(sandbox: Sandbox) -> None:
    client, at = sandbox.client(), datetime.now(UTC) + timedelta(hours=1)
    made = client.messages.create(
        to=CLIENT, messaging_service_sid="MG" + "0" * 32, body="later", schedule_type="fixed", send_at=at
    )
    assert made.status == "scheduled"
    assert client.messages(made.sid).update(status="canceled").status == "canceled"
