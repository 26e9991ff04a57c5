"""The consent of a client over the API: how it stands, how it stood on a day, who may change it, and what is kept."""

import datetime

import pytest
import time_machine
from django.utils import timezone

from accounts.models import ApiKey, Client
from accounts.services.credentials import create_token
from messaging.models import Consent, ConsentChange
from messaging.services import consent
from tests.contract.shapes import assert_error
from tests.contract.world import a_client, a_staff_member, a_studio, at_once, call, get, queue, reply

pytestmark = pytest.mark.django_db
NOTHING = {
    "state": "unknown", "since": None, "source": None, "may_send": True, "reason": None, "change": None,
}  # fmt: skip


@pytest.fixture
def studio():
    return a_studio()


@pytest.fixture
def client(studio):
    return a_client(studio, email="ana@example.com")


def path(studio, client):
    return f"{studio.path}/clients/{client.pk}/consent"


def consent_of(studio, client, **query):
    got = get(path(studio, client), studio.key, query)
    assert got.status == 200, got.raw
    return got.body


def put(studio, client, key=None, **fields):
    body = {"channel": "sms", "state": "opted_out"} | fields
    return call("PUT", path(studio, client), key=key or studio.key, data=body)


def test_a_client_nobody_spoke_of(studio, client):
    got = consent_of(studio, client)
    assert got["sms"] == got["voice"] == NOTHING | {"address": client.phone}
    assert got["email"] == NOTHING | {"address": "ana@example.com"}
    assert (got["client_id"], got["at"], got["history"]) == (client.pk, None, [])


def test_a_channel_without_an_address_can_take_nothing(studio):
    client = a_client(studio)
    assert consent_of(studio, client)["email"] == NOTHING | {
        "address": None, "may_send": False, "reason": "no_address",
    }  # fmt: skip
    assert_error(put(studio, client, channel="email"), 409, "no_address")


def test_a_stop_shows_with_its_row(studio, client):
    reply(studio, client.phone, "STOP")
    got = consent_of(studio, client)
    assert (got["sms"]["state"], got["sms"]["source"], got["sms"]["reason"]) == ("opted_out", "keyword", "opted_out")
    assert got["sms"]["may_send"] is False
    assert got["sms"]["change"] == got["history"][0]
    assert got["sms"]["since"] == got["history"][0]["at"]
    assert got["voice"]["state"] == "unknown"


def test_a_callers_opt_out_blocks_the_next_text_and_stands_in_the_ledger(studio, client):
    got = put(studio, client, reason="Asked at the desk", evidence={"form": 7})
    assert (got.status, got["sms"]["state"], got["sms"]["source"]) == (200, "opted_out", "api")
    assert queue(studio, client_id=client.pk)["status"] == "blocked"
    row = ConsentChange.objects.get()
    assert (row.client_id, row.previous, row.state, row.source) == (client.pk, "unknown", "opted_out", "api")
    assert row.evidence["reason"] == "Asked at the desk" == got["history"][0]["reason"]
    assert row.evidence["evidence"] == {"form": 7}


def test_the_staff_member_of_the_token_is_the_actor(studio, client):
    staff = a_staff_member(studio)
    key_id = ApiKey.objects.get(business_id=studio.id).pk
    token, _ = create_token(business_id=studio.id, staff_id=staff.pk, key_id=key_id, expires_in=600)
    call("PUT", path(studio, client), data={"channel": "sms", "state": "opted_out"}, Authorization=f"Bearer {token}")
    assert consent_of(studio, client)["history"][0]["staff_id"] == staff.pk


def test_the_same_word_again_changes_nothing(studio, client):
    put(studio, client)
    assert put(studio, client, reason="again").status == 200
    assert ConsentChange.objects.count() == 1


def test_a_callers_own_opt_out_may_be_taken_back(studio, client):
    put(studio, client)
    assert put(studio, client, state="opted_in").status == 200
    assert queue(studio, client_id=client.pk)["status"] == "queued"


@pytest.mark.parametrize("word", ["STOP", "unsubscribe"])
def test_a_clients_stop_is_not_undone_without_a_word_of_the_client(studio, client, word):
    reply(studio, client.phone, word)
    put(studio, client, state="opted_out", reason="on the phone too")
    assert_error(put(studio, client, state="opted_in", reason="they like us"), 409, "client_opted_out")
    assert consent_of(studio, client)["sms"]["state"] == "opted_out"
    got = put(studio, client, state="opted_in", reason="Signed the form of 3 March", confirmed=True)
    assert (got.status, got["sms"]["state"]) == (200, "opted_in")
    newest, stop = got["history"]
    assert newest["evidence"]["overrides"] == [stop["id"]]
    assert newest["evidence"]["confirmed"] is True


def test_what_a_provider_told_is_the_clients_own_word(studio, client):
    for source, evidence in (("provider", {"code": "21610"}), ("api", {"event": "complained"}), ("unsubscribe", {})):
        consent.change_consent(
            business_id=studio.id, channel="email", address=client.email, state="opted_out", source=source,
            evidence=evidence,
        )  # fmt: skip
        assert_error(put(studio, client, channel="email", state="opted_in"), 409, "client_opted_out")
        assert put(studio, client, channel="email", state="opted_in", reason="x", confirmed=True).status == 200


def test_an_opt_out_that_no_row_tells_of_counts_as_the_clients(studio, client):
    Client.objects.filter(pk=client.pk).update(consent_sms="opted_out")
    assert consent_of(studio, client)["sms"]["reason"] == "opted_out"
    assert_error(put(studio, client, state="opted_in"), 409, "client_opted_out")


def test_confirming_needs_a_reason_and_a_state_is_never_unknown(studio, client):
    assert put(studio, client, state="opted_in", confirmed=True).faulty == {"body.reason"}
    assert put(studio, client, state="unknown", channel="fax", colour=1).faulty == {
        "body.state", "body.channel", "body.colour",
    }  # fmt: skip


def test_could_we_text_this_number_on_the_third_of_march_and_why(studio, client):
    first = datetime.datetime(2026, 3, 1, 9, tzinfo=datetime.UTC)
    rows = [("unknown", "opted_in", "api"), ("opted_in", "opted_out", "keyword"), ("opted_out", "opted_in", "keyword")]
    made = [
        ConsentChange.objects.create(
            business_id=studio.id, channel="sms", address=client.phone, previous=previous, state=state, source=source,
            evidence={"n": place}, at=first + datetime.timedelta(days=place * 3),
        )
        for place, (previous, state, source) in enumerate(rows)
    ]  # fmt: skip
    before, then, later = (
        consent_of(studio, client, at=day) for day in ("2026-02-01", "2026-03-03T00:00:00Z", "2026-03-05")
    )
    assert (before["sms"]["state"], before["history"]) == ("unknown", [])
    assert (then["sms"]["may_send"], then["sms"]["change"]["id"]) == (True, made[0].pk)
    assert (then["at"], len(then["history"])) == ("2026-03-03T00:00:00Z", 1)
    assert (later["sms"]["may_send"], later["sms"]["change"]["evidence"]) == (False, {"n": 1})
    assert get(path(studio, client), studio.key, {"at": "once"}).faulty == {"query.at"}


def test_a_mailbox_that_is_gone_takes_nothing_until_that_is_lifted(studio, client):
    Consent.objects.create(
        business_id=studio.id, channel="email", address=client.email, state="unknown", updated_at=timezone.now(),
        bounced_at=timezone.now(),
    )  # fmt: skip
    for day, source, evidence in ((1, "bounce", {"reason": "550"}), (5, "staff", {"event": "bounce_lifted"})):
        with time_machine.travel(datetime.datetime(2026, 3, day, tzinfo=datetime.UTC)):
            ConsentChange.objects.create(
                business_id=studio.id, channel="email", address=client.email, previous="unknown", state="unknown",
                source=source, evidence=evidence, at=timezone.now(),
            )  # fmt: skip
    reasons = [consent_of(studio, client, at=f"2026-03-0{day}")["email"]["reason"] for day in (2, 6)]
    assert reasons == ["address_bounced", None]
    assert consent_of(studio, client)["email"]["reason"] == "address_bounced"


def test_a_former_address_stays_in_the_history(studio, client):
    reply(studio, client.phone, "STOP")
    old = client.phone
    queue(studio, client_id=client.pk)
    ConsentChange.objects.update(client=client)
    Client.objects.filter(pk=client.pk).update(phone="+12125550001")
    assert [row["address"] for row in consent_of(studio, client)["history"]] == [old]


def test_another_businesss_client_is_not_found(studio, client):
    other = a_studio()
    assert get(f"{other.path}/clients/{client.pk}/consent", other.key).status == 404
    assert call("PUT", f"{other.path}/clients/{client.pk}/consent", key=other.key, data={}).status == 422


@pytest.mark.parametrize(("confirmed", "state"), [(False, "opted_out"), (True, "opted_in")])
def test_a_stop_heard_late_gives_way_to_a_later_word_of_the_client_alone(studio, client, confirmed, state):
    before = timezone.now() - datetime.timedelta(minutes=5)
    put(studio, client, state="opted_in", reason="Signed the form", confirmed=confirmed)
    consent.hears_keyword(
        keyword="stop", business_id=studio.id, client_id=client.pk, address=client.phone, evidence={}, said_at=before
    )
    assert consent_of(studio, client)["sms"]["state"] == state


@pytest.mark.django_db(transaction=True)
def test_a_stop_at_the_same_moment_is_never_written_over(studio, client):
    def speak(number):
        if number:
            return put(studio, client, state="opted_in").status
        return reply(studio, client.phone, "STOP").status

    for _ in range(5):
        ConsentChange.objects.all().delete()
        Consent.objects.all().delete()
        Client.objects.update(consent_sms="unknown")
        at_once(2, speak)
        assert ConsentChange.objects.latest("id").state == Consent.objects.get().state == "opted_out"
