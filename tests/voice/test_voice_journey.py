"""Calls through all of omega: its programs, the carrier's devices and handsets, and what both sides keep of them."""

import itertools
import time

import pytest
import requests

from tests.support.processes import Omega, Place, wait_for

_numbers = itertools.count(4_100_200)


class Line:
    """One business of a running omega, called and calling."""

    def __init__(self, omega: Omega):
        self.omega, business = omega, omega.seed()["businesses"][1]
        self.business_id, self.key, self.sender = business["id"], business["api_key"], business["sms_sender"]
        self.staff = self.get(f"/businesses/{self.business_id}/staffs?page_size=100")["results"]

    def get(self, path):
        got = requests.get(self.omega.base_url + path, headers={"X-API-KEY": self.key}, timeout=20)
        assert got.status_code == 200, (path, got.status_code, got.text[:500])
        return got.json()

    def carrier(self, method, path, body=None):
        got = requests.request(method, self.omega.sandbox_url + path, json=body, timeout=60)
        assert got.ok, got.text
        return got.json() if got.content else None

    def register(self, member):
        """A staff member's device, by a token of omega's; its identity."""
        token = self.get(f"/voice-calls/token?business_id={self.business_id}&staff_id={member['id']}")
        shown = self.carrier("POST", "/device/register", {"token": token["token"]})
        assert shown["identity"] == token["identity"]
        return token["identity"]

    def calls_us(self, caller, **script):
        """A client calls; the call as the carrier's ledger has it when it is over."""
        body = {"from": caller, "to": self.sender, "script": script}
        call = self.carrier("POST", "/handset/call", body)["call"]
        assert call["errors"] == [], call
        return call

    def texts_to(self, caller):
        """The texts that the carrier took for a client."""
        return self.carrier("GET", f"/ledger?kind=message&to=%2B{caller[1:]}")["results"]

    def message(self, caller):
        """The call's message of a client, as the API shows it."""
        query = f"/businesses/{self.business_id}/conversations?q=%2B{caller[1:]}"
        found = [one for one in self.get(query)["results"] if one["client"]["phone"] == caller]
        if not found:
            return None
        ids = self.business_id, found[0]["client"]["id"], found[0]["id"]
        rows = self.get("/businesses/{}/clients/{}/conversations/{}/messages?channel=voice".format(*ids))["results"]
        return rows[0] | {"conversation": found[0]}

    def told(self, caller, line, seconds=20):
        """The message once it tells the call by this line."""
        assert wait_for(lambda: (self.message(caller) or {}).get("body") == line, seconds), self.message(caller)
        return self.message(caller)


def number():
    return f"+1415{next(_numbers)}"


@pytest.fixture(scope="module")
def line(place: Place):
    with Omega(place, API_RATE_LIMIT="off") as omega:
        omega.seed()
        omega.manage(
            "shell", "-c", "from voice.services.preferences import save_preferences as s; "
            "[s(business_id=b, texts_back=True, erases_at_provider=True, ring_seconds=5) for b in (1, 2)]",
        )  # fmt: skip
        omega.start_all()
        yield Line(omega)


@pytest.fixture(autouse=True)
def _clean(line):
    for path in ("/ledger", "/faults", "/phones", "/device"):
        line.carrier("DELETE", path)


def test_a_client_is_answered_by_a_staff_members_device(line):
    caller, member = number(), line.staff[0]
    device = line.register(member)
    call = line.calls_us(caller, phones={f"client:{device}": {"answer": "yes", "talk_seconds": 130}})
    assert [leg["status"] for leg in call["legs"] if leg["to"] == f"client:{device}"] == ["completed"]
    told = line.told(caller, f"Call answered by {member['name']}, 2 min 10 s")
    assert (told["call"]["answered_by"], told["call"]["duration"]) == (member["name"], 130)
    assert (told["is_read"], told["conversation"]["unread_count"]) == (True, 0)


def test_a_missed_call_leaves_a_voicemail_that_plays_and_is_texted_back_once(line):
    caller = number()
    call = line.calls_us(caller, voicemail_seconds=4)
    assert len(call["recordings"]) == 1
    assert any("leave a message" in words for words in call["spoken"])
    assert line.told(caller, "Missed call, voicemail of 4 s")["is_read"] is False
    assert wait_for(lambda: line.message(caller)["media"] and _plays(line.message(caller)), 20)
    assert wait_for(lambda: len(line.texts_to(caller)) == 1, 20)
    assert "missed your call" in line.texts_to(caller)[0]["body"]
    assert line.message(caller)["conversation"]["status"] == "open"
    erased = lambda: call["recordings"][0] not in _recordings(line)  # noqa: E731
    assert wait_for(erased, 30), "the recording is still at the provider"


def _plays(message):
    """Whether the recording is our own copy, whole, and sound."""
    got = requests.get(message["call"]["recording_url"], timeout=10)
    return got.status_code == 200 and got.headers["Content-Type"] == "audio/mpeg" and len(got.content) > 1000


def _recordings(line):
    environment = line.omega.environment
    account, token = environment["TWILIO_ACCOUNT_SID"], environment["TWILIO_AUTH_TOKEN"]
    url = f"{line.omega.sandbox_url}/2010-04-01/Accounts/{account}/Recordings.json"
    found = requests.get(url, auth=(account, token), timeout=10).json()["recordings"]
    return [one["sid"] for one in found]


def test_a_staff_member_calls_a_client(line):
    caller, member = number(), line.staff[0]
    device = line.register(member)
    body = {"params": {"To": caller}, "script": {"phones": {caller: {"answer": "yes", "talk_seconds": 61}}}}
    call = line.carrier("POST", f"/device/{device}/call", body)["call"]
    assert (call["errors"], [leg["from"] for leg in call["legs"]]) == ([], [line.sender])
    told = line.told(caller, "Outgoing call, 1 min 1 s")
    assert told["status"] == "delivered"
    assert (told["staff_id"], told["call"]["staff_id"]) == (member["id"], member["id"])


def test_a_staff_members_call_that_is_refused_is_spoken(line):
    device = line.register(line.staff[0])
    call = line.carrier("POST", f"/device/{device}/call", {"params": {"To": "javascript:alert(1)"}})["call"]
    assert (call["errors"], call["legs"]) == ([], [])
    assert "no phone number" in call["spoken"][0]


def test_reports_that_are_doubled_and_shuffled_tell_the_same(line):
    line.carrier("PUT", "/faults", {"callbacks": {"duplicate": 1.0, "shuffle": True, "delay_ms": 30}})
    caller, member = number(), line.staff[0]
    device = line.register(member)
    for _ in range(3):
        line.calls_us(caller, phones={f"client:{device}": {"answer": "yes", "talk_seconds": 7}})
    told = line.told(caller, f"Call answered by {member['name']}, 7 s")
    assert told["conversation"]["unread_count"] == 0


def test_reports_that_were_lost_are_asked_for(line):
    line.carrier("PUT", "/faults", {"callbacks": {"drop": 1.0}})
    caller, member = number(), line.staff[0]
    device = line.register(member)
    line.calls_us(caller, phones={f"client:{device}": {"answer": "yes", "talk_seconds": 9}})
    line.told(caller, f"Call answered by {member['name']}, 9 s", seconds=60)


def test_a_caller_who_gives_up_while_it_rings_has_missed_us(line):
    caller, member = number(), line.staff[0]
    device = line.register(member)
    began = time.monotonic()
    phones = {f"client:{device}": {"answer": "no-answer", "after_ms": 3000}}
    line.calls_us(caller, hang_up_after_ms=300, phones=phones)
    assert line.told(caller, "Missed call", seconds=60)["is_read"] is False
    assert time.monotonic() - began < 60
