"""What goes wrong at the provider and in a worker that is lost: said in a sentence, and nothing is doubled."""

import pytest

from accounts.models import ProviderAccount, Sender
from onboarding.models import OnboardingStep
from onboarding.services import advancing, numbers, provider_accounts, settling
from tests.contract.world import a_studio
from tests.onboarding import world
from tests.onboarding.world import phone
from tests.support.processes import wait_for

pytestmark = pytest.mark.django_db
KINDS = ("subaccount", "application", "key", "number")


def made(carrier):
    """How many of each kind are there."""
    return {kind: len(carrier.made(kind)) for kind in KINDS}


ONE_OF_EACH = dict.fromkeys(KINDS, 1)


@pytest.mark.parametrize("mode", ["429", "500", "502", "cut", "accept_then_cut", "garbage", "empty"])
def test_a_provider_that_is_not_well_doubles_nothing(carrier, mode):
    """A write of two meets the fault, whether or not it is carried out all the same."""
    started = world.onboard(world.a_request(settings={"test_message": False}))
    carrier.faults(mode=mode, rate=0.5, accepted=mode in {"garbage", "empty"})
    for _ in range(40):
        if world.go(started, times=1) == "failed":
            world.retry(started)
        world.make_due(started)
    carrier.heal()
    assert world.go(started) == "completed", world.details(started)
    assert made(carrier) == ONE_OF_EACH


def test_a_provider_that_is_away_is_tried_again_by_itself(carrier):
    carrier.faults(mode="503", reads=True)
    started = world.onboard(world.a_request())
    advancing.advance(onboarding_id=started["onboarding_id"])
    step = world.step(started, "provider_account")
    assert (step.status, step.troubles) == ("retrying", 1)
    assert step.detail == "Twilio answers 503 for now. It is tried again by itself."
    assert world.onboarding(started).status == "in_progress"
    waits = (step.due_at - step.at).total_seconds()
    assert settling.BACKOFF[0] <= waits <= settling.BACKOFF[0] * 1.3


def test_in_the_end_a_person_is_asked(carrier):
    carrier.faults(mode="503", reads=True)
    started = world.onboard(world.a_request())
    assert world.go(started) == "failed"
    assert world.details(started)["provider_account"] == (
        "failed", "Twilio answers 503 for now. It was tried long enough: see to it, then retry.",
    )  # fmt: skip
    carrier.heal()
    world.retry(started)
    assert world.go(started) == "completed"


REFUSALS = [
    (20003, "provider_account", "Twilio refuses the account's SID or auth token"),
    (20005, "provider_account", "The Twilio account is not active"),
    (99999, "provider_account", "Twilio refuses it"),
]


@pytest.mark.parametrize(("code", "name", "sentence"), REFUSALS)
def test_a_refusal_is_a_sentence_for_a_person(carrier, code, name, sentence):
    carrier.faults(mode="reject", code=code)
    started = world.onboard(world.a_request())
    assert world.go(started) == "failed"
    status, detail = world.details(started)[name]
    assert (status, detail.startswith(sentence)) == ("failed", True), detail
    assert OnboardingStep.objects.filter(status="pending", onboarding_id=started["onboarding_id"]).count() == 5
    carrier.heal()
    world.retry(started)
    assert world.go(started) == "completed", world.details(started)


NUMBERS = [
    ({"address": "+15005550000"}, "The number is not to be had from Twilio"),
    ({"address": "+15005550001"}, "Twilio takes this for no phone number"),
    ({"buy": {"area_code": "533"}}, "Twilio offers no such number (local, area code 533)"),
    ({"buy": {"area_code": "111"}}, "Twilio knows no such area code"),
    ({"buy": {"country": "FR", "kind": "toll_free"}}, "Twilio knows no such account, number or country"),
]


@pytest.mark.parametrize(("row", "sentence"), NUMBERS)
def test_a_number_that_is_not_to_be_had(carrier, row, sentence):
    body = world.a_request(senders=[{"channel": "sms"} | row])
    started = world.onboard(body)
    assert world.go(started) == "failed"
    assert world.details(started)["senders"][1].startswith(sentence), world.details(started)
    better = body | {"senders": [{"channel": "sms", "address": phone()}]}
    again = world.onboard(better)
    assert (again.status, again.body) == (202, started.body)
    assert world.go(started) == "completed", world.details(started)
    assert made(carrier) == ONE_OF_EACH
    assert {row.address for row in Sender.objects.filter(business_id=started["business_id"])} == {
        better["senders"][0]["address"]
    }


def test_the_same_request_goes_on_where_it_failed(carrier):
    number = phone()
    carrier.account("AC" + "b" * 32, "t")
    carrier.owns(number, account_sid="AC" + "b" * 32)
    body = world.a_request(senders=[{"channel": "sms", "address": number}])
    started = world.onboard(body)
    assert world.go(started) == "failed"
    attempts = world.step(started, "locations").attempts
    carrier.ask("DELETE", "/ledger/provisioning")
    assert world.onboard(body).body == started.body
    ProviderAccount.objects.all().delete()  # the carrier has forgotten it too
    world.retry(started) if world.onboarding(started).status == "failed" else None
    assert world.step(started, "senders").status == "retrying"
    assert world.step(started, "locations").attempts == attempts


def test_a_corrected_request_keeps_the_country_and_others_numbers(carrier):
    body = world.a_request(senders=[{"channel": "sms", "address": "+15005550000"}])
    started = world.onboard(body)
    world.go(started)
    assert world.onboard(body | {"country": "CA"}).faulty == {"body.country"}
    taken = a_studio().sender
    got = world.onboard(body | {"senders": [{"channel": "sms", "address": taken}]})
    assert (got.status, got["code"]) == (409, "sender_taken")
    got = world.onboard(body | {"name": "New name", "senders": [], "timezone": "Europe/Paris"})
    assert got.status == 202
    assert world.go(started) == "completed"
    assert (world.business(started).name, world.business(started).timezone) == ("New name", "Europe/Paris")


def test_wrong_credentials_of_an_own_account(carrier):
    carrier.account("AC" + "c" * 32, "right")
    body = world.a_request(settings={"twilio": {"account_sid": "AC" + "c" * 32, "auth_token": "wrong"}})
    started = world.onboard(body)
    assert world.go(started) == "failed"
    assert world.details(started)["provider_account"][1].startswith("Twilio refuses the account's SID or auth token")
    assert not ProviderAccount.objects.exists()
    body["settings"]["twilio"]["auth_token"] = "right"
    assert world.onboard(body).status == 202
    assert world.go(started) == "completed", world.details(started)


def test_a_test_message_that_fails_is_sent_anew_by_a_retry(carrier):
    owner = {"name": "Mei", "phone": phone()}
    carrier.faults(mode="reject", code=21608, to=[owner["phone"]])
    started = world.onboard(world.a_request(owner=owner))
    assert world.go(started) == "failed"
    assert "did not go out" in world.details(started)["test_message"][1]
    carrier.heal()
    world.retry(started)
    # The number's rate is one text a second.
    assert wait_for(lambda: world.go(started, times=1) == "completed"), world.details(started)
    assert world.step(started, "test_message").facts["round"] == 2


class Killed(BaseException):
    """The worker is gone: nothing is settled."""


def kill_after(monkeypatch, owner, name):
    """The worker dies when `owner.name` has returned."""
    real = getattr(owner, name)

    def dying(*words, **named):
        real(*words, **named)
        raise Killed

    monkeypatch.setattr(owner, name, dying)


POINTS = [
    (provider_accounts.TwilioSetup, "make_subaccount"),
    (provider_accounts.TwilioSetup, "make_application"),
    (provider_accounts.TwilioSetup, "make_key"),
    (provider_accounts.TwilioSetup, "buy"),
    (provider_accounts.TwilioSetup, "point"),
    (numbers, "activate"),
    (advancing.settling, "settle"),
    (advancing.proof, "queue_message"),
    (advancing.keys, "create_api_key"),
]


@pytest.mark.parametrize(("owner", "name"), POINTS, ids=[name for _, name in POINTS])
@pytest.mark.parametrize("sender", [{"address": True}, {"buy": {"area_code": "212"}}], ids=["given", "bought"])
def test_a_worker_that_dies_between_the_yes_and_our_commit_doubles_nothing(carrier, monkeypatch, owner, name, sender):
    row = {"channel": "sms"} | ({"address": phone()} if "address" in sender else sender)
    started = world.onboard(world.a_request(senders=[row]))
    with monkeypatch.context() as patch:
        kill_after(patch, owner, name)
        with pytest.raises(Killed):
            world.go(started)
    if OnboardingStep.objects.filter(onboarding_id=started["onboarding_id"], status="running").exists():
        assert advancing.advance(onboarding_id=started["onboarding_id"]) == 0, "the lease holds"
    world.make_due(started)
    assert world.go(started) == "completed", world.details(started)
    assert made(carrier) == ONE_OF_EACH
    assert len(carrier.ask("GET", "/ledger")["results"]) == 1


def test_who_was_overtaken_makes_nothing(carrier, monkeypatch):
    """A worker that was stopped between its look and its purchase wakes up when another one has gone on."""
    started = world.onboard(world.a_request())
    real = provider_accounts.TwilioSetup.find_subaccount

    def stopped(self, name):
        found = real(self, name)
        monkeypatch.undo()
        world.make_due(started)
        assert world.go(started) == "completed"
        return found

    monkeypatch.setattr(provider_accounts.TwilioSetup, "find_subaccount", stopped)
    advancing.advance(onboarding_id=started["onboarding_id"])
    assert made(carrier) == ONE_OF_EACH
    assert world.details(started)["provider_account"][0] == "done"


def test_a_step_that_ends_its_worker_again_and_again_is_set_aside(carrier, monkeypatch):
    def deadly(run):
        raise Killed

    started = world.onboard(world.a_request())
    monkeypatch.setitem(advancing.STEPS, "locations", deadly)
    for _ in range(settling.MOST_TROUBLES):
        with pytest.raises(Killed):
            advancing.advance(onboarding_id=started["onboarding_id"])
        world.make_due(started)
    advancing.advance(onboarding_id=started["onboarding_id"])
    assert world.onboarding(started).status == "failed"
    assert "begun again and again" in world.details(started)["locations"][1]


def test_a_fault_of_our_own_is_tried_again_and_shows_no_trace(carrier, monkeypatch):
    def broken(run):
        raise KeyError("secret")

    started = world.onboard(world.a_request())
    monkeypatch.setitem(advancing.STEPS, "locations", broken)
    advancing.advance(onboarding_id=started["onboarding_id"])
    status, detail = world.details(started)["locations"]
    assert (status, "secret" in detail) == ("retrying", False)
