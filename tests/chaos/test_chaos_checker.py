"""Each check finds the planted breach of its promise, and nothing where all was kept."""

from datetime import UTC, datetime, timedelta

import pytest

from chaos.checker import CHECKS, verdict
from chaos.evidence import Evidence
from chaos.journal import Heard, Said

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLIENT, NUMBER, MAILBOX = "+14155550101", "+12125550100", "client14155550101@example.net"


def a_message(number, **fields):
    return {
        "id": number, "business_id": 1, "conversation_id": 1, "client_id": 1, "request_id": f"chaos-{number}",
        "channel": "sms", "direction": "outbound", "status": "delivered", "body": f"chaos {number}",
        "to_address": CLIENT, "from_address": NUMBER, "provider_message_id": f"SM{number}", "position": number,
        "hold_until": None, "lease_until": None, "attempts": 1, "error_code": "", "error_message": "",
        "created_at": NOON + timedelta(minutes=number), "is_read": True, "sender_id": 1, "staff_id": None,
    } | fields  # fmt: skip


def a_row_of_the_ledger(number, **fields):
    return {
        "provider": "twilio", "body": f"chaos {number}", "to": CLIENT, "status": "delivered",
        "at": f"2026-03-01T12:{number:02}:00.000Z",
        "callbacks": [{"http_status": 204, "at": f"2026-03-01T12:{number:02}:01.000Z"}],
    } | fields  # fmt: skip


def sent(number, **fields):
    return Said(
        "send", f"chaos-{number}", 1, CLIENT, f"chaos {number}", status=202, began=number, at=number + 0.5, **fields
    )


def kept():
    """A run in which every promise was kept."""
    inbound = {"direction": "inbound", "status": "received"}
    return Evidence(
        said=[
            sent(1), sent(2), Said("send", "chaos-3", 1, CLIENT, "chaos 3", status=503), sent(4, channel="email"),
            Said("note", "chaos-note-5", 1, "", "a note", "note", status=201),
            Said("assign", "", 1, "", "", status=200, conversation_id=1, staff_id=7, began=6, at=6.5),
            Said("assign", "", 1, "", "", status=200, conversation_id=1, staff_id=None, began=7, at=7.5),
            Said("read", "", 1, "", "", status=200, conversation_id=1, message_ids=(9,)),
        ],
        heard=[
            Heard(CLIENT, NUMBER, "hello", 1.0, "SMin", copies=2),
            Heard(MAILBOX, "studio@example.com", "mail 1", 2.0, kind="mail"),
            Heard(CLIENT, NUMBER, "STOP", 100.0, "SMstop"),
        ],
        ledger=[
            a_row_of_the_ledger(1), a_row_of_the_ledger(2),
            a_row_of_the_ledger(4, provider="sendgrid", to=MAILBOX),
        ],
        calls_placed=[
            {"id": "CA1", "from": CLIENT, "to": NUMBER, "direction": "inbound", "requests": [{"http_status": 200}],
             "legs": []},
            {"id": "CA2", "from": CLIENT, "to": NUMBER, "direction": "inbound", "requests": [{"http_status": 503}],
             "legs": []},
        ],
        messages=[
            a_message(1), a_message(2), a_message(4, channel="email", to_address=MAILBOX),
            a_message(5, channel="note", direction="internal", status="received", request_id="chaos-note-5"),
            a_message(9, provider_message_id="SMin", body="hello", is_read=False, **inbound),
            a_message(10, provider_message_id=None, body="mail 1", channel="email", **inbound),
            a_message(11, provider_message_id="CA1", body="Incoming call", channel="voice", **inbound),
            a_message(12, provider_message_id="SMstop", body="STOP", is_read=False, **inbound),
            a_message(13, provider_message_id=None, channel="activity", **inbound | {"direction": "internal"}),
        ],
        conversations=[
            {"id": 1, "business_id": 1, "client_id": 1, "unread_count": 1, "message_count": 9, "last_message_id": 12,
             "channels": ["sms", "email", "voice"], "assigned_to_id": None, "merged_into_id": None},
        ],
        reads=[{"message_id": 9}],
        events=[
            {"message_id": 1, "from_status": "sending", "status": "queued", "detail": "", "at": NOON},
            {"message_id": 1, "from_status": "sending", "status": "sent", "detail": "", "at": NOON},
            {"message_id": 1, "from_status": "sent", "status": "delivered", "detail": "", "at": NOON},
        ],
        clients=[
            {"id": 1, "business_id": 1, "phone": CLIENT, "email": MAILBOX},
            {"id": 2, "business_id": 2, "phone": CLIENT, "email": ""},
        ],
        senders=[
            {"id": 1, "business_id": 1, "address": NUMBER}, {"id": 2, "business_id": 2, "address": "+12125550200"},
            {"id": 3, "business_id": 1, "address": "studio@example.com"},
        ],
        staff=[{"id": 7, "business_id": 1}, {"id": 8, "business_id": 2}],
        changes=[
            {"id": 1, "business_id": 1, "channel": "sms", "address": CLIENT, "state": "opted_out", "source": "keyword",
             "at": NOON, "committed_at": NOON + timedelta(seconds=2)},
        ],
        consents=[{"business_id": 1, "channel": "sms", "address": CLIENT, "state": "opted_out"}],
        attempts=[
            # Claimed between the STOP's beginning and its commit: nobody could know of it.
            {"message_id": 1, "number": 1, "outcome": "accepted", "code": "", "started_at": NOON + timedelta(seconds=1),
             "finished_at": NOON},
        ],
        assignments=[{"id": 1, "conversation_id": 1, "staff_id": 7}, {"id": 2, "conversation_id": 1, "staff_id": None}],
        calls=[{"sid": "CA1", "business_id": 1, "message_id": 11}],
        before={"accounts_client": {1: "as it was"}},
        after={"accounts_client": {1: "as it was"}},
    )  # fmt: skip


def row_of(run, number):
    return next(row for row in run.messages if row["id"] == number)


def without(run, number):
    run.messages.remove(row_of(run, number))


def twice(run, number, **fields):
    run.messages.append(row_of(run, number) | {"id": 90, "request_id": "other"} | fields)


# ---- lost


def a_send_vanishes(run):
    without(run, 1)


def a_note_vanishes(run):
    without(run, 5)


def a_send_stands_still(run):
    row_of(run, 1)["status"] = "queued"


def a_text_is_left_unknown(run):
    row_of(run, 1)["status"] = "unknown"


def a_send_claims_to_be_sent(run):
    run.ledger.pop(0)


def a_receipt_is_never_fetched(run):
    row_of(run, 1)["status"] = "sent"


def a_sent_one_is_called_failed(run):
    row_of(run, 1)["status"] = "failed"


def a_text_is_lost(run):
    without(run, 9)


def a_mail_is_lost(run):
    without(run, 10)


def a_call_is_lost(run):
    run.calls.clear()


def an_assignment_is_lost(run):
    run.conversations[0]["assigned_to_id"] = 7
    run.assignments.pop()


# ---- doubled


def a_send_goes_twice(run):
    run.ledger.append(run.ledger[0])


def a_mail_goes_three_times_in_silence(run):
    run.ledger += [run.ledger[2] | {"callbacks": []}] * 2


def a_mail_goes_twice_though_it_was_told_of(run):
    run.ledger.insert(3, run.ledger[2] | {"at": "2026-03-01T12:05:00.000Z"})


def a_request_makes_two(run):
    twice(run, 1, request_id="chaos-1")


def a_text_comes_in_twice(run):
    twice(run, 9)


def a_mail_comes_in_twice(run):
    twice(run, 10)


def a_call_is_told_twice(run):
    twice(run, 11)


def a_canceled_one_goes(run):
    run.said[0].kind = "canceled"


# ---- the others


def the_second_leaves_first(run):
    run.ledger[0], run.ledger[1] = run.ledger[1], run.ledger[0]


def a_held_one_is_passed_too_early(run):
    row_of(run, 1)["hold_until"] = NOON + timedelta(minutes=5)
    the_second_leaves_first(run)


def a_status_goes_back(run):
    run.events.append({"message_id": 1, "from_status": "delivered", "status": "sent", "detail": "", "at": NOON})


def an_end_is_swapped(run):
    run.events.append({"message_id": 1, "from_status": "delivered", "status": "failed", "detail": "", "at": NOON})


def a_stop_is_ignored(run):
    run.attempts[0]["started_at"] = NOON + timedelta(seconds=3)


def a_refused_try_after_a_stop(run):
    run.attempts[0] |= {"started_at": NOON + timedelta(seconds=3), "outcome": "failed", "code": "21610"}


def a_stop_is_not_understood(run):
    run.consents[0]["state"] = "opted_in"


def a_client_is_doubled(run):
    run.clients.append({"id": 3, "business_id": 1, "phone": CLIENT, "email": ""})


def a_mailbox_has_two_clients(run):
    run.clients.append({"id": 3, "business_id": 1, "phone": "", "email": MAILBOX})


def a_conversation_is_doubled(run):
    row_of(run, 2)["conversation_id"] = 2
    run.conversations[0] |= {"message_count": 8}
    other = {"id": 2, "message_count": 1, "unread_count": 0, "channels": ["sms"], "last_message_id": 2}
    run.conversations.append(run.conversations[0] | other)


def unread_is_wrong(run):
    run.conversations[0]["unread_count"] = 2


def the_count_is_wrong(run):
    run.conversations[0]["message_count"] = 8


def the_last_message_is_wrong(run):
    run.conversations[0]["last_message_id"] = 11


def the_channels_are_wrong(run):
    run.conversations[0]["channels"] = ["sms"]


def a_read_mark_is_lost(run):
    run.reads.clear()
    run.conversations[0]["unread_count"] = 2


def a_send_stands_in_another_business(run):
    twice(run, 1, request_id="chaos-1", business_id=2, conversation_id=9, client_id=2, sender_id=2)


def a_text_stands_in_another_business(run):
    row_of(run, 9)["business_id"] = 2


def a_message_has_a_foreign_sender(run):
    row_of(run, 1)["sender_id"] = 2


def a_bystander_is_touched(run):
    run.after["accounts_client"][1] = "changed"


def a_door_is_open(run):
    run.trespassed.append("GET …/messages by the key of business 2: 200")


def an_answer_is_strange(run):
    run.strange.append("POST /sms/queue: 500")


def the_doctor_finds_something(run):
    run.doctor.append("counters: 1 wrong")


PLANTED = {
    "lost": [
        a_send_vanishes, a_note_vanishes, a_send_stands_still, a_text_is_left_unknown, a_send_claims_to_be_sent,
        a_receipt_is_never_fetched, a_sent_one_is_called_failed, a_text_is_lost, a_mail_is_lost, a_call_is_lost,
        an_assignment_is_lost,
    ],
    "doubled": [
        a_send_goes_twice, a_mail_goes_three_times_in_silence, a_mail_goes_twice_though_it_was_told_of,
        a_request_makes_two, a_text_comes_in_twice, a_mail_comes_in_twice, a_call_is_told_twice, a_canceled_one_goes,
    ],
    "out of order": [the_second_leaves_first, a_held_one_is_passed_too_early],
    "status gone backwards": [a_status_goes_back, an_end_is_swapped],
    "sent after opt-out": [a_stop_is_ignored, a_refused_try_after_a_stop, a_stop_is_not_understood],
    "conversation doubled": [a_client_is_doubled, a_mailbox_has_two_clients, a_conversation_is_doubled],
    "unread or last message wrong": [
        unread_is_wrong, the_count_is_wrong, the_last_message_is_wrong, the_channels_are_wrong, a_read_mark_is_lost,
    ],
    "another tenant's row touched": [
        a_send_stands_in_another_business, a_text_stands_in_another_business, a_message_has_a_foreign_sender,
        a_bystander_is_touched, a_door_is_open,
    ],
    "strange answers": [an_answer_is_strange],
    "what the doctor finds": [the_doctor_finds_something],
}  # fmt: skip


def test_a_run_in_which_all_was_kept_is_well():
    assert not [line for broken in verdict(kept()).values() for line in broken]


@pytest.mark.parametrize(
    ("promise", "breach"),
    [(name, one) for name, ways in PLANTED.items() for one in ways],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_breach_is_found_by_its_own_check(promise, breach):
    run = kept()
    breach(run)
    broken = verdict(run)
    assert broken[promise], broken


def test_every_check_has_a_planted_breach():
    assert set(PLANTED) == set(CHECKS)


# ---- what is no breach


def test_one_that_held_the_next_for_its_full_time_may_be_passed():
    run = kept()
    row_of(run, 1)["hold_until"] = NOON
    the_second_leaves_first(run)
    assert not verdict(run)["out of order"]


def test_two_calls_at_one_time_have_no_order():
    run = kept()
    run.said[1].began = 1.2
    the_second_leaves_first(run)
    assert not verdict(run)["out of order"]


def test_a_mail_that_nobody_told_of_may_go_once_more():
    run = kept()
    run.ledger.insert(2, run.ledger[2] | {"callbacks": []})
    assert not verdict(run)["doubled"]


def test_a_mail_of_which_the_word_came_too_late_may_go_once_more():
    run = kept()
    run.ledger.append(a_row_of_the_ledger(5, body="chaos 4", provider="sendgrid", to=MAILBOX))
    assert verdict(run)["doubled"]
    run.ledger[2]["callbacks"][0]["at"] = "2026-03-01T12:04:55.000Z"
    assert not verdict(run)["doubled"]


def test_an_undelivered_text_that_a_person_tries_again_may_go_once_more():
    run = kept()
    run.events.append({"message_id": 1, "from_status": "undelivered", "status": "queued",
                       "detail": "tried again by hand", "at": NOON})  # fmt: skip
    run.ledger.append(run.ledger[0])
    assert not verdict(run)["doubled"]
    assert not verdict(run)["status gone backwards"]


def test_an_undelivered_text_that_is_tried_again_may_be_blocked_then():
    run = kept()
    row_of(run, 1)["status"], run.ledger[0]["status"] = "blocked", "undelivered"
    assert verdict(run)["lost"]
    run.events.append({"message_id": 1, "from_status": "undelivered", "status": "queued",
                       "detail": "tried again by hand", "at": NOON})  # fmt: skip
    assert not verdict(run)["lost"]


def test_a_mail_that_is_left_to_a_person_is_not_lost():
    run = kept()
    row_of(run, 4)["status"] = "unknown"
    assert not verdict(run)["lost"]
    row_of(run, 4)["lease_until"] = NOON
    assert verdict(run)["lost"]
