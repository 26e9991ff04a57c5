"""Mail: the domain that must be published, which never holds the rest, and the invitations of staff."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import override_settings
from django.utils import timezone

from accounts.models import Sender, Staff
from onboarding.models import Invitation
from onboarding.services import invitations
from tests.onboarding import world
from tests.onboarding.world import phone

pytestmark = pytest.mark.django_db


def with_mail(domain):
    return [{"channel": "sms", "address": phone()}, {"channel": "email", "address": f"Hello@{domain}"}]


def mail_sender(started):
    return Sender.objects.get(business_id=started["business_id"], channel="email")


def test_a_published_domain_sends_at_once(carrier):
    started = world.onboarded(carrier, senders=with_mail("lotus.example"))
    (made,) = carrier.made("domain")
    assert made["name"] == "lotus.example"
    sender = mail_sender(started)
    assert (sender.address, sender.is_active, sender.is_default) == ("hello@lotus.example", True, True)
    assert sender.messages_per_second is None
    assert world.details(started)["email_sender"] == ("done", "hello@lotus.example: ready to send.")


def test_what_is_to_be_published_is_said_and_the_rest_goes_on(carrier):
    started = world.onboarded(carrier, senders=with_mail("unpublished.example"))
    status, detail = world.details(started)["email_sender"]
    assert status == "waiting"
    (made,) = carrier.made("domain")
    for record in made["values"]["dns"].values():
        assert f"CNAME {record['host']} → {record['data']}" in detail
    assert not mail_sender(started).is_active


def test_it_is_done_once_it_is_published(carrier):
    started = world.onboarded(carrier, senders=with_mail("unpublished.example"))
    carrier.publish("unpublished.example")
    assert world.step(started, "email_sender").due_at > timezone.now() + timedelta(minutes=5)
    world.retry(started)
    world.go(started)
    assert world.details(started)["email_sender"][0] == "done"
    assert world.onboarding(started).status == "completed"
    assert mail_sender(started).is_active
    assert len(carrier.made("domain")) == 1


def test_a_domain_that_is_there_is_used(carrier):
    for _ in range(2):
        name = f"a{phone()[-4:]}@shared.example"
        world.onboarded(carrier, senders=[{"channel": "email", "address": name}])
    assert len(carrier.made("domain")) == 1


@pytest.mark.parametrize("mode", ["500", "401", "cut", "garbage"])
def test_trouble_at_sendgrid_holds_nothing(carrier, mode):
    carrier.sendgrid_faults(mode=mode)
    started = world.onboarded(carrier, senders=with_mail("lotus.example"))
    status, detail = world.details(started)["email_sender"]
    assert (status, "SendGrid" in detail) == ("waiting", True)
    carrier.heal()
    world.retry(started)
    world.go(started)
    assert world.details(started)["email_sender"][0] == "done"
    assert len(carrier.made("domain")) == 1


def test_without_a_key_it_is_said(carrier):
    with override_settings(SENDGRID_API_KEY=""):
        started = world.onboarded(carrier, senders=with_mail("lotus.example"))
        assert "SENDGRID_API_KEY is not set" in world.details(started)["email_sender"][1]


def staff(*emails):
    return [{"external_id": f"s{n}", "name": f"Staff {n}", "email": one} for n, one in enumerate(emails)]


def test_staff_with_an_address_are_told_once(carrier):
    started = world.onboarded(carrier, staff=staff("a@lotus.example", None, "b@lotus.example"))
    assert not invitations.send_due()
    assert sorted(one.to[0] for one in mail.outbox) == ["a@lotus.example", "b@lotus.example", "mei@lotus.example"]
    assert mail.outbox[0].subject == "Lotus Day Spa: your messages are in omega"
    bodies = {one.to[0]: one.body for one in mail.outbox}
    assert "Hello Staff 0," in bodies["a@lotus.example"]
    assert "as its owner" in bodies["mei@lotus.example"]
    assert set(Invitation.objects.values_list("status", flat=True)) == {"sent"}
    world.make_due(started)
    invitations.send_due()
    assert len(mail.outbox) == 3
    assert world.details(started)["staff"][1] == "4 staff members made, 3 of them told by mail."


def test_a_request_may_want_no_invitations(carrier):
    world.onboarded(carrier, settings={"invitations": False})
    assert not Invitation.objects.exists()


def test_a_mail_server_that_is_away_is_tried_again(carrier):
    world.onboarded(carrier, staff=staff("a@lotus.example"), owner=None)
    away = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=away, EMAIL_HOST="127.0.0.1", EMAIL_PORT=1):
        invitations.send_due()
    row = Invitation.objects.get()
    assert (row.status, row.attempts, bool(row.error)) == ("due", 1, True)
    assert row.due_at > timezone.now()
    Invitation.objects.update(due_at=timezone.now())
    invitations.send_due()
    assert [one.to for one in mail.outbox] == [["a@lotus.example"]]


def test_what_a_lost_worker_had_in_hand_is_sent_by_a_person_alone(carrier):
    world.onboarded(carrier, staff=staff("a@lotus.example"), owner=None)
    Invitation.objects.update(status="sending", due_at=timezone.now() - timedelta(seconds=1))
    invitations.send_due()
    row = Invitation.objects.get()
    assert (row.status, mail.outbox) == ("unknown", [])
    assert invitations.send_again(invitation_id=row.pk)
    assert not invitations.send_again(invitation_id=row.pk)
    invitations.send_due()
    assert len(mail.outbox) == 1


def test_a_name_with_a_line_break_makes_no_header(carrier):
    world.onboarded(carrier, name="Lotus\nBcc: all@example.com", owner={"name": "A\nB", "email": "a@lotus.example"})
    invitations.send_due()
    assert mail.outbox[0].subject == "Lotus Bcc: all@example.com: your messages are in omega"
    assert mail.outbox[0].to == ["a@lotus.example"]
    assert Staff.objects.filter(name="A\nB").exists()
