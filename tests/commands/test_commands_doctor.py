"""The doctor: each check finds its planted fault and, where it can, mends it; sound data is well."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Business, Client, Staff
from conversations.models import Message
from messaging.models import Circuit, SenderQueue
from messaging.services import checks, consent, doctoring
from tests.commands.calling import a_business, a_failed_message, called

pytestmark = pytest.mark.django_db
# check → what breaks it (with the ids of a message, its conversation, client and business), and whether it is mended.
PLANTED = {
    "counters": ("UPDATE conversations_conversation SET unread_count = 7 WHERE id = {thread}", True),
    "channels": ("UPDATE conversations_conversation SET channels = '{{voice}}' WHERE id = {thread}", True),
    "conversation_tenant": ("UPDATE conversations_conversation SET business_id = {other} WHERE id = {thread}", False),
    "message_tenant": ("UPDATE conversations_message SET business_id = {other} WHERE id = {message}", False),
    "event_tenant": (
        "INSERT INTO messaging_webhookevent (provider, kind, dedupe_key, url, content_type, payload, status, error,"
        " attempts, received_at, business_id, message_id) VALUES ('twilio', 'sms.status', 'k', '', '', '', 'processed',"
        " '', 1, now(), {other}, {message})",
        False,
    ),
    "assignment_tenant": (
        "{stranger} INSERT INTO conversations_assignment (conversation_id, staff_id, forced, at)"
        " SELECT {thread}, id, false, now() FROM accounts_staff WHERE business_id = {other}",
        False,
    ),
    "notification_tenant": (
        "{stranger} INSERT INTO conversations_notification (business_id, staff_id, conversation_id, kind, text,"
        " created_at, email_due, email_attempts) SELECT {business}, id, {thread}, 'mention', '', now(), false, 0"
        " FROM accounts_staff WHERE business_id = {other}",
        False,
    ),
    "history": (
        "INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)"
        " VALUES ({message}, 'sent', 'delivered', 'test', '', now())",
        False,
    ),
    "handed_over_once": ("{accepted:1}; {accepted:2}", False),
    "sent_after_stop": (
        "INSERT INTO messaging_consentchange (business_id, channel, address, previous, state, source, evidence, at)"
        " VALUES ({business}, 'sms', '+14155550199', 'unknown', 'opted_out', 'test', '{{}}', now() - interval '1 day');"
        "{accepted:1}; INSERT INTO messaging_consent (business_id, channel, address, state, updated_at)"
        " VALUES ({business}, 'sms', '+14155550199', 'opted_out', now())",
        False,
    ),
    "orphan_attempts": ("{started:1}", True),
    "stuck_outbox": (
        "UPDATE conversations_message SET status = 'scheduled', due_at = now() - interval '1 hour'"
        " WHERE id = {message}",
        False,
    ),
    "expired_leases": (
        "UPDATE conversations_message SET status = 'sending', attempts = 1, due_at = now(),"
        " lease_until = now() - interval '1 hour' WHERE id = {message}; {started:1}",
        True,
    ),
    "unknown_outcomes": (
        "UPDATE conversations_message SET status = 'unknown', due_at = now(), lease_until = NULL WHERE id = {message}",
        False,
    ),
    "events": (
        "INSERT INTO messaging_webhookevent (provider, kind, dedupe_key, url, content_type, payload, status, error,"
        " attempts, received_at) VALUES ('twilio', 'sms.reply', 'k', '', 'application/x-www-form-urlencoded',"
        " 'From=1', 'pending', '', 0, now() - interval '1 hour')",
        True,
    ),
    "consent": (
        "INSERT INTO messaging_consentchange (business_id, channel, address, previous, state, source, evidence, at)"
        " VALUES ({business}, 'sms', '+1', 'unknown', 'opted_out', 'test', '{{}}', now());"
        "INSERT INTO messaging_consent (business_id, channel, address, state, updated_at)"
        " VALUES ({business}, 'sms', '+1', 'opted_in', now())",
        True,
    ),
    "consent_copies": ("{stopped} UPDATE accounts_client SET consent_sms = 'unknown' WHERE id = {client}", True),
    "has_conversation": ("UPDATE accounts_client SET has_conversation = false WHERE id = {client}", True),
}


class _Try:
    """`{accepted:2}` in a planted fault: a second try with this outcome."""

    def __init__(self, message, outcome):
        self.message, self.outcome = message, outcome

    def __format__(self, number):
        return (
            "INSERT INTO messaging_attempt (message_id, number, worker, started_at, outcome, code, detail,"
            f" provider_message_id) VALUES ({self.message}, {number}, 'w', now() - interval '1 hour',"
            f" '{self.outcome}', '', '', 'SM{number}')"
        )


def plant(name):
    business, other = a_business(), a_business("Other", "+12125550181")
    message = Message.objects.get(pk=a_failed_message(business))
    if name == "consent_copies":
        consent.change_consent(
            business_id=business.pk, channel="sms", address="+14155550199", state="opted_out", source="staff",
            evidence={},
        )  # fmt: skip
    if "{stranger}" in PLANTED[name][0]:
        Staff.objects.create(business=other, name="Stranger")
    words = PLANTED[name][0].format(
        message=message.pk, thread=message.conversation_id, client=message.client_id, business=business.pk,
        other=other.pk, accepted=_Try(message.pk, "accepted"), started=_Try(message.pk, "started"), stopped="",
        stranger="",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(words)


def test_sound_data_is_well():
    a_failed_message(a_business())
    printed = called("doctor")
    assert printed.count("ok  ") == len(checks.CHECKS)
    assert "BAD" not in printed


def test_every_check_has_a_planted_fault():
    assert set(PLANTED) == {check.name for check in checks.CHECKS}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_and_mended_where_it_can_be(name):
    plant(name)
    (found,) = doctoring.examine(names=[name])
    assert (found.found, found.mended, found.is_well) == (1, 0, False), found
    assert found.findings[0]["detail"]
    (mended,) = doctoring.examine(names=[name], repair=True)
    assert mended.is_well is PLANTED[name][1], mended
    (again,) = doctoring.examine(names=[name])
    assert again.is_well is PLANTED[name][1], again


@pytest.mark.parametrize(("minutes", "found"), [(60, 0), (10, 1), (200, 1)])
def test_what_came_back_and_was_tried_again_by_hand_was_not_handed_over_twice(minutes, found):
    plant("handed_over_once")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_attempt SET started_at = now() - interval '2 hours' WHERE number = 1")
        cursor.execute(
            "INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)"
            " SELECT message_id, 'undelivered', 'queued', 'admin', 'tried again by hand',"
            " now() - %s * interval '1 minute' FROM messaging_attempt LIMIT 1",
            [minutes],
        )
    (told,) = doctoring.examine(names=["handed_over_once"])
    assert told.found == found


def test_an_empty_database_is_well_and_looked_at_in_no_time():
    reports = doctoring.examine(seconds=0.1)
    assert all(one.is_well and one.complete for one in reports)


def test_the_command_ends_with_one_where_something_is_wrong(capsys):
    Client.objects.create(business=a_business(), phone="+14155550111", has_conversation=True)
    with pytest.raises(SystemExit) as ended:
        called("doctor", "--json", "--check", "has_conversation")
    assert ended.value.code == 1
    assert json.loads(called("doctor", "--json", "--repair"))["ok"] is True


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_missing_is_said_and_the_rest_goes_on():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_attempt RENAME TO attempts_gone")
        try:
            reports = {one.name: one for one in doctoring.examine()}
        finally:
            cursor.execute("ALTER TABLE attempts_gone RENAME TO messaging_attempt")
    assert "messaging_attempt" in reports["orphan_attempts"].error
    assert reports["counters"].is_well


@pytest.mark.django_db(transaction=True)
def test_a_database_without_tables_is_said_of_every_check_and_no_trace():
    with connection.cursor() as cursor:
        cursor.execute("SET search_path TO nothing_is_here")
    try:
        with pytest.raises(SystemExit) as ended:
            called("doctor", "--repair")
        reports = doctoring.examine(repair=True)
    finally:
        connection.close()
    assert ended.value.code == 1
    assert all("does not exist" in one.error for one in reports)
    assert len(reports) == len(checks.CHECKS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["XX001", "XX002", "58030"])  # a damaged page, a damaged index, a disk that fails
def test_a_damaged_table_is_said_and_the_rest_is_looked_at(state):
    damage = f"""
        ALTER TABLE messaging_attempt RENAME TO attempts_kept;
        CREATE FUNCTION damaged() RETURNS bigint LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'invalid page in block 7' USING ERRCODE = '{state}'; END $$;
        CREATE VIEW messaging_attempt AS SELECT damaged() AS id, a.message_id, a.number, a.worker, a.started_at,
            a.finished_at, a.outcome, a.code, a.detail, a.provider_message_id
        FROM (SELECT 1) one LEFT JOIN attempts_kept a ON true
    """
    mended = """
        DROP VIEW messaging_attempt; DROP FUNCTION damaged; ALTER TABLE attempts_kept RENAME TO messaging_attempt
    """
    with connection.cursor() as cursor:
        cursor.execute(damage)
        try:
            reports = {one.name: one for one in doctoring.examine(repair=True)}
        finally:
            cursor.execute(mended)
    assert "invalid page in block 7" in reports["orphan_attempts"].error
    assert not reports["orphan_attempts"].is_well
    assert reports["counters"].is_well


def test_what_waits_on_purpose_is_not_stuck():
    business = a_business()
    message = a_failed_message(business)
    Message.objects.filter(pk=message).update(status="queued", due_at=timezone.now() - timedelta(hours=1))
    assert stuck() == 1
    now = timezone.now()
    shut = Circuit.objects.create(provider="twilio", state="open", failures=9, opened_at=now, failed_at=now)
    assert stuck() == 0
    shut.delete()
    sender = Message.objects.get(pk=message).sender
    queue = SenderQueue.objects.create(sender=sender, bulk=3600, per_second=1, measured_at=now)
    assert stuck() == 0
    queue.delete()
    Business.objects.filter(pk=business.pk).update(status="suspended")
    assert stuck() == 0


def stuck():
    return doctoring.examine(names=["stuck_outbox"])[0].found
