"""What a business is set up with, through the real SDKs: subaccounts, numbers, applications, keys."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.sandbox.listener import Listener
from tests.sandbox.process import ACCOUNT, APPLICATION, TOKEN, Sandbox, free_port, wait_until_up

US, CLIENT = "+14155207788", "+15558675310"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def studio(sandbox: Sandbox) -> Client:
    """A client of a subaccount with its own credentials."""
    made = sandbox.client().api.accounts.create(friendly_name="Studio North")
    return sandbox.client(user=made.sid, secret=made.auth_token)


def code_of(refused: pytest.ExceptionInfo[TwilioRestException]) -> tuple[int, int]:
    return refused.value.code, refused.value.status


def test_a_subaccount_is_made_and_found_by_its_name(sandbox: Sandbox) -> None:
    client = sandbox.client()
    made = client.api.accounts.create(friendly_name="Studio North")
    assert (made.status, made.owner_account_sid, made.type, len(made.auth_token)) == ("active", ACCOUNT, "Full", 32)
    assert [found.sid for found in client.api.accounts.list(friendly_name="Studio North")] == [made.sid]
    assert client.api.accounts(made.sid).fetch().auth_token == made.auth_token
    assert {one.sid for one in client.api.accounts.list()} == {made.sid, ACCOUNT}
    assert [(entry["kind"], entry["id"], entry["name"]) for entry in sandbox.made()] == [
        ("subaccount", made.sid, "Studio North")
    ]
    assert made.auth_token not in str(sandbox.made())


def test_a_subaccount_sees_itself_and_makes_no_other(sandbox: Sandbox, studio: Client) -> None:
    assert [one.sid for one in studio.api.accounts.list()] == [studio.account_sid]
    with pytest.raises(TwilioRestException) as refused:
        studio.api.accounts.create(friendly_name="another")
    assert code_of(refused) == (20003, 401)
    with pytest.raises(TwilioRestException) as refused:
        studio.api.accounts(ACCOUNT).fetch()
    assert code_of(refused) == (20003, 401)


def test_a_suspended_subaccount_sends_nothing_until_it_is_active(sandbox: Sandbox, studio: Client) -> None:
    owner = sandbox.client().api.accounts(studio.account_sid)
    assert owner.update(status="suspended").status == "suspended"
    with pytest.raises(TwilioRestException) as refused:
        studio.messages.create(to=CLIENT, from_=US, body="x")
    assert code_of(refused) == (20005, 403)
    owner.update(status="active")
    assert studio.messages.create(to=CLIENT, from_=US, body="x").account_sid == studio.account_sid


def test_a_closed_subaccount_releases_its_numbers_for_good(sandbox: Sandbox, studio: Client) -> None:
    studio.incoming_phone_numbers.create(phone_number=US)
    owner = sandbox.client().api.accounts(studio.account_sid)
    assert owner.update(status="closed").status == "closed"
    with pytest.raises(TwilioRestException):
        owner.update(status="active")
    assert sandbox.client().incoming_phone_numbers.create(phone_number=US).account_sid == ACCOUNT


def test_its_callbacks_carry_its_account_and_its_signature(sandbox: Sandbox, omega: Listener, studio: Client) -> None:
    sandbox.faults(callbacks={"sent_ms": 5, "delivered_ms": 5})
    studio.messages.create(to=CLIENT, from_=US, body="x", status_callback=f"{omega.url}/status?mid=1")
    hook = omega.wait_for(2)[0]
    signature, url = hook.headers["X-Twilio-Signature"], omega.url + hook.path
    assert hook.form["AccountSid"] == studio.account_sid
    assert RequestValidator(studio.auth[1]).validate(url, hook.form, signature)
    assert not RequestValidator(TOKEN).validate(url, hook.form, signature)


def test_a_number_is_bought_pointed_and_found(sandbox: Sandbox, studio: Client) -> None:
    offered = studio.available_phone_numbers("US").local.list(area_code="628", limit=3)
    assert [one.phone_number[:5] for one in offered] == ["+1628"] * 3
    bought = studio.incoming_phone_numbers.create(
        phone_number=offered[0].phone_number, friendly_name="Front desk", sms_url="https://omega.example.com/in"
    )
    assert (bought.account_sid, bought.capabilities["sms"], bought.sms_method) == (studio.account_sid, True, "POST")
    again = studio.available_phone_numbers("US").local.list(area_code="628", limit=3)
    assert offered[0].phone_number not in [one.phone_number for one in again]
    changed = studio.incoming_phone_numbers(bought.sid).update(
        voice_url="https://omega.example.com/v", sms_method="GET"
    )
    assert (changed.voice_url, changed.sms_url, changed.sms_method) == (
        "https://omega.example.com/v", "https://omega.example.com/in", "GET",
    )  # fmt: skip
    for wanted in ({"phone_number": bought.phone_number}, {"phone_number": "1628*"}, {"friendly_name": "Front desk"}):
        assert [one.sid for one in studio.incoming_phone_numbers.list(**wanted)] == [bought.sid]
    assert sandbox.client().incoming_phone_numbers.list() == []
    assert studio.incoming_phone_numbers(bought.sid).delete()
    assert studio.incoming_phone_numbers.list() == []
    assert sandbox.made(kind="number")[0]["removed_at"] is not None


def test_a_number_by_its_area_code(sandbox: Sandbox) -> None:
    client = sandbox.client()
    assert client.incoming_phone_numbers.create(area_code="212").phone_number.startswith("+1212")
    assert client.available_phone_numbers("US").toll_free.list(limit=1)[0].phone_number.startswith("+18")
    assert len(client.available_phone_numbers("GB").mobile.list()) == 30


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"PhoneNumber": "+15005550000"}, 21422),
        ({"PhoneNumber": "+15005550001"}, 21421),
        ({"PhoneNumber": "javascript:"}, 21421),
        ({"AreaCode": "533"}, 21452),
        ({"AreaCode": "1"}, 21451),
        ({}, 21421),
        ({"PhoneNumber": US, "SmsUrl": "ftp://x"}, 21402),
        ({"PhoneNumber": US, "VoiceUrl": "https://omega_web/x"}, 21402),
        ({"PhoneNumber": US, "SmsMethod": "PUT"}, 21403),
        ({"PhoneNumber": US, "VoiceApplicationSid": "AP0"}, 20404),
    ],
)
def test_a_purchase_without_sense_is_refused(sandbox: Sandbox, form: dict[str, str], code: int) -> None:
    answer = sandbox.post(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json", **form)
    assert (answer.json()["code"], answer.status_code) == (code, 404 if code == 20404 else 400)
    assert sandbox.made() == []


def test_a_number_is_sold_once_and_sends_for_its_owner(sandbox: Sandbox, studio: Client) -> None:
    studio.incoming_phone_numbers.create(phone_number=US)
    with pytest.raises(TwilioRestException) as refused:
        sandbox.client().incoming_phone_numbers.create(phone_number=US)
    assert code_of(refused) == (21422, 400)
    with pytest.raises(TwilioRestException) as refused:
        sandbox.client().messages.create(to=CLIENT, from_=US, body="x")
    assert code_of(refused) == (21660, 400)
    assert studio.messages.create(to=CLIENT, from_=US, body="x").status == "queued"


def test_a_trial_account_is_refused_on_demand(sandbox: Sandbox) -> None:
    sandbox.faults(twilio={"mode": "reject", "code": 21404})
    with pytest.raises(TwilioRestException) as refused:
        sandbox.client().incoming_phone_numbers.create(phone_number=US)
    assert code_of(refused) == (21404, 400)


def test_a_number_moves_between_accounts(sandbox: Sandbox, studio: Client) -> None:
    bought = sandbox.client().incoming_phone_numbers.create(phone_number=US)
    moved = sandbox.client().incoming_phone_numbers(bought.sid).update(account_sid=studio.account_sid)
    assert moved.account_sid == studio.account_sid
    assert [one.sid for one in studio.incoming_phone_numbers.list()] == [bought.sid]


def test_a_text_goes_where_its_number_points(sandbox: Sandbox, omega: Listener, studio: Client) -> None:
    studio.incoming_phone_numbers.create(phone_number=US, sms_url=f"{omega.url}/studio?b=7#rc=2")
    sandbox.texts(**{"from": CLIENT, "to": US, "body": "hello"})
    hook = omega.wait_for(1)[0]
    assert (hook.path, hook.form["AccountSid"]) == ("/studio?b=7", studio.account_sid)
    signature = hook.headers["X-Twilio-Signature"]
    assert RequestValidator(studio.auth[1]).validate(omega.url + hook.path, hook.form, signature)
    sandbox.texts(**{"from": CLIENT, "to": "+15017122661", "body": "hello"})
    assert omega.hooks[1].path == "/omega/twilio/sms/reply"


def test_an_application_speaks_for_its_numbers(sandbox: Sandbox, omega: Listener, studio: Client) -> None:
    made = studio.applications.create(friendly_name="desk", sms_url=f"{omega.url}/app", sms_method="GET")
    assert [one.sid for one in studio.applications.list(friendly_name="desk")] == [made.sid]
    number = studio.incoming_phone_numbers.create(phone_number=US, sms_application_sid=made.sid)
    assert number.sms_application_sid == made.sid
    sandbox.texts(**{"from": CLIENT, "to": US, "body": "a & b"})
    hook = omega.wait_for(1)[0]
    assert (hook.method, hook.path.partition("?")[0], hook.body) == ("GET", "/app", b"")
    assert RequestValidator(studio.auth[1]).validate(omega.url + hook.path, {}, hook.headers["X-Twilio-Signature"])
    assert studio.applications(made.sid).update(voice_url=f"{omega.url}/v").sms_url == f"{omega.url}/app"
    assert studio.applications(made.sid).delete()


def test_a_key_opens_its_account_but_not_its_keys(sandbox: Sandbox, studio: Client) -> None:
    made = studio.new_keys.create(friendly_name="omega")
    keyed = sandbox.client(user=made.sid, secret=made.secret, account=studio.account_sid)
    assert keyed.messages.create(to=CLIENT, from_=US, body="x").account_sid == studio.account_sid
    for attempt in (keyed.new_keys.create, keyed.api.accounts(studio.account_sid).fetch):
        with pytest.raises(TwilioRestException) as refused:
            attempt()
        assert code_of(refused) == (20003, 401)
    with pytest.raises(TwilioException, match="20003"):  # the SDK's pages raise their own
        keyed.keys.list()
    assert [key.friendly_name for key in studio.keys.list()] == ["omega"]
    studio.keys(made.sid).delete()
    with pytest.raises(TwilioException, match="20003"):
        keyed.messages.list()


def test_a_list_has_pages(sandbox: Sandbox) -> None:
    client = sandbox.client()
    made = [client.applications.create(friendly_name=f"n {n}").sid for n in range(7)]
    assert [one.sid for one in client.applications.stream(page_size=3)] == [*made[::-1], APPLICATION]
    page = client.applications.page(page_size=3)
    assert [one.sid for one in page.next_page().previous_page()] == [one.sid for one in page]


def test_a_call_that_was_cut_has_made_its_thing_once(sandbox: Sandbox) -> None:
    sandbox.faults(twilio={"mode": "accept_then_cut", "count": 1})
    with pytest.raises(requests.ConnectionError):
        sandbox.client().api.accounts.create(friendly_name="Studio North")
    sandbox.faults(twilio={"mode": "500", "count": 1, "to": [US]})
    with pytest.raises(TwilioRestException):
        sandbox.client().incoming_phone_numbers.create(phone_number=US)
    assert [(entry["kind"], entry["name"]) for entry in sandbox.made()] == [("subaccount", "Studio North")]
    assert len(sandbox.client().api.accounts.list(friendly_name="Studio North")) == 1


def test_a_test_may_bring_an_account_and_a_number_along(sandbox: Sandbox) -> None:
    sid = "AC" + "5" * 32
    requests.put(f"{sandbox.base_url}/accounts/{sid}", json={"auth_token": "own"}, timeout=5)
    answer = requests.put(f"{sandbox.base_url}/numbers/{US}", json={"account_sid": sid}, timeout=5)
    assert answer.json()["phone_number"] == US
    client = sandbox.client(user=sid, secret="own")
    assert [one.phone_number for one in client.incoming_phone_numbers.list(phone_number=US)] == [US]
    assert {entry["made_by"] for entry in sandbox.made()} == {"control"}
    assert requests.put(f"{sandbox.base_url}/numbers/{US}", json={}, timeout=5).status_code == 422


def test_what_was_set_up_outlives_a_kill(tmp_path: Path) -> None:
    port = free_port()
    environ = os.environ | {
        "SANDBOX_PORT": str(port), "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN,
        "OMEGA_HOME": str(tmp_path), "TWILIO_TWIML_APP_SID": APPLICATION,
    }  # fmt: skip
    sub = None
    for _start in range(2):
        process = subprocess.Popen([sys.executable, "-m", "sandbox"], env=environ, stdout=subprocess.DEVNULL, cwd=ROOT)
        try:
            sandbox = Sandbox(f"http://127.0.0.1:{port}", process.pid)
            wait_until_up(f"{sandbox.base_url}/faults", process)
            client = sandbox.client()
            sub = sub or client.api.accounts.create(friendly_name="Studio North")
            own = sandbox.client(user=sub.sid, secret=sub.auth_token)
            assert own.incoming_phone_numbers.list() or own.incoming_phone_numbers.create(phone_number=US)
            assert client.applications(APPLICATION).fetch().voice_url.endswith("/omega/voice-calls/twiml")
            assert [entry["kind"] for entry in sandbox.made()] == ["subaccount", "number"]
        finally:
            process.kill()
            process.wait()
    assert (tmp_path / "sandbox-provisioning.jsonl").stat().st_mode & 0o777 == 0o600
