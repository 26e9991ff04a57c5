"""What an operator sees of mail events, and the bounce that they lift."""

import pytest

from messaging.models import Consent, WebhookEvent
from messaging.services import carriers
from tests.contract.world import a_studio
from tests.mail.reports import a_mail, event, post_events, public_key, row, tell

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def key(settings):
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = public_key()
    carriers.forget()


def shown(browser, path):
    got = browser.get(path, follow=True)
    assert got.status_code == 200
    return got.content.decode()


def test_a_bounce_shows_on_the_message_and_in_the_consent_and_is_lifted(browser):
    mail = a_mail(a_studio())
    tell(mail, "delivered")
    tell(mail, "bounced", reason=f"550 5.1.1 gone {EVIL}", code="5.1.1")
    page = shown(browser, f"/admin/conversations/message/{mail.pk}/change/")
    assert "550 5.1.1 gone" in page
    assert EVIL not in page
    consent = f"/admin/messaging/consent/{Consent.objects.get().pk}"
    assert "Turned mail away" in shown(browser, "/admin/messaging/consent/")
    page = shown(browser, f"{consent}/change/")
    assert "The mailbox turned mail away for good" in page
    assert "Mail may go there again" in page
    assert EVIL not in page
    done = browser.post(f"{consent}/do/lift_bounce/", follow=True).content.decode()
    assert "may go again" in done
    assert Consent.objects.get().bounced_at is None
    assert browser.post(f"{consent}/do/lift_bounce/").status_code == 404


def test_a_failed_event_shows_its_fields_and_is_replayed(browser):
    mail = a_mail(a_studio())
    post_events([event(mail, "delivered", email="ana@new.example", response=EVIL)])
    WebhookEvent.objects.update(status="failed", next_attempt_at=None)
    stored = WebhookEvent.objects.get()
    page = shown(browser, f"/admin/messaging/webhookevent/{stored.pk}/change/")
    assert "omega_message_id" in page
    assert EVIL not in page
    do = f"/admin/messaging/webhookevent/{stored.pk}/do/replay/"
    assert "No mail of ours is known" in browser.post(do, follow=True).content.decode()
    type(mail).objects.filter(pk=mail.pk).update(to_address="ana@new.example")
    assert "was processed" in browser.post(do, follow=True).content.decode()
    assert row(mail).status == "delivered"


def test_events_that_cannot_be_read_and_that_mean_nothing_can_be_looked_at(browser):
    post_events(b'[{"event": "account_status_change"}, {nonsense}, {"event": "\\ud800"}]')
    for one in WebhookEvent.objects.all():
        assert shown(browser, f"/admin/messaging/webhookevent/{one.pk}/change/")
        browser.post(f"/admin/messaging/webhookevent/{one.pk}/do/replay/")
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {"failed", "ignored"}
