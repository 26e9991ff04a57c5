"""A carrier that misbehaves: each text ends where it should, and none stands in the ledger twice."""

import pytest

from tests.journeys.scene import phone

# A name, what the carrier does to the first request, the end, the error's code, how often the ledger has it.
MISHAPS = {
    "too_many": ({"mode": "429", "count": 1}, "delivered", None, 1),
    "server_error": ({"mode": "500", "count": 1}, "delivered", None, 1),
    "garbage": ({"mode": "garbage", "count": 1}, "delivered", None, 1),
    "garbage_but_accepted": ({"mode": "garbage", "count": 1, "accepted": True}, "delivered", None, 1),
    "empty": ({"mode": "empty", "count": 1}, "delivered", None, 1),
    "accepted_then_cut": ({"mode": "accept_then_cut", "count": 1}, "delivered", None, 1),
    "cut": ({"mode": "cut", "count": 1}, "delivered", None, 1),
    "timeout": ({"mode": "timeout", "count": 1}, "delivered", None, 1),
    "slow_beyond_patience": ({"mode": "slow", "count": 1, "slow_ms": 20_000}, "delivered", None, 1),
    "no_such_number": ({"mode": "reject", "code": 21211, "count": 1}, "failed", "21211", 0),
    "opted_out_there": ({"mode": "reject", "code": 21610, "count": 1}, "failed", "21610", 0),
    "unreachable": ({"mode": "reject", "code": 30003, "count": 1}, "undelivered", "30003", 1),
}


def _well(running):
    """A text that goes: the account works, so that a row of mishaps does not shut it."""
    assert running.end_of(running.send(phone(), "between two mishaps"), 20) == "delivered"


@pytest.fixture(scope="module")
def sent(running):
    """One text for each mishap, all of them on their way at the same time."""
    running.heal()
    running.carrier("DELETE", "/ledger")
    found = {}
    for name, (fault, *_) in MISHAPS.items():
        number = phone()
        running.faults(twilio=fault | {"to": [number]})
        found[name] = running.send(number, f"mishap {name}") | {"to": number}
        spent = running.until(lambda: running.carrier("GET", "/faults")["twilio"]["count"] == 0, 10)
        assert spent, f"{name}: the carrier was never asked"
        _well(running)
    running.heal()
    return found


@pytest.mark.parametrize("name", MISHAPS)
def test_a_text_survives_the_mishap(running, sent, name):
    _, end, code, entries = MISHAPS[name]
    one = sent[name]
    status = running.end_of(one, 45)
    shown = running.message(one)
    assert status == end, (shown["error"], shown["trace"], shown["history"])
    assert len(running.ledger(one["to"])) == entries
    assert (shown["error"] or {}).get("code") == code
    if code:
        assert len(shown["error"]["message"]) > 10


def test_a_permanent_fault_is_tried_once(running, sent):
    running.end_of(sent["no_such_number"], 45)
    assert running.message(sent["no_such_number"])["attempts"] == 1


def test_the_carriers_opt_out_is_an_opt_out_here(running, sent):
    running.end_of(sent["opted_out_there"], 45)
    assert running.send(sent["opted_out_there"]["to"], "again")["status"] == "blocked"


def test_a_retry_by_hand_sends_no_delivered_text_again(running, sent):
    delivered = [one for name, one in sent.items() if MISHAPS[name][1] == "delivered"]
    for one in delivered:
        running.end_of(one, 45)
    before = len(running.ledger())
    ids = [one["message_id"] for one in delivered]
    got = running.post(f"/businesses/{running.business_id}/messages/retry", {"message_ids": ids, "force": True}).json()
    assert got["retried"] == [], got
    assert len(running.ledger()) == before


@pytest.mark.parametrize("mode", ["429", "500", "accept_then_cut"])
def test_a_text_in_trouble_holds_the_next_ones_of_its_client_back(scene, mode):
    number = phone()
    scene.faults(twilio={"mode": mode, "count": 1, "to": [number]})
    words = [f"{mode} {n}" for n in range(4)]
    texts = [scene.send(number, one) for one in words]
    assert set(scene.ends_of(texts, 40).values()) == {"delivered"}
    assert [one["body"] for one in scene.ledger(number)] == words


def test_nothing_leaves_after_a_stop_though_it_was_queued_before(scene):
    number = phone()
    scene.faults(twilio={"latency_ms": 400})
    texts = [scene.send(number, f"before the stop {n}") for n in range(30)]
    scene.until(lambda: len(scene.ledger(number)) >= 3, every=0.02)
    scene.text(number, "STOP")
    gone = len(scene.ledger(number))
    assert gone < 29
    ends = scene.ends_of(texts, 20)
    # The one that the carrier was being given at that moment is beyond recall; the carrier may refuse it by itself.
    assert len(scene.ledger(number)) <= gone + 1
    assert set(ends.values()) <= {"delivered", "blocked", "failed"}, ends
    assert list(ends.values()).count("failed") <= 1


def test_one_clients_trouble_holds_nobody_else_back(scene):
    stuck, other = phone(), phone()
    scene.faults(twilio={"mode": "timeout", "to": [stuck]})
    held = scene.send(stuck, "never answered")
    sent = scene.send(other, "someone else")
    assert scene.end_of(sent) == "delivered"
    assert scene.was_not_held_back(sent, held)
