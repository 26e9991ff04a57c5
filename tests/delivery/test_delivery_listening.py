"""A sender that used to hear of its provider and hears nothing is noticed; a quiet night or our absence is not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Staff
from conversations.models import Message, MessageEvent, Notification
from messaging.models import Attempt, Hearing, HearingHour, ListeningMark
from messaging.services import intake, listening
from tests.contract.world import a_staff_member, a_studio, get, phone, queue, reply, report, sid

pytestmark = pytest.mark.django_db


def listened():
    """Two runs: the first sees what there is, the second counts it. How many senders fell silent."""
    return listening.listen() + listening.listen()


def hearing(studio):
    return Hearing.objects.get(sender__business_id=studio.id)


def a_sent(studio, minutes_ago, *, heard=True):
    """A text that was handed over so long ago, with its delivery receipt or without."""
    at, provider_id = timezone.now() - timedelta(minutes=minutes_ago), sid()
    message_id = queue(studio)["message_id"]
    Message.objects.filter(pk=message_id).update(status="sent", sent_at=at, provider_message_id=provider_id, attempts=1)
    Attempt.objects.create(
        message_id=message_id, number=1, worker="w", started_at=at, finished_at=at, outcome="accepted"
    )
    if heard:
        report(studio, provider_id, "delivered")
        MessageEvent.objects.filter(message_id=message_id, status="delivered").update(at=at + timedelta(seconds=4))
    return message_id


def a_past(studio, *, per_hour, hours, weeks=4):
    """So many incoming messages in each of these hours of the weeks before, and the last one when they began."""
    reply(studio, phone(), "Hi")
    listened()
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    Hearing.objects.update(first_at=now - timedelta(weeks=weeks, days=1), inbound_at=now - timedelta(hours=hours))
    ListeningMark.objects.update(since=now - timedelta(days=40))
    HearingHour.objects.all().delete()
    HearingHour.objects.bulk_create(
        HearingHour(sender=hearing(studio).sender, hour=hour - timedelta(weeks=week, hours=back), inbound=per_hour)
        for week in range(1, weeks + 1) for back in range(hours + 2)
    )  # fmt: skip


def test_what_is_heard_is_counted_by_sender_and_hour():
    studio = a_studio()
    reply(studio, phone(), "Hi")
    a_sent(studio, 0)
    listened()
    counted = HearingHour.objects.filter(sender__business_id=studio.id)
    assert [sum(getattr(one, name) for one in counted) for name in ("inbound", "receipts", "sent")] == [1, 1, 1]
    listened()
    assert sum(one.inbound for one in HearingHour.objects.filter(sender__business_id=studio.id)) == 1


def test_a_sender_without_receipts_any_more_is_silent_and_its_owner_is_told_once():
    studio = a_studio()
    owner = a_staff_member(studio, role=Staff.Role.OWNER)
    a_staff_member(studio, role=Staff.Role.AGENT)
    for _ in range(24):
        a_sent(studio, 300)
    listened()
    for _ in range(6):
        a_sent(studio, 40, heard=False)
    assert listened() == 1
    assert hearing(studio).receipts_silent_since is not None
    assert hearing(studio).inbound_silent_since is None
    told = Notification.objects.get(kind="sender_silent")
    assert (told.staff, told.business_id, told.conversation) == (owner, studio.id, None)
    assert studio.sender in told.text
    assert listened() == 0


def test_a_receipt_ends_the_silence():
    studio = a_studio()
    for _ in range(24):
        a_sent(studio, 300)
    listened()
    for _ in range(6):
        a_sent(studio, 40, heard=False)
    listened()
    a_sent(studio, 1)
    listened()
    assert (hearing(studio).receipts_silent_since, hearing(studio).unheard) == (None, 0)


def test_receipts_that_we_had_to_fetch_are_not_heard():
    studio = a_studio()
    for _ in range(24):
        a_sent(studio, 300)
    listened()
    for _ in range(6):
        message_id = a_sent(studio, 40, heard=False)
        MessageEvent.objects.create(
            message_id=message_id, from_status="sent", status="delivered", source="reconcile", at=timezone.now()
        )
    assert listened() == 1


def test_a_sender_that_never_had_receipts_is_not_silent():
    studio = a_studio()
    for _ in range(30):
        a_sent(studio, 40, heard=False)
    assert listened() == 0


def test_a_sender_that_often_had_none_needs_more_of_them():
    studio = a_studio()
    for place in range(40):
        a_sent(studio, 300, heard=place % 2 == 0)
    a_sent(studio, 290)
    listened()
    for _ in range(10):
        a_sent(studio, 40, heard=False)
    assert listened() == 0
    for _ in range(15):
        a_sent(studio, 40, heard=False)
    assert listened() == 1


def test_a_sender_that_hears_nothing_in_hours_that_were_busy_is_silent():
    studio = a_studio()
    a_past(studio, per_hour=6, hours=4)
    assert listened() == 1
    assert hearing(studio).inbound_silent_since is not None
    assert hearing(studio).usual >= 12


def test_a_quiet_night_is_no_silence():
    studio = a_studio()
    a_past(studio, per_hour=0, hours=9)
    assert listened() == 0


def test_one_busy_week_makes_no_habit():
    studio = a_studio()
    a_past(studio, per_hour=6, hours=4)
    three_weeks_ago = timezone.now() - timedelta(weeks=2, days=3)
    HearingHour.objects.filter(hour__lt=three_weeks_ago).delete()
    assert listened() == 0


def test_what_was_not_heard_while_omega_was_away_says_nothing():
    studio = a_studio()
    a_past(studio, per_hour=6, hours=4)
    ListeningMark.objects.update(noted_at=timezone.now() - timedelta(hours=3))
    assert listened() == 0
    assert hearing(studio).inbound_silent_since is None


def test_texts_that_only_the_providers_record_told_of_mean_silence():
    studio = a_studio()
    reply(studio, phone(), "Hi")
    listened()
    for _ in range(3):
        form = {"MessageSid": sid(), "From": phone(), "To": studio.sender, "Body": "Hello?", "NumMedia": "0"}
        intake.take_listed("twilio", form)
    assert listened() == 1
    reply(studio, phone(), "Hi")
    listened()
    assert hearing(studio).inbound_silent_since is None


def test_texts_filled_in_after_omega_was_away_mean_none():
    studio = a_studio()
    reply(studio, phone(), "Hi")
    listened()
    for _ in range(3):
        form = {"MessageSid": sid(), "From": phone(), "To": studio.sender, "Body": "Hello?", "NumMedia": "0"}
        intake.take_listed("twilio", form)
    ListeningMark.objects.update(noted_at=timezone.now() - timedelta(hours=3))
    assert listened() == 0


def test_silence_is_shown_and_no_reason_to_leave_service():
    studio = a_studio()
    reply(studio, phone(), "Hi")
    listened()
    Hearing.objects.update(inbound_silent_since=timezone.now())
    part = get("/health/ready")["silent_senders"]
    assert part["status"] == "degraded"
    assert part["silent"] == [{"channel": "sms", "provider": "twilio", "inbound": 1, "receipts": 0}]
