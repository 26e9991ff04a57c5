"""The door: who may ask, what is refused, and that one business is one onboarding."""

import pytest

from accounts.models import Business, Sender
from onboarding.models import Onboarding
from tests.contract.world import a_platform_key, a_studio, at_once, call, get, post
from tests.onboarding.world import a_request, onboard, onboarding, phone, step

pytestmark = pytest.mark.django_db


def test_a_request_is_a_business_at_once():
    started = onboard(a_request(name="Lotus", timezone="Europe/Berlin", country="de"))
    assert (started.status, set(started.body)) == (202, {"onboarding_id", "business_id", "status"})
    assert started["status"] == "in_progress"
    made = Business.objects.get(pk=started["business_id"])
    assert (made.name, made.timezone, made.country, made.status) == ("Lotus", "Europe/Berlin", "DE", "active")
    found = get(f"/business/onboard/{started['onboarding_id']}", a_platform_key())
    assert [row["name"] for row in found["steps"]][:3] == ["validate", "create_business", "locations"]
    assert [row["status"] for row in found["steps"]][:3] == ["done", "done", "pending"]
    assert found["api_key"] is None


def test_the_least_that_must_be_said():
    started = onboard({"external_id": "least", "name": "Least", "timezone": "UTC"})
    assert started.status == 202, started.raw


def test_only_the_platform_may():
    studio = a_studio()
    assert onboard(a_request(), studio.key).status == 403
    token = post("/auth/token", {"business_id": studio.id}, a_platform_key())["access_token"]
    assert call("POST", "/business/onboard", data=a_request(), Authorization=f"Bearer {token}").status == 403
    assert not Onboarding.objects.exists()


BAD = {
    "timezone": ({"timezone": "Moon/Base"}, {"body.timezone"}),
    "country": ({"country": "XX"}, {"body.country"}),
    "nothing": ({"name": " ", "external_id": ""}, {"body.name", "body.external_id"}),
    "unknown field": ({"nmae": "x"}, {"body.nmae"}),
    "nul": ({"name": "a\0b"}, {"body.name"}),
    "wrong types": (
        {"locations": {}, "staff": 1, "senders": "x", "owner": [], "settings": 3},
        {"body.locations", "body.staff", "body.senders", "body.owner", "body.settings"},
    ),
    "rows of wrong types": (
        {"locations": [1], "staff": [None], "senders": [[]]},
        {"body.locations.0", "body.staff.0", "body.senders.0"},
    ),
    "10,000 staff": ({"staff": [{"external_id": f"s{n}", "name": "x"} for n in range(10_000)]}, {"body.staff"}),
    "doubled rows": (
        {"locations": [{"external_id": "soho", "name": "A"}, {"external_id": "soho", "name": "B"}]},
        {"body.locations.1.external_id"},
    ),
    "a nameless location": ({"locations": [{"external_id": "soho"}]}, {"body.locations.0.name"}),
    "a location's zone": (
        {"locations": [{"external_id": "soho", "name": "A", "timezone": "x"}]}, {"body.locations.0.timezone"},
    ),
    "a strange location": (
        {"staff": [{"external_id": "a", "name": "A", "location_external_ids": ["mars"]}]},
        {"body.staff.0.location_external_ids"},
    ),
    "a national number": ({"owner": {"name": "A", "phone": "12345678901234"}}, {"body.owner.phone"}),
    "an owner twice": (
        {"owner": {"name": "A", "external_id": "mo"}}, {"body.owner.external_id"},
    ),
    "own credentials in halves": (
        {"settings": {"twilio": {"account_sid": "AC" + "a" * 32}}}, {"body.settings.twilio.auth_token"},
    ),
    "credentials for a subaccount": (
        {"settings": {"twilio": {"account": "subaccount", "auth_token": "x"}}}, {"body.settings.twilio.account"},
    ),
    "quiet hours": ({"settings": {"quiet_hours": {"from": "25:00"}}},
        {"body.settings.quiet_hours.from", "body.settings.quiet_hours.until"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused(name):
    fields, places = BAD[name]
    got = onboard(a_request(**fields))
    assert got.faulty == places, got.raw
    assert not Onboarding.objects.exists()


SENDERS = {
    "no address": ({"channel": "sms"}, "address"),
    "address and purchase": ({"channel": "sms", "address": "+12125550199", "buy": {}}, "buy"),
    "mail to buy": ({"channel": "email", "buy": {}}, "buy"),
    "a national number": ({"channel": "sms", "address": "212 555 0199"}, "address"),
    "seven digits": ({"channel": "sms", "address": "1234567"}, "address"),
    "a long name": ({"channel": "sms", "address": "Lotus Day Spa"}, "address"),
    "a name for calls": ({"channel": "voice", "address": "Lotus"}, "address"),
    "no mail address": ({"channel": "email", "address": "hello"}, "address"),
    "an unknown provider": ({"channel": "sms", "address": "+12125550199", "provider": "pigeon"}, "provider"),
    "mail by Twilio": ({"channel": "email", "address": "a@b.example", "provider": "twilio"}, "provider"),
    "an unknown channel": ({"channel": "fax", "address": "+12125550199"}, "channel"),
    "an unknown location": ({"channel": "sms", "address": "+12125550199", "location": "mars"}, "location"),
}


@pytest.mark.parametrize("name", SENDERS)
def test_a_sender_that_cannot_be_is_refused(name):
    row, field = SENDERS[name]
    got = onboard(a_request(senders=[row]))
    assert got.faulty == {f"body.senders.0.{field}"}, got.raw


def test_every_fault_is_in_one_answer():
    row = {"channel": "sms", "address": "1234567"}
    got = onboard(a_request(timezone="x", senders=[row, {"channel": "sms"}], settings={"twilio": {"account": "own"}}))
    wanted = {"body.timezone", "body.senders.0.address", "body.senders.1.address"}
    assert got.faulty == wanted | {"body.settings.twilio.account_sid", "body.settings.twilio.auth_token"}


def test_two_senders_with_one_number_are_refused():
    number = phone()
    rows = [{"channel": "sms", "address": number}, {"channel": "sms", "address": f" {number} "}]
    assert onboard(a_request(senders=rows)).faulty == {"body.senders.1.address"}
    rows[1]["channel"] = "voice"
    assert onboard(a_request(senders=rows)).status == 202  # one number, for texts and for calls


def test_two_defaults_are_refused():
    rows = [{"channel": "sms", "address": phone(), "is_default": True} for _ in range(2)]
    assert onboard(a_request(senders=rows)).faulty == {"body.senders"}


@pytest.mark.parametrize("channel", ["sms", "voice"])
def test_a_number_that_another_business_has_is_named(channel):
    studio = a_studio(name="Harbor Physio")
    body = a_request(senders=[{"channel": channel, "address": studio.sender}])
    got = onboard(body)
    assert (got.status, got["code"]) == (409, "sender_taken")
    assert studio.sender in got["detail"]
    assert f"business {studio.id} (Harbor Physio)" in got["detail"]
    assert not Business.objects.filter(external_id=body["external_id"]).exists()


def test_a_number_is_kept_from_the_first_moment():
    first = a_request()
    assert onboard(first).status == 202
    again = onboard(a_request(senders=first["senders"]))
    assert (again.status, again["code"]) == (409, "sender_taken")


def test_a_name_may_be_shared():
    for _ in range(2):
        assert onboard(a_request(senders=[{"channel": "sms", "address": "Lotus"}])).status == 202


def test_the_same_external_id_is_the_same_onboarding():
    body = a_request()
    first, second = onboard(body), onboard(body)
    assert (second.status, second.body) == (202, first.body)
    other = onboard(body | {"name": "Another name"})
    assert other.body == first.body
    assert Business.objects.get(pk=first["business_id"]).name == body["name"]
    Onboarding.objects.update(status="completed")
    done = onboard(body)
    assert (done.status, done["status"], done["onboarding_id"]) == (200, "completed", first["onboarding_id"])


def test_a_business_that_was_made_otherwise_is_left_alone():
    made = Business.objects.create(name="By hand", external_id="by-hand")
    got = onboard(a_request(external_id="by-hand"))
    assert (got.status, got["code"]) == (409, "business_exists")
    assert f"Business {made.pk} (By hand)" in got["detail"]


def test_the_same_request_id_is_the_first_answer_again():
    body = a_request(request_id="signup-1")
    first = onboard(body)
    Onboarding.objects.update(status="completed")
    again = onboard(body)
    assert (again.status, again.body, again.headers["Idempotent-Replayed"]) == (202, first.body, "true")
    assert "Idempotent-Replayed" not in first.headers
    other = onboard(body | {"name": "Other"})
    assert (other.status, other["code"]) == (409, "request_id_conflict")
    assert onboard(a_request(request_id="signup-1"))["code"] == "request_id_conflict"


def test_the_request_id_may_be_in_the_header():
    body = a_request()
    first = onboard(body, Idempotency_Key="signup-2")
    assert onboard(body, Idempotency_Key="signup-2").headers["Idempotent-Replayed"] == "true"
    assert onboard(body | {"name": "X"}, Idempotency_Key="signup-2").status == 409
    assert first.status == 202


@pytest.mark.django_db(transaction=True)
def test_the_same_from_two_callers_at_one_instant_is_one_onboarding():
    body, key = a_request(), a_platform_key()
    answers = at_once(6, lambda number: onboard(body, key))
    assert {answer.status for answer in answers} == {202}, [answer.raw for answer in answers]
    assert len({answer["onboarding_id"] for answer in answers}) == 1
    assert Business.objects.count() == Onboarding.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_number_for_two_businesses_at_one_instant_goes_to_one():
    row, key = {"channel": "sms", "address": phone()}, a_platform_key()
    answers = at_once(4, lambda number: onboard(a_request(senders=[row]), key))
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409]
    assert {answer["code"] for answer in answers if answer.status == 409} == {"sender_taken"}
    assert Sender.objects.filter(channel="sms").count() == 1


def test_the_status_of_one_that_is_none():
    key = a_platform_key()
    assert get("/business/onboard/987654", key).status == 404
    assert get(f"/business/onboard/status?business_id={a_studio().id}", key).status == 404
    assert get("/business/onboard/status?business_id=987654", key).status == 404
    assert get("/business/onboard/status", key).faulty == {"query.business_id"}
    assert get("/business/onboard/soon", key).faulty == {"path.onboarding_id"}


def test_a_business_sees_its_own_onboarding_and_no_other():
    started, studio = onboard(a_request()), a_studio()
    assert get(f"/business/onboard/{started['onboarding_id']}", studio.key).status == 404
    assert get(f"/business/onboard/status?business_id={started['business_id']}", studio.key).status == 403
    assert step(started, "locations").status == "pending"
    assert onboarding(started).status == "in_progress"
