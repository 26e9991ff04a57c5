"""When the queue is long the answer says when the message will go; where it is not, it says nothing."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Business, Sender
from conversations.models import Message
from messaging.models import SenderQueue
from messaging.providers.base import Outcome, SendResult
from messaging.services import backlog
from tests.contract.shapes import assert_keys
from tests.contract.world import a_studio, phone, post, queue
from tests.delivery import world

pytestmark = pytest.mark.django_db
KEYS = {"request_id", "message_id", "conversation_id", "client_id", "status", "segments"}


@pytest.fixture
def studio():
    """A business whose number may send one text a second."""
    made = a_studio()
    Sender.objects.filter(business_id=made.id).update(messages_per_second=1)
    Business.objects.filter(pk=made.id).update(quiet_from="00:00", quiet_until="00:00")
    return made


def seconds_until(text):
    return (datetime.fromisoformat(text) - timezone.now()).total_seconds()


def fill(studio, count, **fields):
    rows = [
        {"channel": "sms", "action": "send", "business_id": studio.id, "to": phone(), "body": "x", **fields}
        for _ in range(count)
    ]
    return post("/messages", rows, studio.key)["results"]


def test_a_short_queue_is_not_spoken_of(studio):
    fill(studio, 5)
    assert_keys(queue(studio).body, KEYS)


def test_a_long_queue_tells_when_the_message_will_go(studio):
    fill(studio, 30)
    got = queue(studio)
    assert_keys(got.body, KEYS | {"expected_at"})
    assert 25 < seconds_until(got["expected_at"]) < 35


def test_each_row_of_a_list_stands_behind_those_before_it(studio):
    known = [fill(studio, 1)[0]["client_id"] for _ in range(40)]
    Message.objects.all().update(status="canceled")
    rows = [
        {"channel": "sms", "action": "send", "business_id": studio.id, "client_id": one, "body": "x"} for one in known
    ]
    answers = post("/messages", rows, studio.key)["results"]
    assert "expected_at" not in answers[5]
    assert 15 < seconds_until(answers[20]["expected_at"]) < 25
    assert 34 < seconds_until(answers[39]["expected_at"]) < 45


def test_who_is_waited_for_does_not_stand_behind_a_bulk_send(studio):
    fill(studio, 30, priority="bulk")
    assert "expected_at" not in queue(studio, priority="high").body
    assert "expected_at" in queue(studio, priority="bulk").body


def test_a_dry_run_says_it_too(studio):
    fill(studio, 30)
    got = queue(studio, dry_run=True)
    assert (got.status, got["would"]) == (200, "send")
    assert seconds_until(got["expected_at"]) > 20


def test_a_repeated_request_gets_the_same_answer(studio):
    fill(studio, 30)
    fields = {"request_id": "visit-7", "to": phone()}
    first = queue(studio, **fields)
    Message.objects.all().update(status="canceled")
    again = queue(studio, **fields)
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"


def test_what_waits_for_its_own_time_is_told_no_other(studio):
    fill(studio, 30)
    later = (timezone.now() + timedelta(days=1)).isoformat()
    assert_keys(queue(studio, scheduled_at=later).body, KEYS)


def test_the_queue_of_a_sender_without_a_rate_goes_by_what_left_it():
    owner = world.business()
    for _ in range(backlog._WORTH_COUNTING + 20):
        world.text(owner, world.client(owner))
    assert backlog.count_queues() == 1
    row = SenderQueue.objects.get()
    assert (row.normal, row.per_second) == (40, None)
    for place, claim in enumerate(world.claim(room=10)):
        world.settle(claim, SendResult(Outcome.ACCEPTED, f"SM{place}"))
    SenderQueue.objects.update(measured_at=timezone.now() - timedelta(seconds=4))
    backlog.count_queues()
    row = SenderQueue.objects.get()
    assert row.normal == 30
    assert 2 < row.per_second < 2.6
    found = backlog.queue_of([0, row.normal, 0], None, row.per_second)
    assert 10 < (found.expected_at(1, timezone.now()) - timezone.now()).total_seconds() < 16
    assert found.expected_at(0, timezone.now()) is None


def test_an_old_count_says_nothing(studio):
    sender = Sender.objects.get(business_id=studio.id)
    Sender.objects.update(messages_per_second=None)
    known = {"sender": sender, "normal": 5000, "per_second": 10}
    SenderQueue.objects.create(**known, measured_at=timezone.now() - timedelta(minutes=1))
    assert_keys(queue(studio).body, KEYS)
    SenderQueue.objects.update(measured_at=timezone.now())
    assert 490 < seconds_until(queue(studio)["expected_at"]) < 510


def test_a_queue_that_nothing_leaves_is_told_no_time():
    assert backlog.queue_of([0, 5000, 0], None, 0.0).expected_at(1, timezone.now()) is None
