"""Latency, traffic, errors and saturation, as a scrape tells them: by channel, provider and queue."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import Business
from conversations.models import Message
from messaging.services import delivery
from omega_project.lib import metrics
from tests.contract.world import a_platform_key, a_studio, get, phone, queue, reply, report, sid, text_form, twilio

pytestmark = pytest.mark.django_db


class Scrape:
    """What `/metrics` says at one moment."""

    def __init__(self):
        answer = get("/metrics", a_platform_key())
        assert answer.status == 200, answer.raw
        families = text_string_to_metric_families(answer.raw.decode())
        self.samples = [sample for family in families for sample in family.samples]

    def value(self, name, **labels):
        wanted = labels.items()
        return sum(one.value for one in self.samples if one.name == name and wanted <= one.labels.items())


def more(before, after, name, **labels):
    return after.value(name, **labels) - before.value(name, **labels)


def test_traffic_is_counted_by_channel_direction_and_status():
    studio = a_studio()
    before = Scrape()
    queue(studio)
    reply(studio, phone(), "Hi")
    after = Scrape()
    assert more(before, after, "omega_messages_total", channel="sms", direction="outbound", status="queued") == 1
    assert more(before, after, "omega_messages_total", channel="sms", direction="inbound", status="received") == 1


def test_a_send_tells_its_wait_its_call_and_what_it_came_to():
    studio = a_studio()
    queue(studio, priority="high")
    before = Scrape()
    delivery.drain(seconds=5)  # nothing listens where the tests' provider would: the connection is refused
    after = Scrape()
    by = {"channel": "sms", "provider": "twilio"}
    assert more(before, after, "omega_message_wait_seconds_count", channel="sms", queue="high") == 1
    assert more(before, after, "omega_provider_call_seconds_count", outcome="not_taken", **by) == 1
    assert more(before, after, "omega_message_tries_total", outcome="retry", **by) == 1


def test_a_later_try_tells_nothing_of_the_queue():
    studio = a_studio()
    message_id = queue(studio)["message_id"]
    Message.objects.filter(pk=message_id).update(attempts=2, due_at=timezone.now() - timedelta(hours=1))
    before = Scrape()
    delivery.drain(seconds=5)
    after = Scrape()
    assert more(before, after, "omega_message_wait_seconds_count") == 0
    assert more(before, after, "omega_message_tries_total") == 1


def test_webhooks_are_counted_by_what_came_of_them():
    studio, client = a_studio(), phone()
    reply(studio, client, "Hi")
    again = text_form(studio, client, "Hello")
    before = Scrape()
    twilio("/twilio/sms/reply", again)
    twilio("/twilio/sms/reply", again)
    twilio("/twilio/sms/reply", again, signed="forged")
    report(studio, sid(), "delivered")
    after = Scrape()
    found = {
        (kind, outcome): more(before, after, "omega_webhook_events_total", kind=kind, outcome=outcome)
        for kind in ("sms.reply", "sms.status") for outcome in ("processed", "known", "forged", "pending")
    }  # fmt: skip
    assert {key: value for key, value in found.items() if value} == {
        ("sms.reply", "processed"): 1, ("sms.reply", "known"): 1, ("sms.reply", "forged"): 1,
        ("sms.status", "pending"): 1,
    }  # fmt: skip


def test_a_receipt_tells_how_long_it_took_once():
    studio, provider_id = a_studio(), sid()
    message_id = queue(studio)["message_id"]
    sent_at = timezone.now() - timedelta(seconds=20)
    Message.objects.filter(pk=message_id).update(status="sent", provider_message_id=provider_id, sent_at=sent_at)
    before = Scrape()
    report(studio, provider_id, "delivered")
    report(studio, provider_id, "sent")
    after = Scrape()
    by = {"channel": "sms", "provider": "twilio"}
    assert more(before, after, "omega_receipt_seconds_count", **by) == 1
    assert 19 < more(before, after, "omega_receipt_seconds_sum", status="delivered", **by) < 60


def test_the_oldest_due_is_found_however_many_wait(monkeypatch):
    monkeypatch.setattr("omega_project.metrics.MOST", 2)
    studio = a_studio()
    ids = [queue(studio)["message_id"] for _ in range(4)]
    Message.objects.filter(pk=ids[-1]).update(due_at=timezone.now() - timedelta(minutes=9))
    scrape = Scrape()
    by = {"channel": "sms", "provider": "twilio", "queue": "default"}
    assert 540 <= scrape.value("omega_due_oldest_seconds", **by) < 600
    assert scrape.value("omega_due_oldest_seconds", queue="high") == 0
    assert scrape.value("omega_due_messages", **by) == 2
    assert 540 <= scrape.value("omega_outbox_oldest_due_seconds", channel="sms", status="queued") < 600


def test_what_a_suspended_business_has_waiting_is_not_due():
    studio = a_studio()
    message_id = queue(studio)["message_id"]
    Message.objects.filter(pk=message_id).update(due_at=timezone.now() - timedelta(minutes=9))
    Business.objects.filter(pk=studio.id).update(status="suspended")
    scrape = Scrape()
    assert scrape.value("omega_due_oldest_seconds") == scrape.value("omega_due_messages") == 0


def test_how_full_it_is_can_be_told():
    scrape = Scrape()
    for used, limit in (("omega_database_connections", "omega_database_connections_limit"),
                        ("omega_spool_bytes", "omega_spool_limit_bytes")):  # fmt: skip
        assert 0 <= scrape.value(used) < scrape.value(limit)
    assert scrape.value("omega_redis_memory_bytes") > 0
    assert scrape.value("omega_disk_free_bytes", folder="media") > 0


def test_the_processes_of_a_machine_are_added_up():
    code = "from omega_project.lib.metrics import TRIES; TRIES.labels('sms', 'elsewhere', 'accepted').inc()"
    env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(metrics.FOLDER)}
    before = Scrape()
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True, env=env)
    assert more(before, Scrape(), "omega_message_tries_total", provider="elsewhere") == 2
