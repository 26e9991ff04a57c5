"""Calls through all of omega: its programs, the carrier's devices and handsets, and what both sides keep of them."""

import pytest
import requests

from tests.support.processes import wait_for
from tests.voice.line import number


@pytest.fixture(autouse=True)
def _clean(line):
    line.clean()


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
    assert wait_for(lambda: line.message(caller)["media"] and _plays(line.message(caller)), 60)
    assert wait_for(lambda: len(line.texts_to(caller)) == 1, 60)
    assert "missed your call" in line.texts_to(caller)[0]["body"]
    assert line.message(caller)["conversation"]["status"] == "open"
    erased = lambda: call["recordings"][0] not in _recordings(line)  # noqa: E731
    assert wait_for(erased, 60), "the recording is still at the provider"


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
    phones = {f"client:{device}": {"answer": "no-answer", "after_ms": 3000}}
    line.calls_us(caller, hang_up_after_ms=300, phones=phones)
    assert line.told(caller, "Missed call", seconds=60)["is_read"] is False
