"""retry_failed_messages and sweep_messages: what they do, and how they say it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone

from conversations.models import Message
from messaging.management.commands.retry_failed_messages import shortened, time_of
from tests.commands.calling import a_business, a_failed_message, called

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def status_of(message_id):
    return Message.objects.get(pk=message_id).status


def test_retry_queues_what_can_be_helped_and_says_why_not_the_rest():
    business = a_business()
    again, permanent = a_failed_message(business), a_failed_message(business, retryable=False)
    recorded, blocked = a_failed_message(business, sends=False), a_failed_message(business, "blocked", code="opted_out")
    printed = called("retry_failed_messages")
    assert [status_of(one) for one in (again, permanent, recorded, blocked)] == [
        "queued",
        "failed",
        "failed",
        "blocked",
    ]
    lines = {" ".join(line.split()) for line in printed.splitlines()}
    assert {
        "matched 4",
        f"retried 1 {again}",
        "skipped 3",
        f"1 a permanent fault: --force tries it all the same: {permanent}",
        f"1 recorded, not sent by omega: {recorded}",
        f"1 blocked by consent or policy: never sent: {blocked}",
    } == lines


def test_retry_dry_run_changes_nothing():
    message = a_failed_message(a_business())
    printed = called("retry_failed_messages", "--dry-run")
    assert status_of(message) == "failed"
    assert f"to retry       1  {message}" in printed


def test_retry_force_takes_permanent_faults_but_no_blocked_one():
    business = a_business()
    permanent = a_failed_message(business, retryable=False)
    blocked = a_failed_message(business, "blocked", code="opted_out")
    called("retry_failed_messages", "--force")
    assert (status_of(permanent), status_of(blocked)) == ("queued", "blocked")


def test_retry_is_narrowed_by_every_filter():
    here, there = a_business(), a_business("Other", "+12125550181")
    wanted, other = a_failed_message(here, code="30003"), a_failed_message(here, code="30008")
    foreign, old = a_failed_message(there, code="30003"), a_failed_message(here, code="30003")
    Message.objects.filter(pk=old).update(created_at=timezone.now() - timedelta(days=4))
    words = ("--business", str(here.pk), "--channel", "sms", "--since", "3d", "--error-code", "30003", "--limit", "5")
    called("retry_failed_messages", *words)
    statuses = [status_of(one) for one in (wanted, other, foreign, old)]
    assert statuses == ["queued", "failed", "failed", "failed"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--business", "987654"], "There is no business 987654"),
        (["--limit", "0"], "--limit must be from 1 to 1000"),
        (["--limit", "1001"], "--limit must be from 1 to 1000"),
        (["--since", "yesterday"], "--since must be a duration such as"),
        (["--channel", "fax"], "invalid choice"),
    ],
)
def test_retry_refuses_in_a_sentence(words, sentence):
    with pytest.raises(CommandError, match=sentence):
        called("retry_failed_messages", *words)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        (" 1w ", NOW - timedelta(weeks=1)),
        ("2026-02-28T10:00:00Z", datetime(2026, 2, 28, 10, tzinfo=UTC)),
        ("2026-02-28T10:00:00+02:00", datetime(2026, 2, 28, 8, tzinfo=UTC)),
    ],
)
def test_since_as_a_duration_or_a_time(given, expected):
    assert time_of(given, NOW) == expected


@pytest.mark.parametrize(
    "given", ["", "3", "d", "-2h", "2 h", "2026-02-30T10:00:00Z", "2026-02-28T10:00:00", "999999w"]
)
def test_since_refuses_what_is_neither(given):
    with pytest.raises(CommandError, match="--since must be"):
        time_of(given, NOW)


def test_many_ids_are_shortened():
    assert shortened([1, 2, 3]) == "1, 2, 3"
    assert shortened(list(range(20)), most=3) == "0, 1, 2 and 17 more"


@pytest.mark.django_db(transaction=True)
def test_sweep_says_what_it_did():
    message = a_failed_message(a_business())
    Message.objects.filter(pk=message).update(status="scheduled", due_at=timezone.now() - timedelta(minutes=1))
    printed = called("sweep_messages")
    assert status_of(message) == "queued"
    assert "     1  scheduled messages whose time has come put into the queue" in printed
