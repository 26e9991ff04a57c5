"""A suspended business sends nothing, and loses nothing of what it had queued before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Business
from conversations.models import MessageEvent
from messaging.services import explaining, suspending
from omega_project import health
from tests.contract import world as contract
from tests.delivery import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return world.business()


def suspend(owner: Business) -> bool:
    return suspending.suspend_business(business_id=owner.pk)


def resume(owner: Business, **kept: timedelta) -> int | None:
    return suspending.resume_business(business_id=owner.pk, **kept)


def test_what_was_queued_waits_and_goes_in_its_order(owner):
    ana = world.client(owner)
    first, second = world.text(owner, ana), world.text(owner, ana)
    assert suspend(owner)
    assert not suspend(owner)
    assert world.claim() == []
    assert {world.message(one).status for one in (first, second)} == {"queued"}
    assert resume(owner) == 0
    assert resume(owner) is None
    assert world.claimed_ids() == [first]


def test_another_business_goes_on(owner):
    world.text(owner, world.client(owner))
    suspend(owner)
    other = world.business()
    sent = world.text(other, world.client(other))
    assert world.claimed_ids() == [sent]


def test_what_it_wants_to_send_meanwhile_is_blocked_at_the_door(owner):
    suspend(owner)
    row = world.message(world.text(owner, world.client(owner)))
    assert (row.status, row.error_code) == ("blocked", "business_suspended")


def test_what_was_due_long_ago_is_blocked_and_says_why(owner):
    ana, ben = world.client(owner), world.client(owner)
    stale, fresh = world.text(owner, ana), world.text(owner, ben)
    later = world.text(owner, ben, scheduled_at=timezone.now() + timedelta(days=3))
    suspend(owner)
    world.later(stale, due_at=timedelta(days=2))
    assert resume(owner) == 1
    row = world.message(stale)
    assert (row.status, row.error_code, row.error_message) == ("blocked", "business_suspended", suspending.SENTENCE)
    assert list(MessageEvent.objects.filter(message=row).values_list("from_status", "status", "source")) == [
        ("queued", "blocked", "resume")
    ]
    assert world.claimed_ids() == [fresh]
    assert world.message(later).status == "scheduled"


def test_whoever_resumes_may_drop_all_that_waits(owner):
    waiting = world.text(owner, world.client(owner))
    suspend(owner)
    assert resume(owner, keeps=timedelta(0)) == 1
    assert world.message(waiting).status == "blocked"
    assert world.claim() == []


def test_a_message_that_waits_says_so(owner):
    waiting = world.text(owner, world.client(owner))
    suspend(owner)
    row = {"id": waiting, "created_at": timezone.now(), "direction": "outbound", "provider": "twilio", "channel": "sms"}
    row |= {"status": "queued", "from_address": "", "segments": 1}
    held = explaining.explain(row)["trace"][-1]
    assert (held["step"], held["detail"]) == ("hold", {"reason": "business_suspended"})


def test_what_waits_does_not_alarm(owner):
    world.later(world.text(owner, world.client(owner)), due_at=timedelta(hours=1))
    assert health._oldest_due()["status"] == "error"
    suspend(owner)
    assert health._oldest_due()["status"] == "ok"


def test_it_receives_and_records_all_the_same():
    studio = contract.a_studio()
    suspending.suspend_business(business_id=studio.id)
    number = contract.phone()
    assert contract.reply(studio, number, "Are you open?").status == 200
    (thread,) = contract.conversations(studio)
    assert (thread["unread_count"], thread["client"]["phone"]) == (1, number)
    recorded = contract.record(studio, direction="outbound", to=number, status="sent")
    assert recorded.status == 201
