"""Onboarding on the real programs: a business from its request to its first answer, and workers that are killed."""

import os
import random
import signal
import time

import pytest

from tests.onboarding.live import Live, a_request, doubled, phone
from tests.settings import HOME
from tests.support.processes import Omega, lasting_place, wait_for

# As many as a machine has time for: ONBOARDINGS=200 with --timeout=0.
MANY = int(os.environ.get("ONBOARDINGS", "20"))


@pytest.fixture(scope="module")
def live():
    with lasting_place(HOME) as place:
        mails = place.home / "mails"
        with Omega(place, API_RATE_LIMIT="off", EMAIL_URL=f"filemail:///{mails}") as omega:
            omega.seed()
            omega.start_all()
            yield Live(omega, mails)


def test_from_the_request_to_the_first_answer(live):
    body = a_request(senders=[{"channel": "sms", "buy": {"area_code": "628"}}])
    started = live.onboard(body)
    state = live.finished([started], 60)[started["onboarding_id"]]
    assert state["status"] == "completed", state
    key, business = state["api_key"], started["business_id"]
    assert live.state(started)["api_key"] is None

    client = phone()
    sent = live.ask("POST", "/sms/queue", {"business_id": business, "to": client, "body": "Welcome!"}, key).json()
    path = f"/messages/{sent['message_id']}"
    assert wait_for(lambda: live.ask("GET", path, key=key).json()["status"] == "delivered", 60)
    number = live.ask("GET", path, key=key).json()["from"]
    assert number.startswith("+1628")

    live.carrier.ask("POST", "/handset/sms", {"from": client, "to": number, "body": "Thank you"})
    inbox = live.ask("GET", f"/businesses/{business}/conversations?unread=true", key=key).json()["results"]
    assert [(one["client"]["phone"], one["last_message"]["preview"]) for one in inbox] == [(client, "Thank you")]
    (own,) = live.carrier.made("number", name=number.replace("+", "%2B"))
    told = live.carrier.ask("GET", f"/ledger?to={client.replace('+', '%2B')}")["results"]
    assert own["account_sid"] != live.omega.environment["TWILIO_ACCOUNT_SID"]
    assert len(told) == 1


def test_twenty_places_and_two_hundred_staff_are_ten_seconds_of_work(live):
    body = a_request(locations=20, staff=200)
    began, before = time.monotonic(), live.busy_seconds()
    started = live.onboard(body)
    state = live.finished([started], 60)[started["onboarding_id"]]
    took, work = time.monotonic() - began, live.busy_seconds() - before
    print(f"20 places and 200 staff: {took:.1f} s, {work:.1f} s of work")  # noqa: T201
    assert state["status"] == "completed", state
    assert work < 10, f"{work:.1f} s"
    wanted = sorted(row["email"] for row in body["staff"])
    assert wait_for(lambda: len([one for one in live.invited() if one in wanted]) >= 200, 60)
    assert sorted(one for one in live.invited() if one in wanted) == wanted


def kill_one(live):
    """A worker at random is gone, and started again as the supervisor would."""
    name = random.choice(["worker-1", "worker-2"])
    live.omega.kill(name, signal.SIGKILL)
    assert wait_for(lambda: live.omega.children[name].has_ended)
    live.omega.start(name)


@pytest.mark.timeout(300)
def test_many_side_by_side_with_workers_killed_in_the_middle(live):
    began = time.monotonic()
    all_started = [live.onboard(a_request(staff=2)) for _ in range(MANY)]
    for _ in range(MANY // 5):
        time.sleep(0.4)
        kill_one(live)
    found = live.finished(all_started, 60 + 3 * MANY)
    assert {state["status"] for state in found.values()} == {"completed"}, found
    assert len({state["api_key"] for state in found.values() if state["api_key"]}) == MANY
    assert doubled(live.carrier) == []
    accounts = {row["id"]: row["name"] for row in live.carrier.made("subaccount")}
    numbers = [row["account_sid"] for row in live.carrier.made("number")]
    assert len(set(numbers)) == len(numbers) <= len(accounts)
    print(f"{MANY} onboarded, the last after {time.monotonic() - began:.1f} s")  # noqa: T201
    assert len(set(live.invited())) == len(live.invited())
