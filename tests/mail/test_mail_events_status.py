"""What events do to a mail: its status, history, error and times (api.md, 7)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.models import Message
from messaging.models import Attempt, Email
from messaging.services import recovery
from messaging.services.mail_events import apply_events
from tests.contract.world import a_studio, message
from tests.mail.reports import a_mail, lines, long_ago, row, tell, told

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("before", ["queued", "unknown"])
@pytest.mark.parametrize(
    ("kind", "after"),
    [("processed", "sent"), ("deferred", "sent"), ("delivered", "delivered"), ("opened", "read"), ("clicked", "read"),
     ("bounced", "undelivered"), ("dropped", "undelivered"), ("complained", None), ("unsubscribed", None)],
)  # fmt: skip
def test_an_event_makes_the_status_that_the_contract_names(before, kind, after):
    mail = a_mail(a_studio(), status=before)
    answers, now = tell(mail, kind)
    assert now.status == (after or before)
    assert (answers[0].message_id, answers[0].status, answers[0].applied) == (mail.pk, now.status, True)


@pytest.mark.parametrize("kind", ["processed", "deferred", "delivered", "opened"])
@pytest.mark.parametrize("end", ["failed", "blocked", "canceled", "undelivered"])
def test_an_end_stays(kind, end):
    mail = a_mail(a_studio(), status=end)
    _, now = tell(mail, kind)
    assert now.status == end
    assert lines(mail) == []


@pytest.mark.parametrize("before", ["sent", "delivered", "read"])
def test_a_bounce_is_the_one_late_change(before):
    studio = a_studio()
    mail = a_mail(studio, status=before)
    tell(mail, "bounced", code="5.1.1", reason="550 5.1.1 No such user")
    shown = message(studio, mail.pk)
    assert shown["status"] == "undelivered"
    assert shown["error"]["code"] == "5.1.1"
    assert "550 5.1.1 No such user" in shown["error"]["message"]
    assert shown["error"]["retryable"] is False
    assert shown["history"][-1]["detail"] == "bounced: 550 5.1.1 No such user"
    assert shown["history"][-1]["source"] == "sendgrid"


def test_a_mail_that_was_held_off_may_be_tried_again_and_one_refused_for_good_may_not():
    mail = a_mail(a_studio())
    _, now = tell(mail, "bounced", is_temporary=True, reason="421 later")
    assert (now.status, now.error_retryable) == ("undelivered", True)
    _, now = tell(mail, "bounced", reason="550 gone")
    assert (now.status, now.error_retryable) == ("undelivered", False)
    _, now = tell(mail, "bounced", is_temporary=True, reason="421 later")
    assert (now.error_retryable, now.error_message) == (False, "The mailbox refused the mail: 550 gone")


def test_a_deferral_is_a_line_of_history():
    studio = a_studio()
    mail = a_mail(studio)
    tell(mail, "deferred", reason="451 4.7.1 Greylisted")
    assert row(mail).status == "sent"
    assert message(studio, mail.pk)["history"][-1]["detail"] == "deferred: 451 4.7.1 Greylisted"
    tell(mail, "delivered")
    tell(mail, "deferred", reason="late")
    assert lines(mail) == [("sent", "sent"), ("sent", "delivered")]


def test_a_complaint_is_a_line_of_history_and_no_status():
    studio = a_studio()
    mail = a_mail(studio, status="delivered")
    tell(mail, "complained")
    shown = message(studio, mail.pk)
    assert (shown["status"], shown["error"]) == ("delivered", None)
    assert (shown["history"][-1]["status"], shown["history"][-1]["detail"]) == ("delivered", "complained")


def test_the_first_open_click_and_complaint_are_kept():
    mail = a_mail(a_studio())
    _, first = tell(mail, "processed", "opened", "clicked", "complained", "unsubscribed")
    _, again = tell(mail, "opened", "clicked", "complained", "unsubscribed")
    for name in ("processed_at", "opened_at", "clicked_at", "complained_at", "unsubscribed_at"):
        assert getattr(first.mail, name)
        assert getattr(again.mail, name) == getattr(first.mail, name)


def test_a_time_that_cannot_be_true_is_put_right():
    mail = a_mail(a_studio())
    _, now = tell(mail, "processed", "delivered", "opened", at=long_ago())
    assert mail.created_at <= now.delivered_at
    assert mail.created_at <= now.mail.opened_at
    later = now.created_at.replace(year=2999)
    _, now = tell(mail, "clicked", at=later)
    assert now.mail.clicked_at < later


def test_a_mail_is_not_delivered_before_it_was_sent():
    """A provider tells whole seconds: `delivered` of 10:00:32 may be told of what went at 10:00:32.274."""
    sent = timezone.now() - timedelta(seconds=3)
    mail = a_mail(a_studio(), created_at=sent - timedelta(seconds=1), sent_at=sent)
    _, now = tell(mail, "delivered", at=sent.replace(microsecond=0) - timedelta(seconds=1))
    assert now.delivered_at == sent


def test_an_event_before_our_own_settle_is_the_status_and_the_settle_brings_the_id():
    mail = a_mail(a_studio(), status="queued", provider_message_id=None)
    Message.objects.filter(pk=mail.pk).update(status="sending", attempts=1, lease_until=mail.created_at)
    _, now = tell(mail, "processed", "delivered", provider_message_id="abc.recvd-1", attempt=1)
    assert (now.status, now.provider_message_id, now.lease_until) == ("delivered", None, None)


def test_evidence_settles_an_outcome_that_nobody_knew():
    mail = a_mail(a_studio(), status="unknown", provider_message_id=None)
    Message.objects.filter(pk=mail.pk).update(attempts=1, error_code="timeout", error_message="Nobody knows")
    Attempt.objects.create(message=mail, number=1, worker="w", started_at=mail.created_at, outcome="unknown")
    _, now = tell(mail, "processed", provider_message_id="abc.recvd-1", also_known_as=("abc",), attempt=1)
    assert (now.status, now.provider_message_id, now.error_code) == ("sent", "abc", "")
    assert Attempt.objects.get().outcome == "accepted"


def test_news_of_an_earlier_try_moves_nothing():
    mail = a_mail(a_studio(), status="queued", provider_message_id=None)
    Message.objects.filter(pk=mail.pk).update(attempts=2)
    assert tell(mail, "delivered", attempt=1)[1].status == "queued"
    Attempt.objects.create(message=mail, number=2, worker="w", started_at=mail.created_at, outcome="accepted")
    assert tell(mail, "processed", attempt=2)[1].status == "queued"  # queued again by hand since


def test_one_provider_id_for_two_mails_is_kept_once():
    studio = a_studio()
    mails = [a_mail(studio, status="unknown", provider_message_id=None) for _ in range(3)]
    for mail in mails:
        tell(mail, "processed", provider_message_id="same", also_known_as=("same",))
    assert [row(mail).status for mail in mails] == ["sent"] * 3
    assert [row(mail).provider_message_id for mail in mails] == ["same", None, None]


def test_a_copys_bounce_is_told_and_does_not_fail_the_mail():
    studio = a_studio()
    mail = a_mail(studio, cc=["friend@example.org"])
    answers = tell_of("friend@example.org", mail, "delivered", "opened", "bounced")
    assert row(mail).status == "sent"
    assert row(mail).mail.opened_at is None
    assert [one.applied for one in answers] == [False, False, True]
    assert "friend@example.org" in message(studio, mail.pk)["history"][-1]["detail"]


def tell_of(address, mail, *kinds):
    return apply_events([replace(told(mail, kind), address=address) for kind in kinds])


def a_try(mail, number, outcome, minutes_ago):
    at = timezone.now() - timedelta(minutes=minutes_ago)
    Attempt.objects.create(message=mail, number=number, worker="w", started_at=at, finished_at=at, outcome=outcome)
    return at


def in_doubt(mail):
    """The second try of a mail ended in doubt; the first one bounced, and was sent again by hand."""
    first, second = a_try(mail, 1, "accepted", 9), a_try(mail, 2, "unknown", 2)
    Email.objects.filter(pk=mail.pk).update(processed_at=first + timedelta(seconds=1))
    columns = {"status": "unknown", "attempts": 2, "provider_message_id": None, "lease_until": second}
    Message.objects.filter(pk=mail.pk).update(created_at=first, **columns)


def test_what_an_earlier_try_came_to_settles_no_later_one():
    mail = a_mail(a_studio())
    in_doubt(mail)
    recovery.resolve_unknown()
    assert row(mail).status == "unknown"
    tell(mail, "processed", attempt=1)
    assert row(mail).status == "unknown"
    tell(mail, "processed", attempt=2)
    assert row(mail).status == "sent"
    assert row(mail).mail.processed_at > timezone.now() - timedelta(minutes=3)
