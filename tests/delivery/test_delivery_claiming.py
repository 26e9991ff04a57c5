"""Which due messages go now: order, fairness, rate, quiet hours and consent, decided by the claim."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from messaging.providers.base import Outcome, SendResult
from messaging.services import claiming, consent, delivery
from omega_project.lib import jobs
from omega_project.lib import sql as raw
from tests.delivery import world

pytestmark = pytest.mark.django_db
TAKEN = SendResult(Outcome.ACCEPTED, "SM1")
BUSY = SendResult(Outcome.NOT_TAKEN, code="20429")


def test_one_message_of_a_client_goes_at_a_time_and_in_order():
    owner = world.business()
    ana = world.client(owner)
    first, second = world.text(owner, ana), world.text(owner, ana)
    (claim,) = world.claim()
    assert claim.message_id == first
    assert world.claim() == []
    world.settle(claim, TAKEN)
    assert world.claimed_ids() == [second]


def test_a_message_that_waits_for_its_retry_holds_the_next_back_for_five_minutes_at_most():
    owner = world.business()
    ana = world.client(owner)
    first, second = world.text(owner, ana), world.text(owner, ana)
    world.settle(world.claim()[0], BUSY)
    assert world.claimed_ids() == []
    world.later(first, hold_until=timedelta(seconds=301))
    assert world.claimed_ids() == [second]


def test_other_clients_do_not_wait_for_a_client_whose_message_waits():
    owner = world.business()
    ana, ben = world.client(owner), world.client(owner)
    world.text(owner, ana)
    world.settle(world.claim()[0], BUSY)
    assert world.claimed_ids() == []
    assert world.text(owner, ben) in world.claimed_ids()


def test_a_person_who_waits_goes_before_a_bulk_send():
    owner = world.business()
    bulk = [world.text(owner, world.client(owner), priority="bulk") for _ in range(5)]
    high = world.text(owner, world.client(owner), priority="high")
    assert world.claimed_ids(room=1) == [high]
    assert set(world.claimed_ids()) == set(bulk)


def test_no_business_takes_more_than_its_share_of_a_claim():
    big, small = world.business(), world.business()
    for _ in range(20):
        world.text(big, world.client(big))
    single = world.text(small, world.client(small))
    ids = world.claimed_ids(room=10)
    assert single in ids
    assert len(ids) == 6


def test_a_business_that_fills_its_slots_gets_no_more():
    owner = world.business()
    world.text(owner, world.client(owner))
    assert world.claim(in_flight={owner.pk: 7}, most=7) == []


def test_a_sender_keeps_to_its_rate():
    owner = world.business()
    owner.senders.update(messages_per_second=3)
    for _ in range(10):
        world.text(owner, world.client(owner))
    assert len(world.claim()) == 3
    assert world.claim() == []
    world.sql("UPDATE messaging_senderbudget SET refilled_at = refilled_at - interval '700 ms'")
    assert len(world.claim()) == 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_claim_the_same_message():
    owner = world.business()
    wanted = {world.text(owner, world.client(owner)) for _ in range(60)}
    found: list[int] = []

    def work() -> None:
        try:
            for _ in range(12):
                found.extend(one.message_id for one in world.claim(room=5))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    [one.start() for one in threads]
    [one.join() for one in threads]
    found += world.claimed_ids()
    assert sorted(found) == sorted(wanted)


def test_an_opt_out_after_queueing_blocks_at_the_claim():
    owner = world.business()
    ana = world.client(owner)
    waiting = world.text(owner, ana)
    raw.in_transaction(
        lambda: consent.change_consent(
            business_id=owner.pk, channel="sms", address=ana.phone, state="opted_out", source="staff", evidence={}
        )
    )
    assert world.claim() == []
    row = world.message(waiting)
    assert (row.status, row.error_code, row.attempts) == ("blocked", "opted_out", 0)


def test_a_blocked_client_gets_nothing():
    owner = world.business()
    ana = world.client(owner)
    waiting = world.text(owner, ana)
    type(ana).objects.filter(pk=ana.pk).update(is_blocked=True)
    assert world.claim() == []
    assert world.message(waiting).status == "blocked"


def test_bulk_that_runs_into_quiet_hours_waits_for_their_end_and_holds_nobody():
    owner = world.business(timezone="UTC")
    ana = world.client(owner)
    bulk = world.text(owner, ana, priority="bulk")
    now = timezone.now()
    quiet = {"quiet_from": (now - timedelta(hours=1)).time(), "quiet_until": (now + timedelta(hours=1)).time()}
    type(owner).objects.filter(pk=owner.pk).update(**quiet)
    reply = world.text(owner, ana, priority="high")
    assert world.claimed_ids() == [] or world.claimed_ids() == [reply]
    row = world.message(bulk)
    assert row.status == "queued"
    assert row.attempts == 0
    assert row.due_at > now + timedelta(minutes=50)


def test_a_scheduled_message_joins_the_queue_behind_what_was_queued_before():
    owner = world.business()
    ana = world.client(owner)
    scheduled = world.text(owner, ana, scheduled_at=timezone.now() + timedelta(hours=1))
    now = world.text(owner, ana)
    assert world.message(scheduled).status == "scheduled"
    world.later(scheduled, due_at=timedelta(hours=2))
    (claim,) = world.claim()
    assert claim.message_id == now
    world.settle(claim, TAKEN)
    assert world.claimed_ids() == [scheduled]


@pytest.mark.django_db(transaction=True)
def test_a_claim_costs_the_same_few_statements_for_one_message_and_for_fifty():
    owner = world.business()
    counts = []
    for number in (1, 50):
        for _ in range(number):
            world.text(owner, world.client(owner))
        counts.append(statements_of_a_claim(number))
    assert counts[0] == counts[1] <= 4


def statements_of_a_claim(number: int) -> int:
    seen: list[str] = []
    with connection.execute_wrapper(lambda run, q, *rest: (seen.append(q), run(q, *rest))[1]):
        assert len(world.claim()) == number
    return len(seen)


def test_a_claim_lease_outlives_the_longest_call():
    owner = world.business()
    world.text(owner, world.client(owner))
    row = world.message(world.claim()[0].message_id)
    assert (row.lease_until - timezone.now()).total_seconds() > 10
    assert claiming.LEASE_SECONDS <= 15


@pytest.mark.parametrize(("rests", "expected"), [(False, 1), (True, 5)])
def test_a_slice_is_followed_at_once_where_redis_took_no_hint_for_the_next(monkeypatch, rests, expected):
    slices = []
    monkeypatch.setattr(delivery, "drain", lambda: slices.append(1) or delivery.Drain(2).run(0.0))
    monkeypatch.setattr(jobs._line, "resting_until", time.monotonic() + 60 if rests else 0.0)
    delivery.dispatch()
    assert len(slices) == expected
