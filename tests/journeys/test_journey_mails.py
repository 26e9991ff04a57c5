"""Mail out, end to end: what stands in the carrier's ledger and what omega says of it, whatever goes wrong between."""

import base64
import collections
import hashlib

import pytest
import requests

from messaging.services import mail_rules
from tests.journeys.scene import mailbox

# A fault, where it ends, the error's code, and how many entries the ledger has of it.
MISHAPS = {
    "429": ({"mode": "429", "count": 1, "retry_after": 1}, "delivered", None, 1),
    "500": ({"mode": "500", "count": 1}, "delivered", None, 1),
    "502_in_html": ({"mode": "502", "count": 1}, "delivered", None, 1),
    "503": ({"mode": "503", "count": 1}, "delivered", None, 1),
    "garbage": ({"mode": "garbage", "count": 1}, "delivered", None, 1),
    "garbage_but_accepted": ({"mode": "garbage", "count": 1, "accepted": True}, "delivered", None, 1),
    "empty": ({"mode": "empty", "count": 1}, "delivered", None, 1),
    "accepted_then_cut": ({"mode": "accept_then_cut", "count": 1}, "delivered", None, 1),
    "cut": ({"mode": "cut", "count": 1}, "delivered", None, 1),
    "timeout": ({"mode": "timeout", "count": 1}, "delivered", None, 1),
    "slow_beyond_patience": ({"mode": "slow", "count": 1, "slow_ms": 20_000}, "delivered", None, 1),
    "refused": ({"mode": "reject", "code": 400, "count": 1}, "failed", "400", 0),
    "no_key": ({"mode": "401", "count": 1}, "failed", "401", 0),
    "not_verified": ({"mode": "reject", "code": 403, "count": 1}, "failed", "403", 0),
    "too_large": ({"mode": "reject", "code": 413, "count": 1}, "failed", "413", 0),
    "no_such_mailbox": ({"mode": "reject", "code": 550, "count": 1}, "undelivered", None, 1),
}


def _well(running):
    """A mail that goes: the account works, so that a row of mishaps does not shut it."""
    assert running.end_of(running.mail(mailbox(), "between two mishaps"), 20) == "delivered"


@pytest.fixture(scope="module")
def sent(running):
    """One mail for each mishap, all of them on their way at the same time."""
    running.heal()
    running.carrier("DELETE", "/ledger")
    found = {}
    for name, (fault, *_) in MISHAPS.items():
        address = mailbox()
        running.faults(sendgrid=fault | {"to": [address]})
        found[name] = running.mail(address, f"mishap {name}") | {"to": address}
        spent = running.until(lambda: running.carrier("GET", "/faults")["sendgrid"]["count"] == 0, 10)
        assert spent, f"{name}: the carrier was never asked"
        _well(running)
    running.heal()
    return found


@pytest.mark.parametrize("name", MISHAPS)
def test_a_mail_survives_the_mishap(running, sent, name):
    _, end, code, entries = MISHAPS[name]
    one = sent[name]
    status = running.end_of(one, 60)
    shown = running.message(one)
    assert status == end, (shown["error"], shown["trace"], shown["history"])
    assert len(running.mails(one["to"])) == entries
    if end != "delivered":
        assert len(shown["error"]["message"]) > 10
    assert code in {None, (shown["error"] or {}).get("code")}


@pytest.mark.parametrize("name", ["refused", "no_key", "not_verified", "too_large"])
def test_what_is_refused_is_tried_once_and_says_why(running, sent, name):
    running.end_of(sent[name], 60)
    shown = running.message(sent[name])
    assert shown["attempts"] == 1
    assert shown["error"]["message"].endswith(".") or ":" in shown["error"]["message"]


def test_a_mail_reaches_the_ledger_once_with_all_that_is_in_it(scene):
    address, plan = mailbox(), b"%PDF-1.4 " + bytes(range(256)) * 40
    file = {
        "name": "Übersicht.pdf",
        "content_type": "application/pdf",
        "content_base64": base64.b64encode(plan).decode(),
    }
    sent = scene.mail(
        address, "Kurse im März ☀", text=None, html="<p>Hi <b>Ana</b></p>", cc=["bo@journey.example"],
        headers={"X-Campaign": "spring"}, attachments=[file],
    )  # fmt: skip
    assert scene.end_of(sent) == "delivered"
    [entry] = scene.mails(address)
    shown = scene.message(sent)
    assert shown["provider_message_id"] == entry["id"]
    assert (entry["subject"], entry["text"], entry["html"]) == ("Kurse im März ☀", "Hi Ana", "<p>Hi <b>Ana</b></p>")
    assert (entry["recipients"], entry["from_name"]) == ([address, "bo@journey.example"], "Lotus Day Spa")
    assert entry["headers"]["X-Campaign"] == "spring"
    assert entry["headers"]["Auto-Submitted"] == "auto-generated"
    assert entry["reply_to"].startswith("reply+")
    assert entry["custom_args"] == {"omega_message_id": str(sent["message_id"]), "omega_attempt": "1"}
    [kept] = entry["attachments"]
    assert (kept["name"], kept["sha256"]) == ("Übersicht.pdf", hashlib.sha256(plan).hexdigest())
    assert requests.get(shown["media"][0]["url"], timeout=5).content == plan


def test_a_person_s_mail_is_not_called_automatic(scene):
    staff = scene.get(f"/businesses/{scene.business_id}/staffs")["results"][0]["id"]
    address = mailbox()
    scene.end_of(scene.mail(address, staff_id=staff))
    assert "Auto-Submitted" not in scene.mails(address)[0]["headers"]


def test_an_answer_stands_in_the_thread_of_what_it_answers(scene):
    address = mailbox()
    first = scene.mail(address, "Nine or ten?")
    scene.end_of(first)
    second = scene.mail(address, None, in_reply_to=first["message_id"])
    scene.end_of(second)
    third = scene.mail(address, None, in_reply_to=second["message_id"])
    scene.end_of(third)
    one, two, three = scene.mails(address)
    assert [one["subject"], two["subject"], three["subject"]] == ["Nine or ten?", *["Re: Nine or ten?"] * 2]
    assert "In-Reply-To" not in one["headers"]
    assert two["headers"]["In-Reply-To"] == two["headers"]["References"] == one["headers"]["Message-ID"]
    assert three["headers"]["In-Reply-To"] == two["headers"]["Message-ID"]
    assert three["headers"]["References"] == f"{one['headers']['Message-ID']} {two['headers']['Message-ID']}"


def test_thirty_mails_to_one_client_leave_in_their_order(scene):
    address = mailbox()
    scene.faults(sendgrid={"latency_ms": 20})
    words = [f"number {n}" for n in range(30)]
    sent = [scene.mail(address, one) for one in words]
    assert set(scene.ends_of(sent, 40).values()) == {"delivered"}
    assert [one["subject"] for one in scene.mails(address)] == words


@pytest.mark.parametrize("mode", ["429", "500", "accept_then_cut"])
def test_a_mail_in_trouble_holds_the_next_ones_of_its_client_back(scene, mode):
    address = mailbox()
    scene.faults(sendgrid={"mode": mode, "count": 1, "retry_after": 1, "to": [address]})
    words = [f"{mode} {n}" for n in range(3)]
    sent = [scene.mail(address, one) for one in words]
    assert set(scene.ends_of(sent, 50).values()) == {"delivered"}
    assert [one["subject"] for one in scene.mails(address)] == words


def test_a_mail_in_trouble_holds_no_text_back(scene):
    from_both = mailbox()
    scene.faults(sendgrid={"mode": "timeout", "to": [from_both]})
    mail = scene.mail(from_both)
    text = scene.send("+12135550177", "a text")
    assert scene.end_of(text) == "delivered"
    assert scene.was_not_held_back(text, mail)


def test_an_outcome_that_nobody_knows_twice_stays_for_a_person(scene):
    address = mailbox()
    scene.faults(sendgrid={"mode": "500", "to": [address]})
    sent = scene.mail(address)
    done = scene.until(lambda: "Only a person" in ((scene.message(sent)["error"] or {}).get("message") or ""), 40, 0.5)
    assert done, scene.message(sent)
    shown = scene.message(sent)
    assert (shown["status"], shown["attempts"]) == ("unknown", 2)
    scene.heal()
    got = scene.post(f"/businesses/{scene.business_id}/messages/retry", {"message_ids": [sent["message_id"]]}).json()
    assert got["skipped"] == [{"id": sent["message_id"], "reason": "outcome_unknown"}]
    scene.post(f"/businesses/{scene.business_id}/messages/retry", {"message_ids": [sent["message_id"]], "force": True})
    assert scene.end_of(sent) == "delivered"
    assert len(scene.mails(address)) == 1


def test_nothing_leaves_after_an_unsubscribe_though_it_was_queued_before(scene):
    address = mailbox()
    scene.faults(sendgrid={"latency_ms": 400})
    first = scene.mail(address, "number 0", priority="bulk", scheduled_at="2020-01-01T00:00:00Z")
    scene.until(lambda: scene.status(first) in {"sent", "delivered", "scheduled"})
    if scene.status(first) == "scheduled":
        pytest.skip("it is quiet hours at the demo's clients")
    sent = [scene.mail(address, f"number {n}") for n in range(1, 30)]
    link = scene.mails(address)[0]["headers"]["List-Unsubscribe"].strip("<>")
    done = requests.post(link, data={"List-Unsubscribe": "One-Click"}, timeout=5, allow_redirects=False)
    assert done.status_code == 200
    gone = len(scene.mails(address))
    assert gone < 29
    ends = scene.ends_of(sent, 20)
    # The one that the carrier was being given at that moment is beyond recall.
    assert len(scene.mails(address)) <= gone + 1
    assert set(ends.values()) <= {"delivered", "blocked"}, ends


def test_workers_killed_in_the_middle_of_mails_lose_and_double_nothing(scene):
    scene.faults(sendgrid={"mode": "slow", "slow_ms": 400})
    sent = [scene.mail(mailbox(), f"crash {n}") for n in range(60)]
    scene.until(lambda: len(scene.mails()) > 10, 10, every=0.02)
    scene.omega.kill("worker-1")
    scene.omega.kill("worker-2")
    scene.heal()
    scene.omega.start("worker-1", "worker-2")
    ends = scene.ends_of(sent, 58)
    assert set(ends.values()) == {"delivered"}, collections.Counter(ends.values())
    count = collections.Counter(one["subject"] for one in scene.mails() if one["subject"].startswith("crash"))
    assert (len(count), set(count.values())) == (60, {1}), count.most_common(3)


def test_a_mail_waits_for_a_client_s_picture_that_is_passed_on(scene):
    number, address, picture = "+12135550188", mailbox(), b"\x89PNG\r\n\x1a\n" + bytes(600)
    texted = scene.send(number, "Show me")
    media = "data:image/png;base64," + base64.b64encode(picture).decode()
    scene.text(number, "Here", media=[media])
    item = scene.until(lambda: [one for one in scene.timeline(texted)[-1]["media"] if one["size"]])[0]
    sent = scene.mail(address, attachments=[{"url": item["url"], "name": "mat.png"}])
    assert scene.end_of(sent) == "delivered"
    [kept] = scene.mails(address)[0]["attachments"]
    assert (kept["name"], kept["content_type"], kept["sha256"]) == (
        "mat.png", "image/png", hashlib.sha256(picture).hexdigest(),
    )  # fmt: skip


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/secret", "http://169.254.169.254/latest/meta-data", "http://[::1]/x"]
)
def test_a_file_inside_the_network_is_not_fetched_and_the_mail_fails_with_a_sentence(scene, url):
    address = mailbox()
    sent = scene.mail(address, attachments=[{"url": url}])
    assert scene.end_of(sent) == "failed"
    shown = scene.message(sent)
    assert shown["error"]["code"] == "attachment"
    assert "private network" in shown["error"]["message"]
    assert scene.mails(address) == []


def test_a_mail_of_nearly_thirty_megabytes_goes_by_files_of_our_own(scene):
    assert mail_rules.MOST_BYTES == 30_000_000
    address, large = mailbox(), base64.b64encode(bytes(5_000_000)).decode()
    first = scene.mail(address, attachments=[{"name": "a.bin", "content_base64": large}])
    assert scene.end_of(first) == "delivered"
    link = scene.message(first)["media"][0]["url"]
    fits = scene.mail(address, attachments=[{"url": link, "name": f"{n}.bin"} for n in range(4)])
    assert scene.end_of(fits, 30) == "delivered"
    assert [one["size"] for one in scene.mails(address)[1]["attachments"]] == [5_000_000] * 4
    too_large = scene.mail(address, attachments=[{"url": link, "name": f"{n}.bin"} for n in range(5)])
    assert scene.end_of(too_large, 30) == "failed"
    assert "larger than" in scene.message(too_large)["error"]["message"]


def test_a_mailbox_that_bounces_is_seen_on_the_message_and_gets_no_more(scene):
    address = f"bounce+{mailbox()}"
    sent = scene.mail(address)
    assert scene.end_of(sent) == "undelivered"
    assert "550 5.1.1" in scene.message(sent)["error"]["message"]
    assert scene.until(lambda: scene.mail(address)["status"] == "blocked")
