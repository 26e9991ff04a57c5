"""Syncs at the same time, and consent that follows a client's address."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from accounts.models import Client
from accounts.services import sync
from messaging.models import Consent, ConsentChange
from messaging.services.consent import change_consent
from omega_project.lib.sql import in_transaction

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works):
    """Run these in threads that start together; their results."""
    barrier = Barrier(len(works))

    def run(work):
        barrier.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [one.result(30) for one in [pool.submit(run, work) for work in works]]


def test_the_same_rows_from_many_threads_are_one_row_each(business):
    rows = [{"external_id": str(n), "first_name": "A", "phone": "415-555-0123"} for n in range(300)]

    def work(number):
        mine = rows if number % 2 else rows[::-1]
        changed = [row | {"last_name": str(number)} for row in mine]
        return lambda: sync.sync_clients(business_id=business.pk, rows=changed)

    answers = at_once(*(work(number) for number in range(6)))
    assert [answer["failed"] for answer in answers] == [0] * 6
    assert sum(answer["created"] for answer in answers) == 300
    assert sum(answer["updated"] for answer in answers) == 5 * 300
    assert Client.objects.count() == 300
    assert len(set(Client.objects.values_list("last_name", flat=True))) == 1


def test_two_syncs_of_other_fields_lose_nothing(business):
    ids = [str(n) for n in range(100)]
    sync.sync_clients(business_id=business.pk, rows=[{"external_id": one} for one in ids])
    at_once(
        lambda: sync.sync_clients(business_id=business.pk, rows=[{"external_id": i, "first_name": "A"} for i in ids]),
        lambda: sync.sync_clients(business_id=business.pk, rows=[{"external_id": i, "last_name": "B"} for i in ids]),
    )
    assert Client.objects.filter(first_name="A", last_name="B").count() == 100


def test_a_sync_and_other_writers_do_not_fail_each_other(business):
    ids = [str(n) for n in range(200)]
    sync.sync_clients(business_id=business.pk, rows=[{"external_id": one} for one in ids])

    def writes():
        for _ in range(3):
            in_transaction(lambda: Client.objects.in_business(business.pk).update(locale="en"))

    def syncs(number):
        rows = [{"external_id": one, "first_name": str(number)} for one in ids]
        return lambda: sync.sync_clients(business_id=business.pk, rows=rows)["failed"]

    assert at_once(writes, syncs(1), syncs(2))[1:] == [0, 0]


def put(business, **row):
    answer = sync.sync_clients(business_id=business.pk, rows=[{"external_id": "c", **row}])
    assert answer["failed"] == 0
    return Client.objects.get(external_id="c")


def says(business, address, state, channel="sms"):
    change_consent(
        business_id=business.pk, channel=channel, address=address, state=state, source="keyword", evidence={}
    )


OLD, NEW = "+14155550123", "+14155550124"


def test_a_new_clients_consent_is_its_address_s(business):
    says(business, OLD, "opted_out")
    says(business, "ana@example.com", "opted_in", "email")
    client = put(business, phone=OLD, email="Ana@example.com")
    assert (client.consent_sms, client.consent_email, client.consent_voice) == ("opted_out", "opted_in", "unknown")


def test_an_opt_in_stays_with_its_address(business):
    client = put(business, phone=OLD)
    says(business, OLD, "opted_in")
    client.refresh_from_db()
    assert client.consent_sms == "opted_in"
    assert put(business, phone=NEW).consent_sms == "unknown"
    assert put(business, phone=OLD).consent_sms == "opted_in"


def test_an_opt_out_is_never_lost(business):
    put(business, phone=OLD)
    says(business, OLD, "opted_out")
    client = put(business, phone=NEW)
    assert client.consent_sms == "opted_out"
    assert Consent.objects.get(address=NEW).state == "opted_out"
    change = ConsentChange.objects.get(address=NEW)
    assert (change.client_id, change.source, change.state) == (client.pk, "import", "opted_out")
    assert put(business, phone=None).consent_sms == "opted_out"


def test_an_opt_out_does_not_silence_who_shares_the_new_address(business):
    put(business, phone=OLD)
    says(business, OLD, "opted_out")
    other = Client.objects.create(business=business, phone=NEW)
    assert put(business, phone=NEW).consent_sms == "opted_out"
    other.refresh_from_db()
    assert other.consent_sms == "unknown"
    assert not Consent.objects.filter(address=NEW).exists()


def test_another_first_name_leaves_consent_alone(business):
    put(business, phone=OLD)
    says(business, OLD, "opted_in")
    assert put(business, phone=OLD, first_name="Ana").consent_sms == "opted_in"
