"""What a try's outcome means, and that a late finisher changes nothing."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ProviderAccount
from conversations.models import Message, MessageEvent
from messaging.models import Attempt, Consent, RetryRule
from messaging.providers.base import CannotAsk, Listed, Outcome, SendResult
from messaging.services import carriers, claiming, recovery, retrying, settling, statuses, vocabulary
from omega_project.lib import sealing, sql
from omega_project.lib.metrics import CARRIER_ALERTS
from tests.delivery import world

pytestmark = pytest.mark.django_db


def sending() -> tuple[int, object]:
    owner = world.business()
    world.text(owner, world.client(owner))
    (claim,) = world.claim()
    return claim.message_id, claim


def result(outcome: Outcome, **values: object) -> SendResult:
    return SendResult(outcome, **values)


def test_an_accepted_one_is_sent_with_the_providers_id():
    message_id, claim = sending()
    world.settle(claim, result(Outcome.ACCEPTED, provider_message_id="SM7"))
    row = world.message(message_id)
    assert (row.status, row.provider_message_id) == ("sent", "SM7")
    assert row.lease_until is not None, "when its receipt is asked for"
    assert Attempt.objects.get(message_id=message_id).outcome == "accepted"


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [("21211", "failed", False), ("21611", "queued", True), ("99999", "failed", False), ("20003", "failed", False)],
)
def test_a_refusal_is_retried_only_where_that_can_help(code: str, status: str, retryable: bool):
    message_id, claim = sending()
    world.settle(claim, result(Outcome.REFUSED, code=code, detail="no", http_status=400))
    row = world.message(message_id)
    assert (row.status, row.error_retryable, row.error_code) == (status, retryable, code)
    assert row.error_message


def test_a_refusal_for_opt_out_changes_the_consent():
    message_id, claim = sending()
    world.settle(claim, result(Outcome.REFUSED, code="21610", http_status=400))
    row = world.message(message_id)
    assert Consent.objects.get(address=row.to_address).state == "opted_out"
    assert row.client.consent_sms == "opted_out"
    assert row.status == "failed"


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 5, 7), (2, 30, 38), (3, 120, 150), (5, 3600, 4500)])
def test_back_off_grows_with_jitter(attempt: int, least: float, most: float):
    assert least <= settling.next_try(attempt) <= most


def test_back_off_honours_retry_after():
    assert settling.next_try(1, retry_after=90) >= 90


def test_a_message_fails_after_six_tries():
    message_id, claim = sending()
    for number in range(1, 7):
        world.settle(claim, result(Outcome.NOT_TAKEN, code="20429", http_status=429))
        assert world.message(message_id).status == ("queued" if number < 6 else "failed")
        world.later(message_id, due_at=timedelta(hours=2))
        claim = (world.claim() or [claim])[0]
    row = world.message(message_id)
    assert row.attempts == 6
    assert row.error_retryable
    assert "6 times" in row.error_message


def test_a_late_finisher_of_an_earlier_try_changes_nothing():
    message_id, late = sending()
    world.settle(late, result(Outcome.NOT_TAKEN, code="20429"))
    world.later(message_id, due_at=timedelta(hours=1))
    (now,) = world.claim()
    world.settle(late, result(Outcome.REFUSED, code="21211"))
    row = world.message(message_id)
    assert (row.status, row.attempts) == ("sending", 2)
    world.settle(now, result(Outcome.ACCEPTED, provider_message_id="SM2"))
    assert world.message(message_id).status == "sent"


def test_a_report_that_overtakes_the_settle_stands():
    message_id, claim = sending()
    applied = statuses.apply_report(
        statuses.Report("delivered", message_id=message_id, provider_message_id="SM3", provider="twilio", attempt=1)
    )
    world.settle(claim, result(Outcome.ACCEPTED, provider_message_id="SM3"))
    row = world.message(message_id)
    assert applied.applied
    assert (row.status, row.provider_message_id) == ("delivered", "SM3")
    assert row.sent_at
    assert row.delivered_at


@pytest.mark.parametrize("is_lost", [False, True], ids=["its lease runs", "its lease has ended"])
def test_a_report_ends_the_try_of_a_worker_that_was_lost(is_lost: bool):
    message_id, claim = sending()
    if is_lost:
        world.later(message_id, lease_until=timedelta(minutes=1))
        sql.rows(recovery._EXPIRE, {"hold": 300})
    report = statuses.Report("delivered", message_id=message_id, attempt=claim.attempt, provider_message_id="SM7")
    statuses.apply_report(report)
    row = Attempt.objects.get(message_id=message_id)
    assert (row.outcome, row.provider_message_id) == ("accepted", "SM7")
    assert row.finished_at is not None


def test_a_report_of_an_earlier_try_does_not_end_a_later_one():
    message_id, claim = sending()
    world.settle(claim, result(Outcome.REFUSED, code="21611"))
    world.later(message_id, due_at=timedelta(hours=1))
    world.claim()
    report = statuses.Report("failed", message_id=message_id, provider_message_id="SM0", provider="twilio", attempt=1)
    assert not statuses.apply_report(report).applied
    assert world.message(message_id).status == "sending"


def unknown(monkeypatch: pytest.MonkeyPatch, answer: object) -> int:
    """A message whose outcome nobody knows, after the provider was asked and gave `answer`."""
    message_id, claim = sending()
    world.settle(claim, result(Outcome.UNKNOWN, code="no_answer"))
    assert world.message(message_id).status == "unknown"
    assert world.claim() == []
    ask(monkeypatch, message_id, answer)
    return message_id


def ask(monkeypatch: pytest.MonkeyPatch, message_id: int, answer: object) -> None:
    """Let the carrier's record answer as it would: what is tested is what is made of the answer."""
    monkeypatch.setattr(recovery, "_ask", lambda row, provider, ready: answer)
    world.later(message_id, lease_until=timedelta(seconds=10))
    recovery.sweep()


def test_an_unknown_outcome_that_is_on_the_providers_record_is_sent(monkeypatch: pytest.MonkeyPatch):
    message_id = unknown(monkeypatch, [Listed("SM9", "sent", "", None)])
    row = world.message(message_id)
    assert (row.status, row.provider_message_id) == ("sent", "SM9")
    assert world.claim() == []


def test_an_entry_that_stands_for_another_message_is_not_taken_for_this_one(monkeypatch: pytest.MonkeyPatch):
    other, claim = sending()
    world.settle(claim, result(Outcome.ACCEPTED, provider_message_id="SM5"))
    message_id = unknown(monkeypatch, [Listed("SM5", "sent", "", None)])
    assert world.message(message_id).status == "unknown"
    assert world.message(other).provider_message_id == "SM5"


def test_not_on_the_record_counts_only_after_the_back_off(monkeypatch: pytest.MonkeyPatch):
    message_id = unknown(monkeypatch, [])
    assert world.message(message_id).status == "unknown"
    Attempt.objects.filter(message_id=message_id).update(finished_at=timezone.now() - timedelta(seconds=6))
    ask(monkeypatch, message_id, [])
    assert world.message(message_id).status == "queued"
    assert world.claimed_ids() == [message_id]


def test_what_cannot_be_asked_stays_unknown_and_only_a_person_sends_it_again(monkeypatch: pytest.MonkeyPatch):
    message_id = unknown(monkeypatch, CannotAsk("the line is dead"))
    assert "the line is dead" in world.message(message_id).error_message
    Attempt.objects.filter(message_id=message_id).update(started_at=timezone.now() - timedelta(hours=2))
    ask(monkeypatch, message_id, CannotAsk("the line is dead"))
    assert world.message(message_id).lease_until is None
    plain = retrying.retry_failed(retrying.Wanted(message_ids=[message_id]))
    assert plain.skipped == [{"id": message_id, "reason": "outcome_unknown"}]
    assert retrying.retry_failed(retrying.Wanted(message_ids=[message_id], force=True)).retried == [message_id]


def test_a_lost_worker_is_found_by_its_lease_and_its_message_goes_at_once(monkeypatch: pytest.MonkeyPatch):
    message_id, _ = sending()
    monkeypatch.setattr(recovery, "_ask", lambda row, provider, ready: [])
    recovery.sweep()
    assert world.message(message_id).status == "sending"
    world.later(message_id, lease_until=timedelta(seconds=20))
    recovery.sweep()
    assert world.message(message_id).status == "queued"
    assert world.claimed_ids() == [message_id]
    assert MessageEvent.objects.filter(message_id=message_id, status="unknown", source="sweep").exists()


def test_what_lost_its_sender_fails_and_its_history_says_so():
    owner = world.business()
    message_id = world.text(owner, world.client(owner))
    Message.objects.update(sender=None)
    recovery.sweep()
    row = world.message(message_id)
    assert (row.status, row.error_code) == ("failed", "no_sender")
    last = MessageEvent.objects.filter(message_id=message_id).latest("pk")
    assert (last.from_status, last.status, last.source) == ("queued", "failed", "sweep")


def test_a_message_that_ends_its_worker_three_times_is_set_aside(monkeypatch: pytest.MonkeyPatch):
    message_id, _ = sending()
    monkeypatch.setattr(recovery, "_ask", lambda row, provider, ready: [])
    for _ in range(3):
        world.later(message_id, lease_until=timedelta(seconds=20))
        recovery.sweep()
        world.claim() or claiming.claim_alone(worker="test")
    row = world.message(message_id)
    assert row.status == "failed"
    assert "Set aside" in row.error_message


def test_two_retries_at_one_instant_are_one_send():
    message_id, claim = sending()
    world.settle(claim, result(Outcome.REFUSED, code="21211"))
    first = retrying.retry_failed(retrying.Wanted(message_ids=[message_id], force=True))
    second = retrying.retry_failed(retrying.Wanted(message_ids=[message_id], force=True))
    assert first.retried == [message_id]
    assert second.matched == 0
    assert len(world.claim()) == 1


def test_a_provider_that_gives_one_id_twice_spoils_nobody_elses_outcome():
    owner = world.business()
    ids = [world.text(owner, world.client(owner)) for _ in range(3)]
    claims = {one.message_id: one for one in world.claim()}
    sids = ["SMsame", "SMsame", "SMother"]
    finished = [(claims[one], SendResult(Outcome.ACCEPTED, sid)) for one, sid in zip(ids, sids, strict=True)]
    settling.settle(finished)
    rows = [world.message(one) for one in ids]
    assert {row.status for row in rows} == {"sent"}
    assert [row.provider_message_id for row in rows] == ["SMsame", None, "SMother"]


class Silent:
    """A provider that answers no question until the others were answered."""

    name = "twilio"

    def __init__(self, answered: threading.Event) -> None:
        self.answered, self.asked = answered, 0

    def send(self, message: object) -> SendResult:
        raise AssertionError

    def find(self, message: object, since: object) -> list[Listed]:
        self.asked += 1
        assert self.answered.wait(20), "the others waited for the one that is silent"
        raise CannotAsk("silence")


class Prompt(Silent):
    def find(self, message: object, since: object) -> list[Listed]:
        self.answered.set()
        return [Listed("SMfound", "sent", "", None)]


def test_a_provider_that_does_not_answer_keeps_nobody_elses_outcome_waiting(monkeypatch: pytest.MonkeyPatch):
    answered = threading.Event()
    broken, other = world.business(), world.business()
    providers = {broken.pk: Silent(answered), other.pk: Prompt(answered)}
    secrets = sealing.seal({"auth_token": "x"})
    ProviderAccount.objects.create(business=broken, provider="twilio", account_id="AC1", secrets=secrets)
    monkeypatch.setattr(carriers, "provider_of", lambda business_id, name: providers[business_id])
    for owner, number in ((broken, 40), (other, 1)):
        for _ in range(number):
            world.text(owner, world.client(owner))
    for claim in world.claim(room=100):
        world.settle(claim, result(Outcome.UNKNOWN, code="no_answer"))
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    recovery.resolve_unknown()
    assert providers[broken.pk].asked == recovery.ASKED_AT_ONCE
    assert Message.objects.get(business=other).provider_message_id == "SMfound"


def refused(message_id: int, code: str) -> Message:
    """Claim it, and let the carrier refuse it by this code."""
    Message.objects.filter(pk=message_id).update(due_at=timezone.now(), hold_until=None)
    (claim,) = world.claim()
    world.settle(claim, result(Outcome.REFUSED, code=code, http_status=400, detail="no"))
    return world.message(message_id)


def test_what_may_pass_once_is_tried_once_more_after_a_while():
    message_id = world.text(owner := world.business(), world.client(owner))
    row = refused(message_id, "30003")
    assert row.status == "queued"
    assert 18 < (row.due_at - timezone.now()).total_seconds() < 26
    row = refused(message_id, "30003")
    assert (row.status, row.error_retryable) == ("failed", True)
    assert "tried 2 times" in row.error_message


def test_a_retry_by_hand_begins_the_tries_anew():
    message_id = world.text(owner := world.business(), world.client(owner))
    refused(message_id, "30003")
    assert refused(message_id, "30003").status == "failed"
    assert retrying.retry_failed(retrying.Wanted(message_ids=[message_id])).retried == [message_id]
    row = refused(message_id, "30003")
    assert row.status == "queued"
    assert (row.due_at - timezone.now()).total_seconds() < 26
    assert refused(message_id, "30003").status == "failed"


def test_the_tries_of_a_class_are_data():
    RetryRule.objects.filter(fault_class="retry").update(waits=[90])
    vocabulary.forget()
    message_id = world.text(owner := world.business(), world.client(owner))
    row = refused(message_id, "21611")
    assert 85 < (row.due_at - timezone.now()).total_seconds() < 115
    assert refused(message_id, "21611").status == "failed"
    vocabulary.forget()


@pytest.mark.parametrize(("code", "alerts"), [("21606", 1), ("99999", 1), ("21211", 0), ("21610", 0)])
def test_what_is_ours_to_mend_is_told_and_not_tried_again(code: str, alerts: int):
    found = CARRIER_ALERTS.labels("twilio", code)
    before = found._value.get()
    message_id = world.text(owner := world.business(), world.client(owner))
    assert refused(message_id, code).status == "failed"
    assert found._value.get() - before == alerts
