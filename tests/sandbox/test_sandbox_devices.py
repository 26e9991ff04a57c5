"""Devices register with the real SDK's access tokens, or hear the real error."""

import base64
import json
import time

import pytest
import requests

from tests.sandbox.calling import call, plays, register, token
from tests.sandbox.listener import Listener
from tests.sandbox.process import ACCOUNT, APPLICATION, KEY, Sandbox

DAY = 86_400


@pytest.fixture(autouse=True)
def no_devices(sandbox: Sandbox) -> None:
    requests.delete(f"{sandbox.base_url}/device", timeout=5)


def refused(sandbox: Sandbox, given: str) -> int:
    answer = requests.post(f"{sandbox.base_url}/device/register", json={"token": given}, timeout=5)
    assert (answer.status_code, answer.json()["status"]) == (401, 401)
    return answer.json()["code"]


def resigned(given: str, **head: str) -> str:
    """The token with another head; its signature then is that of nothing."""
    _, claims, signature = given.split(".")
    packed = base64.urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")
    return f"{packed}.{claims}.{signature}"


def test_a_device_registers_and_renews(sandbox: Sandbox) -> None:
    device = register(sandbox).json()
    assert (device["identity"], device["account_sid"], device["application_sid"], device["incoming_allow"]) == (
        "user_42", ACCOUNT, APPLICATION, True,
    )  # fmt: skip
    register(sandbox)
    register(sandbox, "user_43")
    listed = requests.get(f"{sandbox.base_url}/device", timeout=5).json()["results"]
    assert [one["identity"] for one in listed] == ["user_42", "user_43"]


def test_a_token_that_is_none(sandbox: Sandbox) -> None:
    good = token()
    assert refused(sandbox, "x") == 20101
    assert refused(sandbox, "a.b.c") == 20101
    assert refused(sandbox, good.rpartition(".")[0]) == 20101
    assert refused(sandbox, good[:-4] + "AAAA") == 20107
    assert refused(sandbox, resigned(good, alg="none", typ="JWT", cty="twilio-fpa;v=1")) == 20102
    assert refused(sandbox, resigned(good, alg="HS256", typ="JWT")) == 20101


@pytest.mark.parametrize(("more", "code"), [
    ({"key": (KEY[0], "w" * 32)}, 20107),
    ({"key": ("SK9", KEY[1])}, 20103),
    ({"account": "AC" + "9" * 32}, 20103),
    ({"identity": None}, 20106),
    ({"identity": "ann@example.com"}, 20106),
    ({"ttl": -1}, 20104),
    ({"ttl": DAY + 3600}, 20157),
    ({"nbf": lambda: int(time.time()) + 600}, 20105),
])  # fmt: skip
def test_a_token_that_opens_nothing(sandbox: Sandbox, more: dict, code: int) -> None:
    asked = {name: value() if callable(value) else value for name, value in more.items()}
    assert refused(sandbox, token(**asked)) == code


def test_a_whole_day_is_the_longest(sandbox: Sandbox) -> None:
    assert register(sandbox, ttl=DAY).status_code == 200


def test_a_key_made_for_a_subaccount_signs_for_it(sandbox: Sandbox) -> None:
    made = sandbox.client().api.accounts.create(friendly_name="Studio")
    studio = sandbox.client(user=made.sid, secret=made.auth_token)
    key = studio.new_keys.create(friendly_name="omega")
    signed = {"key": (key.sid, key.secret), "account": made.sid}
    assert register(sandbox, **signed).json()["account_sid"] == made.sid
    assert refused(sandbox, token(key=(key.sid, key.secret))) == 20103
    studio.keys(key.sid).delete()
    assert refused(sandbox, token(**signed)) == 20103
    assert register(sandbox, key=KEY).status_code == 200


def test_omegas_own_page_may_use_a_device_and_another_may_not(sandbox: Sandbox, omega: Listener) -> None:
    url, body = f"{sandbox.base_url}/device/register", {"token": token()}
    answer = requests.post(url, json=body, headers={"Origin": omega.url}, timeout=5)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, omega.url)
    assert requests.options(url, headers={"Origin": omega.url}, timeout=5).headers["Access-Control-Allow-Methods"]
    assert requests.post(url, json=body, headers={"Origin": "http://evil"}, timeout=5).status_code == 403
    assert (
        "Access-Control-Allow-Origin" not in requests.options(url, headers={"Origin": "http://evil"}, timeout=5).headers
    )


def test_a_call_needs_a_device(sandbox: Sandbox) -> None:
    answer = requests.post(f"{sandbox.base_url}/device/user_42/call", json={"params": {}}, timeout=5)
    assert answer.status_code == 422
    register(sandbox)
    answer = requests.post(f"{sandbox.base_url}/device/user_42/call", json={"params": {"To": 5}}, timeout=5)
    assert answer.json()["detail"] == "params must be an object of texts."


def test_a_token_with_another_accounts_application_calls_nobody(sandbox: Sandbox) -> None:
    made = sandbox.client().api.accounts.create(friendly_name="Studio")
    studio = sandbox.client(user=made.sid, secret=made.auth_token)
    key = studio.new_keys.create()
    register(sandbox, "user_7", key=(key.sid, key.secret), account=made.sid)
    answer = requests.post(f"{sandbox.base_url}/device/user_7/call", json={"params": {}}, timeout=5)
    assert (answer.status_code, "21218" in answer.json()["detail"]) == (422, True)


def test_a_device_that_listens_is_rung_and_decides(sandbox: Sandbox, omega: Listener) -> None:
    plays(omega, twiml="<Response><Dial><Client><Identity>user_42</Identity>"
          "<Parameter name='conversation_id' value='c-1'/></Client></Dial></Response>")  # fmt: skip
    register(sandbox)
    stream = requests.get(
        f"{sandbox.base_url}/device/user_42/events", headers={"Origin": omega.url}, stream=True, timeout=10
    )
    assert stream.headers["Access-Control-Allow-Origin"] == omega.url
    call(sandbox, wait=False)
    seen = []
    for line in stream.iter_lines():
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line[6:])
        seen.append(event["status"])
        if event["status"] == "ringing":
            assert event["parameters"] == {"conversation_id": "c-1"}
            requests.post(f"{sandbox.base_url}/calls/{event['id']}/answer", headers={"Origin": omega.url}, timeout=5)
        if event["phase"] == "in-progress":
            requests.post(f"{sandbox.base_url}/calls/{event['id']}/hangup", timeout=5)
        if event["status"] == "completed":
            break
    stream.close()
    assert seen[0] == "queued"
    assert seen[-3:] == ["ringing", "in-progress", "completed"]
