"""The steps, one after the other, in process: what they make here and at the carrier."""

import secrets

import pytest
from django.test import override_settings

from accounts.models import ApiKey, Location, ProviderAccount, Sender, Staff
from accounts.services.credentials import find_api_key
from conversations.models import Message
from messaging.models import Template
from omega_project.lib import sealing
from tests.contract.world import a_platform_key, at_once, call, get
from tests.onboarding import world
from tests.onboarding.world import phone

pytestmark = pytest.mark.django_db
HOOKS = "http://testserver/omega/"
AGAIN = "#rc=3&rp=5xx,ct,rt"


def secrets_of(started):
    row = ProviderAccount.objects.get(business_id=started["business_id"], provider="twilio")
    return row, sealing.unseal(row.secrets)


def senders(started):
    rows = Sender.objects.filter(business_id=started["business_id"])
    return {(row.channel, row.address): row for row in rows}


def test_a_business_is_signed_up(carrier):
    started = world.onboarded(carrier)
    assert {status for status, _ in world.details(started).values()} <= {"done", "skipped"}, world.details(started)
    place = Location.objects.get(business_id=started["business_id"])
    staff = Staff.objects.filter(business_id=started["business_id"])
    assert {(one.name, one.role, one.availability) for one in staff} == {
        ("Mo Reyes", "agent", "available"), ("Mei Tanaka", "owner", "available"),
    }  # fmt: skip
    assert list(staff.get(name="Mo Reyes").locations.all()) == [place]
    assert Template.objects.filter(business_id=started["business_id"]).count() == 5


def test_the_number_is_pointed_at_omega(carrier):
    body = world.a_request()
    started = world.onboard(body)
    world.go(started)
    account, _ = secrets_of(started)
    (made,) = carrier.made("number")
    assert (made["name"], made["account_sid"]) == (body["senders"][0]["address"], account.account_id)
    values = made["values"]
    assert values["sms_url"] == f"{HOOKS}twilio/sms/reply{AGAIN}"
    assert values["voice_url"] == f"{HOOKS}voice-calls/twiml{AGAIN}"
    assert values["status_callback"] == f"{HOOKS}twilio/voice/status{AGAIN}"
    assert {values["sms_method"], values["voice_method"], values["status_callback_method"]} == {"POST"}


def test_a_number_for_texts_takes_calls_too_and_has_its_rate(carrier):
    started = world.onboarded(carrier)
    rows = senders(started)
    assert {channel for channel, _ in rows} == {"sms", "voice"}
    for (channel, _), row in rows.items():
        assert (row.is_active, row.is_default, row.provider, row.location.name) == (True, True, "twilio", "Lotus SoHo")
        assert row.messages_per_second == (1 if channel == "sms" else None)


def test_rates_by_the_kind_of_number(carrier):
    rows = [{"channel": "sms", "address": one} for one in ("+18885551234", "55512", "Lotus", "+4915123456789")]
    started = world.onboarded(carrier, senders=rows)
    found = {
        address: row.messages_per_second for (channel, address), row in senders(started).items() if channel == "sms"
    }
    assert found == {"+18885551234": 3, "55512": 100, "Lotus": 10, "+4915123456789": 1}
    assert {address for channel, address in senders(started) if channel == "voice"} == {
        "+18885551234",
        "+4915123456789",
    }
    assert "55512 is taken as it is: at Twilio, set its webhook" in world.step(started, "senders").detail


def test_a_sender_for_calls_takes_the_calls(carrier):
    rows = [{"channel": "sms", "address": phone()}, {"channel": "voice", "address": phone()}]
    started = world.onboarded(carrier, senders=rows)
    assert {key: row.is_default for key, row in senders(started).items()} == {
        ("sms", rows[0]["address"]): True,
        ("voice", rows[1]["address"]): True,
    }


def test_the_default_is_the_one_that_says_so(carrier):
    rows = [{"channel": "sms", "address": phone()}, {"channel": "sms", "address": phone(), "is_default": True}]
    started = world.onboarded(carrier, senders=rows)
    assert [senders(started)["sms", row["address"]].is_default for row in rows] == [False, True]


@pytest.mark.parametrize(
    ("wish", "begins"),
    [
        ({"area_code": "415"}, "+1415"),
        ({"kind": "toll_free"}, "+18"),
        ({"country": "GB", "kind": "mobile"}, "+447"),
        ({}, "+1"),
    ],
)
def test_a_number_is_bought(carrier, wish, begins):
    started = world.onboarded(carrier, senders=[{"channel": "sms", "buy": wish}])
    (made,) = carrier.made("number")
    assert made["name"].startswith(begins)
    assert made["values"]["friendly_name"] == f"{world.onboarding(started).reference} #1"
    assert ("sms", made["name"]) in senders(started)
    assert world.step(started, "senders").detail == f"{made['name']} is bought."


def test_a_subaccount_is_made_with_what_calls_need(carrier):
    started = world.onboarded(carrier)
    row, found = secrets_of(started)
    (account,), (application,), (key,) = (carrier.made(kind) for kind in ("subaccount", "application", "key"))
    assert row.account_id == account["id"]
    assert account["name"] == application["name"] == world.onboarding(started).reference
    assert (found["twiml_app_sid"], found["api_key_sid"]) == (application["id"], key["id"])
    assert application["account_sid"] == key["account_sid"] == account["id"]
    assert application["values"]["voice_url"] == f"{HOOKS}voice-calls/twiml{AGAIN}"
    assert found["auth_token"].encode() not in bytes(row.secrets)


def test_the_platforms_account_is_used_where_the_request_says_so(carrier):
    number = phone()
    carrier.owns(number)
    started = world.onboarded(
        carrier, senders=[{"channel": "sms", "address": number}], settings={"twilio": {"account": "platform"}}
    )
    assert not ProviderAccount.objects.exists()
    assert carrier.made("subaccount") == []
    assert world.step(started, "senders").detail == f"{number} is used."


def test_a_number_of_the_platform_is_moved_to_the_subaccount(carrier):
    number = phone()
    carrier.owns(number)
    started = world.onboarded(carrier, senders=[{"channel": "sms", "address": number}])
    (made,) = carrier.made("number")
    assert made["account_sid"] == secrets_of(started)[0].account_id
    assert made["values"]["sms_url"].startswith(f"{HOOKS}twilio/sms/reply")
    assert "is moved to the business's account" in world.step(started, "senders").detail


def own_account(carrier):
    sid, token = "AC" + secrets.token_hex(16), secrets.token_hex(16)
    carrier.account(sid, token)
    return {"account_sid": sid, "auth_token": token}


def test_an_account_of_the_businesss_own_is_used(carrier):
    given, number = own_account(carrier), phone()
    carrier.owns(number, account_sid=given["account_sid"])
    started = world.onboarded(carrier, senders=[{"channel": "sms", "address": number}], settings={"twilio": given})
    row, found = secrets_of(started)
    assert (row.account_id, found["auth_token"]) == (given["account_sid"], given["auth_token"])
    assert found["api_key_sid"].startswith("SK")
    assert len(carrier.made("subaccount")) == 1
    assert given["auth_token"] not in str(world.onboarding(started).request)


def test_an_account_belongs_to_one_business(carrier):
    given = own_account(carrier)
    first = world.onboarded(carrier, settings={"twilio": given})
    got = world.onboard(world.a_request(settings={"twilio": given}))
    assert (got.status, got["code"]) == (409, "account_taken")
    assert f"business {first['business_id']}" in got["detail"]


def test_the_test_message_goes_the_real_way(carrier):
    body = world.a_request()
    started = world.onboard(body)
    world.go(started)
    sent = Message.objects.get(business_id=started["business_id"])
    assert (sent.from_address, sent.to_address) == (body["senders"][0]["address"], body["owner"]["phone"])
    (seen,) = carrier.ask("GET", "/ledger")["results"]
    assert (seen["id"], seen["to"]) == (sent.provider_message_id, sent.to_address)
    assert "was sent" in world.step(started, "test_message").detail


def test_the_test_message_goes_to_itself_where_there_are_two_numbers(carrier):
    rows = [{"channel": "sms", "address": phone()} for _ in range(2)]
    started = world.onboarded(carrier, senders=rows)
    sent = Message.objects.get(business_id=started["business_id"])
    assert [sent.from_address, sent.to_address] == [row["address"] for row in rows]


def test_without_anybody_to_text_there_is_no_test_message(carrier):
    started = world.onboarded(carrier, owner=None)
    assert world.details(started)["test_message"][0] == "skipped"
    started = world.onboarded(carrier, settings={"test_message": False})
    assert world.details(started)["test_message"] == ("skipped", "The request wants no test message.")


def test_a_business_without_senders_is_signed_up_too(carrier):
    started = world.onboarded(carrier, senders=None, locations=None, staff=None, owner=None)
    found = world.details(started)
    skipped = {"locations", "staff", "provider_account", "senders", "email_sender", "test_message"}
    assert {name for name, (status, _) in found.items() if status == "skipped"} == skipped
    assert carrier.ask("GET", "/ledger/provisioning")["results"] == []


def test_the_key_is_given_once(carrier):
    started, key = world.onboarded(carrier), a_platform_key()
    path = f"/business/onboard/{started['onboarding_id']}"
    own = ApiKey.objects.get(business_id=started["business_id"])
    assert call("HEAD", path, key=key).status == 200
    first = get(path, key)
    assert first.headers["Cache-Control"] == "no-store"
    assert find_api_key(first["api_key"]) == {"id": own.pk, "business_id": started["business_id"]}
    assert get(path, key)["api_key"] is None
    assert get(f"/business/onboard/status?business_id={started['business_id']}", key)["api_key"] is None
    row = world.onboarding(started)
    assert row.api_key is None
    assert row.api_key_read_at is not None
    assert get(path, first["api_key"])["status"] == "completed"


def test_the_key_is_not_a_businesss_to_take(carrier):
    started = world.onboarded(carrier)
    staff = Staff.objects.filter(business_id=started["business_id"]).first()
    platform = a_platform_key()
    wanted = {"business_id": started["business_id"], "staff_id": staff.pk}
    token = call("POST", "/auth/token", key=platform, data=wanted)["access_token"]
    path = f"/business/onboard/{started['onboarding_id']}"
    assert call("GET", path, Authorization=f"Bearer {token}")["api_key"] is None
    assert get(path, platform)["api_key"]


@pytest.mark.django_db(transaction=True)
def test_of_two_readers_at_one_instant_one_gets_the_key(carrier):
    started, key = world.onboarded(carrier), a_platform_key()
    answers = at_once(6, lambda number: get(f"/business/onboard/{started['onboarding_id']}", key)["api_key"])
    assert len([one for one in answers if one]) == 1


def test_templates_and_quiet_hours_of_the_request(carrier):
    template = {"name": "Hello", "channel": "sms", "body": "Hi {{ first_name }}"}
    wishes = {"templates": [template], "quiet_hours": {"from": "20:00", "until": "09:30"}}
    started = world.onboarded(carrier, settings=wishes)
    assert list(Template.objects.filter(business_id=started["business_id"]).values_list("name", "body")) == [
        ("Hello", "Hi {{ first_name }}")
    ]
    made = world.business(started)
    assert (f"{made.quiet_from:%H:%M}", f"{made.quiet_until:%H:%M}") == ("20:00", "09:30")


def test_hours_and_calls_of_the_request(carrier):
    places = [
        {"external_id": "a", "name": "A", "hours": {"mon": [["08:00", "12:00"]]}},
        {"external_id": "b", "name": "B"},
    ]
    wishes = {"hours": {"sat": [["10:00", "14:00"]]}, "voice": {"greeting": "Hello", "texts_back": True}}
    started = world.onboarded(carrier, locations=places, staff=None, senders=[], settings=wishes)
    found = dict(Location.objects.filter(business_id=started["business_id"]).values_list("external_id", "hours"))
    assert found == {"a": {"mon": [["08:00", "12:00"]]}, "b": {"sat": [["10:00", "14:00"]]}}
    voice = world.business(started).voice_settings
    assert (voice.greeting, voice.texts_back, voice.ring_seconds) == ("Hello", True, 25)


def test_a_business_without_hours_is_told_that_it_is_rung_at_any_hour(carrier):
    told = world.details(world.onboarded(carrier))["defaults"]
    assert told == ("done", "5 templates at hand; no opening hours set: calls ring at any hour.")


def test_hours_that_make_no_sense_are_refused():
    places = [{"external_id": "soho", "name": "A", "hours": {"mon": [["9", "17"]]}}]
    assert world.onboard(world.a_request(locations=places)).faulty == {"body.locations.0.hours"}
    assert world.onboard(world.a_request(settings={"hours": {"someday": []}})).faulty == {"body.settings.hours"}


def test_a_key_that_cannot_be_opened_now_is_not_lost(carrier):
    started = world.onboarded(carrier)
    with override_settings(ENCRYPTION_KEYS=["another"]):
        assert world.state(started)["api_key"] is None
    assert world.state(started)["api_key"]
