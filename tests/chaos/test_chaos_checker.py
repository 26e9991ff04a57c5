"""Each checker finds the planted breach of its promise, and nothing where all was kept."""

from datetime import UTC, datetime, timedelta

import pytest

from chaos.checker import CHECKS, Evidence, verdict
from chaos.journal import Heard, Said

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_message(number, **fields):
    return {
        "id": number, "business_id": 1, "client_id": 1, "request_id": f"chaos-{number}", "direction": "outbound",
        "status": "delivered", "body": f"chaos {number}", "to_address": "+1", "provider_message_id": f"SM{number}",
        "position": number, "hold_until": None, "attempts": 1, "attempts_allowed": 6, "error_message": "",
    } | fields  # fmt: skip


def kept():
    """A run in which every promise was kept."""
    heard = Heard("+1", "+2", "hello", 0.0, "SMin")
    said = [Said("send", f"chaos-{n}", 1, "+1", f"chaos {n}", 202, {"message_id": n}) for n in (1, 2)]
    inbound = a_message(9, direction="inbound", status="received", provider_message_id="SMin", body="hello")
    return Evidence(
        said=[*said, Said("send", "chaos-3", 1, "+1", "chaos 3", 503)],
        heard=[heard],
        ledger=[{"body": f"chaos {n}", "to": "+1"} for n in (1, 2)],
        messages=[a_message(1), a_message(2), inbound],
        events=[
            {"message_id": 1, "from_status": "sending", "status": "queued"},
            {"message_id": 1, "from_status": "sending", "status": "sent"},
            {"message_id": 1, "from_status": "sent", "status": "delivered"},
        ],
        clients=[{"id": 1, "business_id": 1, "phone": "+1"}, {"id": 2, "business_id": 2, "phone": "+1"}],
        changes=[{"id": 1, "business_id": 1, "address": "+1", "state": "opted_out", "at": NOON}],
        attempts=[{"message_id": 1, "outcome": "accepted", "started_at": NOON - timedelta(seconds=1)}],
    )


def vanish(run):
    run.messages.pop(0)


def stand_still(run):
    run.messages[0]["status"] = "queued"


def claim_to_be_sent(run):
    run.ledger.pop(0)


def lose_a_text(run):
    run.messages.pop()


def send_twice(run):
    run.ledger.append(run.ledger[0])


def take_a_text_twice(run):
    run.messages.append(run.messages[-1] | {"id": 10, "request_id": "other"})


def send_a_canceled_one(run):
    run.said[0].kind = "canceled"


def swap(run):
    run.ledger.reverse()


def go_back(run):
    run.events.append({"message_id": 1, "from_status": "delivered", "status": "sent"})


def ignore_a_stop(run):
    run.attempts[0]["started_at"] = NOON + timedelta(seconds=1)


def double_the_client(run):
    run.clients.append({"id": 3, "business_id": 1, "phone": "+1"})


def cross(run):
    run.messages.append(a_message(11, request_id="chaos-1", business_id=2))


def be_strange(run):
    run.strange.append("POST /sms/queue: 500")


def miscount(run):
    run.doctor.append("counters: 1 wrong")


PLANTED = {
    vanish: "lost", stand_still: "lost", claim_to_be_sent: "lost", lose_a_text: "lost",
    send_twice: "doubled", take_a_text_twice: "doubled", send_a_canceled_one: "doubled",
    swap: "out of order", go_back: "status gone backwards", ignore_a_stop: "sent after opt-out",
    double_the_client: "conversation doubled", cross: "another tenant's row", be_strange: "strange answers",
    miscount: "unread, last message, sums",
}  # fmt: skip


def test_a_run_in_which_all_was_kept_is_well():
    assert not any(verdict(kept()).values())


@pytest.mark.parametrize("breach", PLANTED, ids=lambda breach: breach.__name__)
def test_a_breach_is_found_by_its_own_check(breach):
    run = kept()
    breach(run)
    broken = verdict(run)
    assert broken[PLANTED[breach]], broken


def test_every_check_has_a_planted_breach():
    assert set(PLANTED.values()) == set(CHECKS)


def test_one_that_waited_for_a_retry_may_be_passed_by():
    run = kept()
    run.messages[0] |= {"attempts": 3, "hold_until": NOON}
    run.messages[1] |= {"attempts": 2, "hold_until": NOON}
    run.ledger.reverse()
    assert not verdict(run)["out of order"]
