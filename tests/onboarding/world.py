"""What the tests of onboarding speak of: requests, the onboarding itself, and the carrier's evidence."""

import itertools
import secrets

import requests

from accounts.models import Business
from messaging.services import delivery
from onboarding.models import Onboarding, OnboardingStep
from onboarding.services import advancing, retrying
from tests.contract.world import a_platform_key, get, post

_names = itertools.count(1)
_numbers = itertools.count(2_700_100)


def phone():
    """A number that nobody else in this run has, and that is no magic one of the sandbox."""
    while (number := f"+1212{next(_numbers)}")[-4:] < "0100":
        pass
    return number


class Carrier:
    """The sandbox, asked over HTTP."""

    def __init__(self, url):
        self.url = url
        self.line = requests.Session()
        self.line.trust_env = False

    def ask(self, method, path, body=None):
        got = self.line.request(method, self.url + path, json=body, timeout=20)
        assert got.ok, got.text
        return got.json() if got.content else None

    def made(self, kind, **narrow):
        """What was made of a kind and is there, in order."""
        query = "&".join(f"{name}={value}" for name, value in narrow.items())
        rows = self.ask("GET", f"/ledger/provisioning?kind={kind}&{query}")["results"]
        return [row for row in rows if row["removed_at"] is None]

    def faults(self, **twilio):
        self.ask("PUT", "/faults", {"twilio": twilio})

    def sendgrid_faults(self, **faults):
        self.ask("PUT", "/faults", {"sendgrid": faults})

    def heal(self):
        self.ask("DELETE", "/faults")

    def owns(self, number, **fields):
        """The platform's account, or the one named, has this number."""
        return self.ask("PUT", f"/numbers/{number}", fields)

    def account(self, sid, token, **fields):
        """An account that a business brings along."""
        return self.ask("PUT", f"/accounts/{sid}", {"auth_token": token} | fields)

    def publish(self, domain, published=True):
        return self.ask("PUT", f"/domains/{domain}", {"published": published})


def a_request(**fields):
    """A good request of a new business; a field that is None is left out."""
    name = f"studio-{next(_names)}-{secrets.token_hex(3)}"
    number = phone()
    whole = {
        "external_id": name, "name": "Lotus Day Spa", "timezone": "America/New_York", "country": "US",
        "locations": [{"external_id": "soho", "name": "Lotus SoHo"}],
        "staff": [{"external_id": "mo", "name": "Mo Reyes", "location_external_ids": ["soho"]}],
        "senders": [{"channel": "sms", "address": number, "location": "soho"}],
        "owner": {"name": "Mei Tanaka", "phone": phone(), "email": "mei@lotus.example"},
    }  # fmt: skip
    return {key: value for key, value in (whole | fields).items() if value is not None}


def onboard(body, key=None, **headers):
    """POST /business/onboard with a platform key."""
    return post("/business/onboard", body, key or a_platform_key(), **headers)


def state(started, key=None):
    """GET of the status; the body."""
    got = get(f"/business/onboard/{started['onboarding_id']}", key or a_platform_key())
    assert got.status == 200, got.raw
    return got.body


def step(started, name):
    """One step's row."""
    return OnboardingStep.objects.get(onboarding_id=started["onboarding_id"], name=name)


def onboarding(started):
    return Onboarding.objects.get(pk=started["onboarding_id"])


def business(started):
    return Business.objects.get(pk=started["business_id"])


def make_due(started):
    """What is due later is due now: no test waits for a back-off."""
    steps = OnboardingStep.objects.filter(onboarding_id=started["onboarding_id"], due_at__isnull=False)
    steps.update(due_at="2020-01-01T00:00:00Z")


def go(started, times=12):
    """Advance as a worker does, waiting for nothing, until the onboarding ends or does not get on."""
    for _ in range(times):
        advancing.advance(onboarding_id=started["onboarding_id"])
        delivery.drain(0.5)
        if onboarding(started).status != "in_progress":
            break
        make_due(started)
    return onboarding(started).status


def onboarded(carrier, **fields):
    """A business that was signed up; the answer to its request."""
    started = onboard(a_request(**fields))
    assert started.status == 202, started.raw
    assert go(started) == "completed", details(started)
    return started


def details(started):
    """Each step's status and detail, for a test that fails."""
    return {row["name"]: (row["status"], row["detail"]) for row in state(started)["steps"]}


def retry(started):
    retrying.retry_onboarding(onboarding_id=started["onboarding_id"])
