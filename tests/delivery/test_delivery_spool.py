"""The spool: whole or not there, in order, never used where it is damaged, and honest where it is full."""

import contextlib
import os
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError, connection

from accounts.models import Business, Sender
from conversations.models import Message
from messaging.models import WebhookEvent
from messaging.services import consent, intake, spool, spooling
from tests.contract import world as contract
from tests.support.spools import own_spool

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    return own_spool(settings, tmp_path)


def hook(number, body="hello"):
    payload = f"MessageSid=SM{number:032d}&From=%2B14155550199&To=%2B12125550180&Body={body}".encode()
    return intake.hook_again(
        provider="twilio", kind="sms.reply", payload=payload, url="/x", content_type=FORM, business_id=None
    )


def keep(number, **fields):
    given = hook(number, **fields)
    spool.keep({name: getattr(given, name) for name in spooling._KEPT} | {"at": f"2026-03-01T09:00:{number:02d}+00:00"})


@pytest.fixture
def away(monkeypatch):
    def fails(hook):
        raise OperationalError("the connection is closed")

    monkeypatch.setitem(spooling._TAKERS, "sms.reply", fails)


@pytest.mark.django_db
def test_what_was_kept_is_brought_in_in_order_and_at_its_time():
    business = Business.objects.create(name="Studio")
    Sender.objects.create(business=business, channel="sms", address="+12125550180", provider="twilio")
    for number in (3, 1, 2):
        keep(number, body=f"b{number}")
    assert (spool.waiting(), spooling.drain(), spool.waiting()) == (3, 3, 0)
    came = Message.objects.order_by("id").values_list("body", "created_at")
    assert [body for body, _ in came] == ["b3", "b1", "b2"]
    assert came[0][1].isoformat() == "2026-03-01T09:00:03+00:00"
    assert WebhookEvent.objects.filter(status="processed").count() == 3


@pytest.mark.django_db
def test_a_hook_that_was_stored_after_all_is_not_doubled():
    business = Business.objects.create(name="Studio")
    Sender.objects.create(business=business, channel="sms", address="+12125550180", provider="twilio")
    intake.take_text(hook(1))
    keep(1)
    assert spooling.drain() == 1
    assert Message.objects.count() == 1


def test_the_database_away_keeps_it_and_answers(away):
    assert spooling.taken(hook(1), "instead") == "instead"
    assert spool.waiting() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("off", [-600, 600], ids=["slow", "fast"])
def test_what_a_machine_kept_whose_clock_is_off_is_put_right_by_the_databases(monkeypatch, off):
    business = Business.objects.create(name="Studio")
    Sender.objects.create(business=business, channel="sms", address="+12125550180", provider="twilio")
    intake.take_text(hook(1, "START"))
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=off)):
        with monkeypatch.context() as meanwhile:
            meanwhile.setitem(spooling._TAKERS, "sms.reply", refuse)
            spooling.taken(hook(2, "STOP"), "")
        assert spooling.drain() == 1
    assert consent.state_of(business_id=business.pk, channel="sms", address="+14155550199") == "opted_out"
    start, stop = Message.objects.filter(direction="inbound").order_by("id")
    assert timedelta(0) <= stop.created_at - start.created_at < timedelta(minutes=2)


def refuse(*_):
    raise OperationalError("the connection is closed")


@pytest.mark.django_db
def test_the_drain_stops_where_the_database_is_away_again():
    for _ in range(5):
        keep(1)
        with connection.execute_wrapper(refuse):
            assert spooling.drain() == 0
    assert (spool.waiting(), set_aside()) == (5, 0)


@pytest.mark.django_db
def test_a_record_that_the_database_refuses_for_now_holds_up_no_other(away, monkeypatch):
    Sender.objects.create(business=Business.objects.create(name="Studio"), channel="sms", address="+12125550180")
    keep(1)
    receipt = intake.hook_again(
        provider="twilio", kind="sms.status", payload=b"MessageSid=SM1&MessageStatus=sent", url="/x",
        content_type=FORM, business_id=None,
    )  # fmt: skip
    spool.keep({name: getattr(receipt, name) for name in spooling._KEPT} | {"at": "2026-03-01T09:00:01+00:00"})
    for _ in range(4):
        spooling.drain()
    assert (spool.waiting(), set_aside()) == (1, 0)
    assert WebhookEvent.objects.get().kind == "sms.status"


def set_aside():
    return spool.usage()["set_aside"]


@pytest.mark.django_db
def test_a_record_that_ends_its_process_each_time_is_set_aside_after_three_deaths(monkeypatch):
    def ends(hook):
        raise SystemExit

    Sender.objects.create(business=Business.objects.create(name="Studio"), channel="sms", address="+12125550180")
    keep(1, body="POISON")
    keep(2)
    with monkeypatch.context() as patch:
        patch.setitem(spooling._TAKERS, "sms.reply", lambda one: ends(one) if b"POISON" in one.payload else None)
        for _ in range(3):
            with pytest.raises(SystemExit):
                spooling.drain()
    assert spooling.drain() == 1
    assert (spool.waiting(), set_aside()) == (0, 1)
    assert Message.objects.get().body == "hello"


def test_what_a_dying_process_was_writing_is_forgotten_after_a_while(folder):
    keep(1)
    old, fresh = folder / "1.part", folder / "2.part"
    for file in (old, fresh):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    with contextlib.suppress(RuntimeError):
        list(spool.records(1))
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_full_spool_lets_the_caller_call_again(away, settings):
    settings.SPOOL_MAX_BYTES = 10
    with pytest.raises(OperationalError):
        spooling.taken(hook(1), "")
    assert spool.waiting() == 0


def test_an_unwritable_spool_lets_the_caller_call_again(away, folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file stands where the folder should be")
    with pytest.raises(OperationalError):
        spooling.taken(hook(1), "")


@pytest.mark.django_db
@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: b"", lambda c: c.replace(b"twilio", b"tw1lio")])
def test_a_damaged_file_is_set_aside_and_the_rest_goes_on(folder, damage):
    business = Business.objects.create(name="Studio")
    Sender.objects.create(business=business, channel="sms", address="+12125550180", provider="twilio")
    keep(1)
    (first,) = folder.glob("*.event")
    first.write_bytes(damage(first.read_bytes()))
    keep(2)
    assert spooling.drain() == 1
    assert len(list(folder.glob("*.bad"))) == 1
    assert Message.objects.count() == 1


@pytest.mark.django_db
def test_a_send_is_refused_while_the_database_is_away_and_its_repeat_is_the_send():
    studio = contract.a_studio()
    fields = {"request_id": "visit-7", "to": contract.phone()}
    with connection.execute_wrapper(refuse):
        refused = contract.queue(studio, **fields)
    assert (refused.status, refused["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"]
    assert contract.queue(studio, **fields).status == 202
    again = contract.queue(studio, **fields)
    assert (again.status, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert Message.objects.count() == 1
