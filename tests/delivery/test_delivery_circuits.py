"""Circuit breakers: an account that fails again and again is left alone, and its messages wait in their order."""

from datetime import timedelta
from itertools import count

import pytest
from django.utils import timezone

from accounts.models import ProviderAccount
from conversations.models import Message
from messaging.models import Attempt, Circuit
from messaging.providers.base import Outcome, SendResult
from messaging.services import carriers, circuits, settling
from omega_project.lib import sealing
from tests.delivery import world

pytestmark = pytest.mark.django_db
_sids = count(1)
FAULTS = {
    "no connection": SendResult(Outcome.NOT_TAKEN, code="connect", detail="refused"),
    "429": SendResult(Outcome.NOT_TAKEN, code="20429", http_status=429),
    "500": SendResult(Outcome.UNKNOWN, code="500", http_status=500),
    "credentials": SendResult(Outcome.REFUSED, code="20003", http_status=401, detail="Authenticate"),
    "sealed": SendResult(Outcome.NOT_TAKEN, code="sealed"),
}
OURS = {
    "bad number": SendResult(Outcome.REFUSED, code="21211", http_status=400),
    "no file yet": SendResult(Outcome.NOT_TAKEN, code="attachment"),
    "held up": SendResult(Outcome.NOT_TAKEN, code="released"),
}


@pytest.fixture(autouse=True)
def _anew():
    carriers.forget()
    yield
    carriers.forget()


def texts(owner, count=circuits.SHUT_AFTER):
    return [world.text(owner, world.client(owner)) for _ in range(count)]


def settle_all(result, claims=None):
    claims = world.claim() if claims is None else claims
    settling.settle([(one, result) for one in claims])
    return claims


def shut(owner, result=FAULTS["no connection"]):
    """Shut the business's account; what shut it is out of the way."""
    ids = texts(owner)
    settle_all(result)
    Message.objects.filter(pk__in=ids).update(status="canceled")
    return Circuit.objects.get()


def taken():
    return SendResult(Outcome.ACCEPTED, f"SM{next(_sids)}")


def due_for_trial():
    Circuit.objects.update(probe_at=timezone.now() - timedelta(seconds=1))


def own_account(owner, provider="twilio"):
    secrets = sealing.seal({"auth_token": "x", "api_key_sid": "SK1", "api_key_secret": "x"})
    return ProviderAccount.objects.create(
        business=owner, provider=provider, account_id=f"AC{owner.pk:032d}", secrets=secrets
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_of_faults_shuts_the_account_and_its_messages_wait(fault):
    owner = world.business()
    one = shut(owner, FAULTS[fault])
    assert (one.state, one.account_id, one.failures) == ("open", None, circuits.SHUT_AFTER)
    waiting = world.text(owner, world.client(owner))
    assert world.claim() == []
    assert (world.message(waiting).status, world.message(waiting).attempts) == ("queued", 0)


@pytest.mark.parametrize("fault", ["no connection", "429", "credentials"])
def test_what_shut_the_account_has_lost_no_try_and_waits_first_in_its_place(fault):
    owner = world.business()
    ids = texts(owner, circuits.SHUT_AFTER + 4)
    settle_all(FAULTS[fault])
    rows = [world.message(one) for one in ids]
    assert {(row.status, row.attempts) for row in rows} == {("queued", 0)}
    due_for_trial()
    assert world.claimed_ids() == [ids[0]]


@pytest.mark.parametrize("fault", OURS)
def test_what_speaks_of_the_message_or_of_us_shuts_nothing(fault):
    owner = world.business()
    texts(owner, 20)
    settle_all(OURS[fault])
    assert not Circuit.objects.exclude(state="closed").exists()


def test_a_message_that_is_taken_ends_the_run():
    owner = world.business()
    for _ in range(3):
        texts(owner, circuits.SHUT_AFTER - 1)
        settle_all(FAULTS["500"])
        texts(owner, 1)
        settle_all(taken())
    assert Circuit.objects.get().state == "closed"


def test_a_message_that_fails_for_its_own_reasons_ends_the_run_too():
    owner = world.business()
    texts(owner, circuits.SHUT_AFTER - 1)
    settle_all(FAULTS["429"])
    texts(owner, 1)
    settle_all(OURS["bad number"])
    assert Circuit.objects.get().failures == 0


def test_one_message_tries_a_shut_account_and_one_worker_at_a_time():
    owner = world.business()
    shut(owner)
    texts(owner, 20)
    due_for_trial()
    assert len(world.claim()) == 1
    assert Circuit.objects.get().state == "half_open"
    assert world.claim() == []


def test_the_first_that_is_taken_lets_the_rest_follow_in_order():
    owner = world.business()
    shut(owner)
    ana = world.client(owner)
    ids = [world.text(owner, ana) for _ in range(3)]
    due_for_trial()
    (claim,) = world.claim()
    assert claim.message_id == ids[0]
    settle_all(taken(), [claim])
    assert Circuit.objects.get().state == "closed"
    assert world.claimed_ids() == [ids[1]]


def test_a_trial_that_fails_waits_longer_and_costs_the_message_no_try():
    owner = world.business()
    shut(owner)
    waiting = world.text(owner, world.client(owner))
    for trial in range(1, 9):
        due_for_trial()
        (claim,) = world.claim()
        settle_all(FAULTS["credentials"], [claim])
        one = Circuit.objects.get()
        assert (one.state, one.trials) == ("open", trial)
    assert 14 < (one.probe_at - timezone.now()).total_seconds() < 20
    row = world.message(waiting)
    assert (row.status, row.attempts, row.error_code, row.hold_until) == ("queued", 0, "20003", None)
    assert "waits" in row.error_message
    assert not Attempt.objects.filter(message=waiting).exists()


def test_a_trial_that_no_message_could_make_is_made_by_the_next_one_that_is_due():
    owner = world.business()
    shut(owner)
    waiting = world.text(owner, world.client(owner))
    world.later(waiting, due_at=timedelta(hours=-1))
    due_for_trial()
    assert world.claim() == []
    assert Circuit.objects.get().state == "open"
    world.later(waiting, due_at=timedelta(hours=2))
    assert world.claimed_ids() == [waiting]


def test_an_unknown_outcome_of_a_trial_is_asked_for_and_not_repeated():
    owner = world.business()
    shut(owner)
    waiting = world.text(owner, world.client(owner))
    due_for_trial()
    settle_all(FAULTS["500"])
    assert (world.message(waiting).status, world.message(waiting).attempts) == ("unknown", 1)


def test_a_worker_that_dies_over_a_trial_is_not_waited_for():
    owner = world.business()
    shut(owner)
    texts(owner, 2)
    due_for_trial()
    assert len(world.claim()) == 1
    due_for_trial()
    assert len(world.claim()) == 1


def test_a_provider_that_names_a_longer_wait_is_heard():
    one = shut(world.business(), SendResult(Outcome.NOT_TAKEN, code="20429", http_status=429, retry_after=60))
    assert (one.probe_at - timezone.now()).total_seconds() > 55


def test_one_businesss_broken_account_is_its_own():
    broken, other = world.business(), world.business()
    account = own_account(broken)
    assert shut(broken, FAULTS["credentials"]).account_id == account.pk
    texts(broken, 3)
    single = world.text(other, world.client(other))
    assert world.claimed_ids() == [single]


def test_an_account_that_was_edited_is_tried_at_once():
    owner = world.business()
    account = own_account(owner)
    shut(owner, FAULTS["credentials"])
    waiting = world.text(owner, world.client(owner))
    assert world.claim() == []
    account.save(update_fields=["updated_at"])
    assert world.claimed_ids() == [waiting]


def test_what_waits_at_a_shut_account_holds_another_senders_message_back_for_five_minutes_at_most():
    owner = world.business()
    own_account(owner)
    mailing = world.sender(owner, location=owner.locations.create(name="Second"))
    mailing.__class__.objects.filter(pk=mailing.pk).update(provider="sendgrid")
    shut(owner)
    ana = world.client(owner)
    first = world.text(owner, ana)
    second = world.text(owner, ana, sender=mailing.address)
    assert world.claim() == []
    world.later(first, due_at=timedelta(seconds=301))
    assert world.claimed_ids() == [second]


def test_the_state_outlives_every_worker_and_redis():
    owner = world.business()
    shut(owner)
    texts(owner, 2)
    assert [row["provider"] for row in circuits.shut()] == ["twilio"]
    assert circuits.shut_for(business_id=owner.pk, provider="twilio")["code"] == "connect"
    assert circuits.shut_for(business_id=owner.pk, provider="sendgrid") is None


def test_somebody_who_mended_it_lets_it_be_tried_now():
    owner = world.business()
    one = shut(owner)
    waiting = world.text(owner, world.client(owner))
    circuits.try_now(circuit_id=one.pk)
    assert world.claimed_ids() == [waiting]


def test_a_well_account_costs_no_row():
    owner = world.business()
    texts(owner, 1)
    settle_all(taken())
    assert not Circuit.objects.exists()
