"""What becomes of a mail: signed event batches, magic addresses, suppression lists, and what goes astray."""

import json
import time
from typing import Any

import pytest
import requests
from sendgrid.helpers.eventwebhook import EventWebhook

from tests.sandbox.listener import Hook, Listener
from tests.sandbox.process import FIXTURES, SENDGRID_KEY, Sandbox

QUICK = {"sent_ms": 5, "delivered_ms": 5}
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
REAL = json.loads((FIXTURES / "sendgrid_events.json").read_text())


def events(hooks: list[Hook]) -> list[dict[str, Any]]:
    return [event for hook in hooks for event in json.loads(hook.body)]


def course(sandbox: Sandbox, omega: Listener, to: str, count: int = 1) -> list[dict[str, Any]]:
    """Send to an address and wait for its events."""
    omega.reset()
    sandbox.mail(to=[to])
    until = time.monotonic() + 5
    while len(events(omega.hooks)) < count and time.monotonic() < until:
        time.sleep(0.02)
    return events(omega.hooks)


@pytest.fixture(autouse=True)
def quick(sandbox: Sandbox) -> None:
    sandbox.faults(callbacks=QUICK)


def test_events_are_signed_over_their_raw_bytes(sandbox: Sandbox, omega: Listener, event_key: tuple[str, str]) -> None:
    sid = sandbox.mail()
    hook = omega.wait_for(1)[0]
    assert hook.path == "/omega/email/webhook/sendgrid"
    assert hook.headers["User-Agent"] == "SendGrid Event API"
    assert hook.headers["Content-Type"] == "application/json;charset=utf-8"
    checker = EventWebhook(event_key[1])
    assert checker.verify_signature(hook.body.decode(), hook.headers[SIGNATURE], hook.headers[TIMESTAMP])
    found = events(omega.hooks)
    assert [event["event"] for event in found] == ["processed", "delivered"]
    assert {event["omega_message_id"] for event in found} == {"m-2001"}
    assert all(event["sg_message_id"].startswith(sid + ".recvd-") for event in found)
    assert hook.body.endswith(b"]\r\n")
    assert b"},\r\n{" in hook.body
    logged = sandbox.ledger()[0]["callbacks"]
    assert [(c["status"], c["email"]) for c in logged] == [
        ("processed", "bob@example.net"), ("delivered", "bob@example.net"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["defer", "bounce", "drop", "spam", "unsubscribe", "group", "opens", "machine"])
def test_event_fields_are_the_fixtures(sandbox: Sandbox, omega: Listener, name: str) -> None:
    for event in course(sandbox, omega, f"{name}@sandbox.test"):
        alike = [other for other in REAL if all(other.get(k) == event.get(k) for k in ("event", "type"))]
        assert alike
        assert set(event) == set(alike[0])


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("bounce@example.net", ["processed", "bounce"]),
        ("Blocked+7@example.net", ["processed", "bounce"]),
        ("dropped@example.net", ["dropped"]),
        ("drop@sandbox.test", ["dropped"]),
        ("invalid@sandbox.test", ["dropped"]),
        ("defer@sandbox.test", ["processed", "deferred", "delivered"]),
        ("full@sandbox.test", ["processed", "deferred", "deferred", "bounce"]),
        ("latebounce@sandbox.test", ["processed", "delivered", "bounce"]),
        ("spam@sandbox.test", ["processed", "delivered", "spamreport"]),
        ("unsubscribe@sandbox.test", ["processed", "delivered", "unsubscribe"]),
        ("group@sandbox.test", ["processed", "delivered", "group_unsubscribe"]),
        ("machine@sandbox.test", ["processed", "open", "delivered"]),
    ],
)
def test_magic_addresses(sandbox: Sandbox, omega: Listener, to: str, says: list[str]) -> None:
    for _ in range(2):  # magic does the same each time
        assert [event["event"] for event in course(sandbox, omega, to, len(says))] == says


def test_bounces_say_their_type_and_a_late_one_no_message_id(sandbox: Sandbox, omega: Listener) -> None:
    assert course(sandbox, omega, "bounce@x.test", 2)[1]["type"] == "bounce"
    assert course(sandbox, omega, "blocked@x.test", 2)[1]["type"] == "blocked"
    late = course(sandbox, omega, "latebounce@x.test", 3)[2]
    assert "sg_message_id" not in late
    assert (late["type"], late["smtp-id"].partition("@")[2]) == ("bounce", "geopod-ismtpd-3>")


def test_every_magic_address_is_listed(sandbox: Sandbox) -> None:
    listed = sandbox.get("/numbers")["addresses"]
    assert {"bounce@sandbox.test", "blocked@sandbox.test", "slow@sandbox.test"} <= {one["address"] for one in listed}
    assert all(one["title"] and one["says"].endswith(".") for one in listed)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        ({"event": "bounce"}, "Bounced Address"),
        ({"event": "spamreport"}, "Spam Reporting Address"),
        ({"event": "unsubscribe"}, "Unsubscribed Address"),
        ({"event": "blocked"}, None),
    ],
)
def test_a_suppressed_address_is_dropped(
    sandbox: Sandbox, omega: Listener, happens: dict[str, str], reason: str | None
) -> None:
    sid = sandbox.mail(to=["Ann@example.net"])
    assert requests.post(f"{sandbox.base_url}/mailbox/ann@example.net/{sid}/events", json=happens, timeout=5).ok
    time.sleep(0.2)
    found = course(sandbox, omega, "ann@example.net")
    if reason is None:
        assert [event["event"] for event in found] == ["processed", "delivered"]
        return
    assert [(event["event"], event["reason"]) for event in found] == [("dropped", reason)]
    passes = {"mail_settings": {"bypass_list_management": {"enable": True}}}
    omega.reset()
    sandbox.mail(to=["ann@example.net"], **passes)
    omega.wait_for(1)
    assert events(omega.hooks)[0]["event"] == "processed"
    requests.delete(f"{sandbox.base_url}/suppressions", timeout=5)
    assert course(sandbox, omega, "ann@example.net")[0]["event"] == "processed"


def test_a_refused_code_fills_the_list_that_sendgrids_api_shows(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(sendgrid={"mode": "reject", "code": 550, "to": ["gone@example.net"]})
    assert course(sandbox, omega, "gone@example.net", 2)[1]["reason"].startswith("550 ")
    url, headers = f"{sandbox.base_url}/v3/suppression/bounces", {"Authorization": f"Bearer {SENDGRID_KEY}"}
    assert [entry["email"] for entry in requests.get(url, headers=headers, timeout=5).json()] == ["gone@example.net"]
    one = f"{url}/gone@example.net"
    assert requests.get(one, headers=headers, timeout=5).json()[0]["status"] == "5.0.0"
    assert requests.delete(one, timeout=5).status_code == 401
    assert [requests.delete(one, headers=headers, timeout=5).status_code for _ in range(2)] == [204, 404]
    assert sandbox.get("/suppressions")["bounces"] == []


def test_a_group_unsubscribe_counts_for_its_group_alone(sandbox: Sandbox, omega: Listener) -> None:
    sid = sandbox.mail(to=["eve@example.net"], asm={"group_id": 7})
    url = f"{sandbox.base_url}/mailbox/eve@example.net/{sid}/events"
    event = requests.post(url, json={"event": "group_unsubscribe"}, timeout=5).json()["event"]
    assert event["asm_group_id"] == 7
    time.sleep(0.3)
    omega.reset()
    sandbox.mail(to=["eve@example.net"], asm={"group_id": 7})
    sandbox.mail(to=["eve@example.net"], asm={"group_id": 8})
    omega.wait_for(1)
    time.sleep(0.2)
    assert sorted(event["event"] for event in events(omega.hooks)) == ["delivered", "dropped", "processed"]


def test_a_batch_that_is_not_taken_comes_again(sandbox: Sandbox, omega: Listener) -> None:
    omega.answers = lambda _hook: (503 if len(omega.hooks) < 2 else 200, "text/plain", "", {})
    sandbox.mail()
    hooks = omega.wait_for(2)
    assert hooks[0].body == hooks[1].body
    time.sleep(0.1)
    assert [c["http_status"] for c in sandbox.ledger()[0]["callbacks"]] == [503, 503, 200, 200]


def test_a_redirect_is_not_followed(sandbox: Sandbox, omega: Listener) -> None:
    omega.answers = lambda _hook: (301, "text/plain", "", {"Location": "/elsewhere"})
    sandbox.mail()
    omega.wait_for(1)
    time.sleep(0.3)
    assert {hook.path for hook in omega.hooks} == {"/omega/email/webhook/sendgrid"}


def test_a_thousand_recipients_come_in_large_batches(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.mail(to=[f"c{n}@example.net" for n in range(1000)])
    until = time.monotonic() + 10
    while len(events(omega.hooks)) < 2000 and time.monotonic() < until:
        time.sleep(0.05)
    sizes = [len(json.loads(hook.body)) for hook in omega.hooks]
    assert (sum(sizes), max(sizes) <= 1000, len(sizes) < 12) == (2000, True, True)
    assert len({event["sg_event_id"] for event in events(omega.hooks)}) == 2000
    assert max(len(hook.body) for hook in omega.hooks) < 800 * 1024


def test_doubled_shuffled_early_and_lost(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.faults(callbacks=QUICK | {"duplicate": True, "shuffle": True})
    sandbox.mail()
    omega.wait_for(1)
    found = events(omega.hooks)
    assert [event["event"] for event in found] == ["delivered", "delivered", "processed", "processed"]
    assert len({event["sg_event_id"] for event in found}) == 2
    omega.reset()
    sandbox.faults(callbacks={"before_response": True})
    sandbox.mail()
    assert len(omega.hooks) == 1
    omega.reset()
    sandbox.faults(callbacks=QUICK | {"drop": 1})
    sandbox.mail()
    time.sleep(0.3)
    assert omega.hooks == []
    sandbox.faults(callbacks=QUICK | {"delay_ms": 600})
    sandbox.mail()
    time.sleep(0.4)
    assert omega.hooks == []
    omega.wait_for(1)


def test_a_sent_at_is_waited_for(sandbox: Sandbox, omega: Listener) -> None:
    sandbox.mail(send_at=int(time.time()) + 2)
    omega.wait_for(1)
    assert [event["event"] for event in events(omega.hooks)] == ["processed"]
    omega.wait_for(2)
    assert events(omega.hooks)[1]["event"] == "delivered"
