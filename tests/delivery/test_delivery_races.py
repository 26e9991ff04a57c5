"""Races with one winner: consent and the claim, first messages, locks, deadlocks, and clocks that disagree."""

import random
import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Client
from conversations.models import Conversation, Message
from messaging.services import claiming, consent, retrying
from omega_project.lib import sql
from tests.contract import world as contract
from tests.contract.shapes import assert_error
from tests.delivery import world


def opt_out(owner, address):
    sql.in_transaction(
        lambda: consent.change_consent(
            business_id=owner.pk, channel="sms", address=address, state="opted_out", source="keyword", evidence={}
        )
    )


@pytest.mark.django_db(transaction=True)
def test_an_opt_out_that_commits_before_the_claim_lets_nothing_go_in_a_thousand_trials():
    """Each trial is a race: the claim comes the moment the opt-out has committed, or while it is on its way."""
    owner, chance = world.business(), random.Random(1)
    clients = [world.client(owner) for _ in range(1000)]
    texts = [world.text(owner, one) for one in clients]
    together, committed = threading.Barrier(2), [threading.Event() for _ in clients]

    def stops() -> None:
        try:
            for trial, one in enumerate(clients):
                together.wait(30)
                time.sleep(chance.random() * 0.006 if trial % 2 else 0)
                opt_out(owner, one.phone)
                committed[trial].set()
        finally:
            connection.close()

    other = threading.Thread(target=stops)
    other.start()
    late, sent = [], set()
    for trial in range(1000):
        together.wait(30)
        before = committed[trial].is_set() if trial % 2 else committed[trial].wait(30)
        claims = {one.message_id for one in world.claim(room=1)}
        assert claims <= {texts[trial]}
        sent |= claims
        late += claims if before else ()
    other.join()
    assert late == []
    assert 0 < len(sent) <= 500, "the claims never met an opt-out: this test has lost its point"
    assert set(Message.objects.filter(status="blocked").values_list("pk", flat=True)) == set(texts) - sent


@pytest.mark.django_db(transaction=True)
def test_a_thousand_first_messages_from_one_number_at_once_are_one_client_and_one_conversation():
    studio = contract.a_studio()
    number = contract.phone()

    def texts(place):
        return [contract.reply(studio, number, f"{place} {n}").status for n in range(50)]

    answers = contract.at_once(20, texts)
    assert {status for some in answers for status in some} == {200}
    assert Client.objects.filter(business_id=studio.id, phone=number).count() == 1
    thread = Conversation.objects.get(business_id=studio.id)
    assert (thread.message_count, thread.unread_count) == (1000, 1000)
    assert thread.last_message_id == Message.objects.order_by("created_at", "id").last().pk


@pytest.mark.django_db(transaction=True)
def test_a_lock_on_one_conversation_is_a_503_there_and_nothing_elsewhere():
    studio = contract.a_studio()
    held, free = contract.phone(), contract.phone()
    for number in (held, free):
        assert contract.queue(studio, to=number).status == 202
    thread = Conversation.objects.get(client__phone=held)
    locked, leave = threading.Event(), threading.Event()

    def holds() -> None:
        try:
            with transaction.atomic():
                Conversation.objects.select_for_update().get(pk=thread.pk)
                locked.set()
                leave.wait(30)
        finally:
            connection.close()

    other = threading.Thread(target=holds)
    other.start()
    try:
        assert locked.wait(10)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '300ms'")
        answer = contract.queue(studio, to=held)
        assert_error(answer, 503, "unavailable")
        assert answer.headers["Retry-After"]
        assert contract.queue(studio, to=free).status == 202
    finally:
        leave.set()
        other.join()
        connection.close()
    assert contract.queue(studio, to=held).status == 202


@pytest.mark.django_db(transaction=True)
def test_two_that_lock_each_other_out_are_both_done_in_the_end():
    owner = world.business()
    rows = [world.client(owner).pk for _ in range(2)]
    both = threading.Barrier(2)
    tries: list[int] = []

    def work(order: list[int]) -> None:
        def crosses() -> None:
            tries.append(1)
            Client.objects.filter(pk=order[0]).update(first_name="first")
            if len(tries) <= 2:
                both.wait(10)
            Client.objects.filter(pk=order[1]).update(last_name="last")

        try:
            sql.in_transaction(crosses)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (rows, rows[::-1])]
    [one.start() for one in threads]
    [one.join() for one in threads]
    assert len(tries) >= 3, "nobody was locked out: this test has lost its point"
    assert set(Client.objects.filter(pk__in=rows).values_list("first_name", "last_name")) == {("first", "last")}


@pytest.mark.django_db(transaction=True)
def test_retries_of_one_message_by_many_at_one_instant_are_one_send():
    owner = world.business()
    texts = [world.text(owner, world.client(owner)) for _ in range(10)]
    Message.objects.update(status="failed", error_retryable=True)

    def retries(place: int) -> list[int]:
        return retrying.retry_failed(retrying.Wanted(message_ids=texts, source=f"caller {place}")).retried

    found = [one for some in contract.at_once(8, retries) for one in some]
    assert sorted(found) == sorted(texts)
    assert set(Message.objects.values_list("attempts_allowed", flat=True)) == {6}
    assert sorted(one.message_id for one in world.claim()) == sorted(texts)


@pytest.mark.django_db
@pytest.mark.parametrize("skew", [timedelta(hours=1), timedelta(hours=-1), timedelta(minutes=-10)])
def test_a_workers_clock_decides_nothing(skew):
    owner = world.business()
    ana = world.client(owner)
    now = timezone.now()
    first = world.text(owner, ana)
    later = world.text(owner, world.client(owner), scheduled_at=now + timedelta(minutes=30))
    with time_machine.travel(now + skew, tick=True):
        second = world.text(owner, ana)
        claims = world.claim()
        claiming.promote_scheduled()
    assert [one.message_id for one in claims] == [first]
    lease = world.message(first).lease_until - timezone.now()
    assert timedelta(0) < lease <= timedelta(seconds=claiming.LEASE_SECONDS)
    assert world.message(later).status == "scheduled"
    assert world.message(first).position < world.message(second).position


@pytest.mark.django_db(transaction=True)
def test_a_senders_rate_is_kept_by_all_workers_together():
    owner = world.business()
    owner.senders.update(messages_per_second=3)
    for _ in range(40):
        world.text(owner, world.client(owner))
    began = timezone.now()
    claimed = contract.at_once(4, lambda place: sum(len(world.claim(room=10)) for _ in range(5)))
    seconds = (timezone.now() - began).total_seconds()
    assert 3 <= sum(claimed) <= 3 + 3 * seconds
