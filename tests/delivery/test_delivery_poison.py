"""What ends its worker each time: set aside after three deaths, and everything else goes on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Business, Sender
from conversations.models import Message
from messaging.models import WebhookEvent
from messaging.providers.base import Outcome, SendResult
from messaging.services import carriers, claiming, delivery, intake, mail_intake, recovery, spooling
from omega_project.lib import failpoints
from tests.contract.world import a_studio
from tests.delivery import world
from tests.mail import reports

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


class Dies(BaseException):
    """A process that ends here: nothing catches it, nothing is tidied up."""


class Carrier:
    """A provider whose SDK ends the process over one text."""

    name = "twilio"

    def __init__(self):
        self.sent = []

    def send(self, message):
        if message.body == "POISON":
            raise Dies
        self.sent.append(message.body)
        return SendResult(Outcome.ACCEPTED, f"SM{message.message_id}")

    def find(self, message, since):
        return []


def a_worker_runs(carrier, monkeypatch):
    """One run of the dispatcher; a death leaves what it had in hand as a killed process does."""
    monkeypatch.setattr(carriers, "provider_of", lambda business_id, name: carrier)
    suspect = claiming.claim_alone(worker="test")
    claims = suspect.claims or world.claim()
    for place, claim in enumerate(claims):
        ready = delivery.handover.prepare([claim])[0]
        try:
            result = delivery.send(claim, carrier, ready)
        except Dies:
            return [one.message_id for one in claims[place:]]
        world.settle(claim, result)
    return []


def the_leases_end(ids):
    for one in ids:
        world.later(one, lease_until=timedelta(seconds=60))
    recovery.sweep()


def test_a_message_that_ends_its_worker_is_set_aside_after_three_deaths_and_takes_no_other_down(monkeypatch):
    owner, carrier = world.business(), Carrier()
    poison = world.text(owner, world.client(owner), "POISON")
    innocents = [world.text(owner, world.client(owner), f"good {n}") for n in range(5)]
    deaths = 0
    for _ in range(12):
        lost = a_worker_runs(carrier, monkeypatch)
        deaths += bool(lost)
        if deaths == 3 and lost:
            assert lost == [poison], "the third time it was alone"
        the_leases_end(lost)
    assert deaths == 3
    row = world.message(poison)
    assert (row.status, row.error_code) == ("failed", "worker_lost")
    assert "Set aside" in row.error_message
    assert sorted(carrier.sent) == [f"good {n}" for n in range(5)]
    assert {world.message(one).status for one in innocents} == {"sent"}


def test_what_two_workers_died_over_goes_alone_and_in_its_clients_order():
    owner = world.business()
    ana = world.client(owner)
    first, second, other = world.text(owner, ana), world.text(owner, ana), world.text(owner, world.client(owner))
    for _ in range(2):
        claims = {one.message_id: one for one in world.claim()}
        world.sql("UPDATE messaging_attempt SET code = 'worker_lost' WHERE message_id = %s", first)
        world.sql("UPDATE conversations_message SET status = 'queued' WHERE id = %s", first)
        if other in claims:
            world.settle(claims[other], SendResult(Outcome.ACCEPTED, "SMother"))
    assert world.claim() == []
    alone = claiming.claim_alone(worker="test").claims
    assert [one.message_id for one in alone] == [first]
    assert claiming.claim_alone(worker="test").claims == []
    world.settle(alone[0], SendResult(Outcome.ACCEPTED, "SMfirst"))
    assert world.claimed_ids() == [second]


def a_text_in(number, body="hello"):
    payload = f"MessageSid=SM{number:032d}&From=%2B14155550199&To=%2B12125550180&Body={body}".encode()
    hook = intake.hook_again(
        provider="twilio", kind="sms.reply", payload=payload, url="/x", content_type=FORM, business_id=None
    )
    return intake.keep_event(hook, intake.text_key(f"SM{number:032d}"))


@pytest.fixture
def studio():
    owner = Business.objects.create(name="Studio")
    Sender.objects.create(business=owner, channel="sms", address="+12125550180", provider="twilio")
    return owner


@pytest.fixture
def dies(monkeypatch):
    def act(action, name):
        raise Dies

    monkeypatch.setattr(failpoints, "_act", act)
    failpoints.arm("event.processing:kill:*:POISON")
    yield
    failpoints.arm("")


def due_again():
    WebhookEvent.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=timezone.now())


def test_an_event_that_ends_its_process_is_set_aside_after_three_deaths_and_the_rest_goes_on(studio, dies):
    poison, good = a_text_in(1, "POISON"), a_text_in(2)
    for _ in range(3):
        due_again()
        with pytest.raises(Dies):
            intake.retry_due()
    due_again()
    intake.retry_due()
    row = WebhookEvent.objects.get(pk=poison)
    assert (row.status, row.next_attempt_at) == ("failed", None)
    assert "Set aside" in row.error
    assert WebhookEvent.objects.get(pk=good).status == "processed"


def test_an_event_that_was_set_aside_can_be_replayed_once_its_cause_is_mended(studio, dies):
    poison = a_text_in(1, "POISON")
    WebhookEvent.objects.filter(pk=poison).update(begun=3)
    intake.retry_due()
    assert WebhookEvent.objects.get(pk=poison).status == "failed"
    failpoints.arm("")
    intake.replay_event(event_id=poison)
    row = WebhookEvent.objects.get(pk=poison)
    assert (row.status, row.begun) == ("processed", 0)
    assert Message.objects.get().body == "POISON"


def test_a_database_that_goes_away_is_no_death_of_the_event(studio, monkeypatch):
    event = a_text_in(1)
    with monkeypatch.context() as patch:
        patch.setitem(intake._PROCESSORS, "sms.reply", _busy)
        for _ in range(4):
            with pytest.raises(spooling.OperationalError):
                intake.replay_event(event_id=event)
    assert WebhookEvent.objects.get(pk=event).begun == 0


def _busy(hook):
    raise spooling.OperationalError("canceling statement due to lock timeout")


def test_a_text_that_only_the_record_tells_of_and_that_ends_its_process_is_listed_once(studio, dies):
    form = {"MessageSid": "SM" + "7" * 32, "From": "+14155550199", "To": "+12125550180", "Body": "POISON"}
    with pytest.raises(Dies):
        intake.take_listed("twilio", form)
    intake.take_listed("twilio", form)
    assert WebhookEvent.objects.get().begun == 1


def test_of_a_batch_of_mail_events_only_the_one_that_ends_its_process_is_set_aside(monkeypatch):
    studio = a_studio()
    mails = [reports.a_mail(studio) for _ in range(3)]
    source = mail_intake.Source("sendgrid")
    events = [reports.event(mail, "delivered") for mail in mails]
    Message.objects.all().update(provider="elsewhere")
    mail_intake.take_events(source, [reports.wire([one])[1:-3] for one in events])
    Message.objects.all().update(provider="sendgrid")
    poison = WebhookEvent.objects.order_by("id").first().pk
    replay = mail_intake.replay

    def dies_over(ids):
        if poison in ids:
            raise Dies
        replay(ids)

    monkeypatch.setattr(mail_intake, "replay", dies_over)
    for _ in range(6):
        due_again()
        try:
            intake.retry_due()
        except Dies:
            continue
    assert sorted(WebhookEvent.objects.values_list("status", flat=True)) == ["failed", "processed", "processed"]
    assert "Set aside" in WebhookEvent.objects.get(pk=poison).error
