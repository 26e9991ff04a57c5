"""Which mail an event is of: by every name that the mail has, and never another business's."""

import pytest

from accounts.models import ProviderAccount
from messaging.models import WebhookEvent
from messaging.providers.mail_event import MailEvent
from messaging.services import carriers, intake
from messaging.services.mail_events import apply_events
from messaging.services.mail_matching import AMBIGUOUS, UNKNOWN
from omega_project.lib import sealing
from tests.contract.shapes import assert_error
from tests.contract.world import a_platform_key, a_studio, post
from tests.mail.reports import a_mail, an_address, event, post_events, public_key, row
from tests.mail.test_mail_events_webhook import OTHER

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def key(settings):
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = public_key()
    carriers.forget()


def only(mail, *names, **more):
    """An event that names its mail by these fields alone."""
    whole = event(mail, "delivered", **more)
    return {name: whole[name] for name in ("email", "event", "sg_event_id", "timestamp", *names)}


@pytest.mark.parametrize("name", ["omega_message_id", "sg_message_id", "smtp-id"])
def test_each_of_its_names_finds_a_mail(name):
    mail = a_mail(a_studio())
    post_events([only(mail, name)])
    assert row(mail).status == "delivered"


@pytest.mark.parametrize(
    "sid", ["{0}", "{0}.filter0001.16648.5515E0B88.0", "{0}.filterdrecv-5645d9c87f-78xbv-1-5E7B9A2C-8.0", "{0}.recvd-x"]
)
@pytest.mark.parametrize("own", ["Xet6bZ7WRTG2fYDa-p7arw", "14c5d75ce93.dfd.64b469"])
def test_the_suffixes_of_all_times_are_known(sid, own):
    mail = a_mail(a_studio(), provider_message_id=own)
    post_events([only(mail, "sg_message_id", sg_message_id=sid.format(own))])
    assert row(mail).status == "delivered"


def test_our_own_message_id_finds_a_mail():
    mail = a_mail(a_studio(), rfc_message_id="m.77.abc@in.example.com", provider_message_id=None)
    post_events([only(mail, "smtp-id", **{"smtp-id": "<m.77.abc@in.example.com>"})])
    assert row(mail).status == "delivered"


@pytest.mark.parametrize("to", ["Ana.Lee@Example.NET", "  ana.lee@example.net "])
def test_an_address_is_the_same_in_any_case(to):
    mail = a_mail(a_studio(), to="ana.lee@example.net")
    post_events([event(mail, "delivered", email=to)])
    assert row(mail).status == "delivered"


def test_an_id_of_ours_with_anothers_address_is_not_our_mail():
    mail = a_mail(a_studio())
    post_events([event(mail, "bounce", email="somebody@else.example")])
    assert row(mail).status == "sent"
    assert WebhookEvent.objects.get().status == "pending"


def test_a_bounce_that_names_an_address_alone_is_of_the_latest_mail_to_it():
    studio, address = a_studio(), an_address()
    first, second, elsewhere = a_mail(studio, to=address), a_mail(studio, to=address), a_mail(a_studio())
    bounce = {"email": address, "event": "bounce", "type": "bounce", "sg_event_id": "late", "timestamp": 1741000720}
    post_events([bounce])
    assert [row(one).status for one in (first, second, elsewhere)] == ["sent", "undelivered", "sent"]


def test_where_two_businesses_wrote_to_it_the_bounce_is_nobodys():
    address = an_address()
    mails = [a_mail(a_studio(), to=address) for _ in range(2)]
    post_events([{"email": address, "event": "bounce", "type": "bounce", "sg_event_id": "late"}])
    assert [row(one).status for one in mails] == ["sent", "sent"]
    assert WebhookEvent.objects.get().error == AMBIGUOUS


def test_a_delivery_by_address_alone_is_nobodys():
    mail = a_mail(a_studio())
    post_events([only(mail)])
    assert row(mail).status == "sent"


def test_a_text_is_no_mail_and_another_providers_mail_is_not_sendgrids():
    studio = a_studio()
    text = a_mail(studio, channel="sms", to=an_address())
    other = a_mail(studio, provider="mailgun")
    post_events([event(text, "bounce"), event(other, "bounce")])
    assert (row(text).status, row(other).status) == ("sent", "sent")


def an_account(studio, account_id="", key=OTHER):
    secrets = sealing.seal({"api_key": "SG.x", "webhook_public_key": public_key(key)})
    made = ProviderAccount.objects.create(
        business_id=studio.id, provider="sendgrid", account_id=account_id, secrets=secrets
    )
    carriers.forget()
    return made


@pytest.mark.parametrize("query", ["", "?account=own-1"])
def test_a_businesss_own_account_speaks_of_its_own_mails_alone(query):
    ours, theirs = a_studio(), a_studio()
    an_account(theirs, "own-1")
    mine, foreign = a_mail(theirs), a_mail(ours)
    batch = [event(mine, "delivered"), event(foreign, "bounce"), event(foreign, "spamreport")]
    got = post_events(batch, key=OTHER, path=f"/email/webhook/sendgrid{query}")
    assert got.status == 200, got.raw
    assert (row(mine).status, row(foreign).status) == ("delivered", "sent")
    assert set(WebhookEvent.objects.values_list("business_id", flat=True)) == {theirs.id}


def test_an_account_that_no_key_opens_stands_in_no_others_way():
    theirs = a_studio()
    an_account(theirs)
    broken = an_account(a_studio())
    ProviderAccount.objects.filter(pk=broken.pk).update(secrets=b"broken")
    mail = a_mail(theirs)
    assert post_events([event(mail, "delivered")], key=OTHER).status == 200
    assert row(mail).status == "delivered"


@pytest.mark.parametrize("account", ["own-1", "nobody", "", "%00", "x" * 500])
def test_an_account_that_is_named_is_checked_by_its_own_key(account):
    an_account(a_studio(), "own-1")
    mail = a_mail(a_studio())
    got = post_events([event(mail, "delivered")], path=f"/email/webhook/sendgrid?account={account}")
    assert_error(got, 403, "invalid_signature")


def test_an_account_can_hide_no_event_of_another():
    theirs = a_studio()
    an_account(theirs)
    mail = a_mail(a_studio())
    true = event(mail, "delivered", sg_event_id="guessed")
    post_events([event(mail, "open", sg_event_id="guessed")], key=OTHER)
    assert post_events([true]).body["new"] == 1
    assert row(mail).status == "delivered"


def due():
    WebhookEvent.objects.exclude(next_attempt_at=None).update(next_attempt_at="2020-01-01T00:00:00Z")
    intake.retry_due()


def test_an_event_that_came_before_its_mail_is_used_when_the_mail_is_there():
    mail = a_mail(a_studio(), status="unknown")
    early = only(mail, "sg_message_id", sg_message_id="later.recvd-1")
    post_events([early])
    due()
    assert WebhookEvent.objects.get().next_attempt_at
    later = a_mail(a_studio(), to=mail.to_address, provider_message_id="later")
    due()
    assert row(later).status == "delivered"
    assert (WebhookEvent.objects.get().status, WebhookEvent.objects.get().message_id) == ("processed", later.pk)


def test_an_event_of_nobodys_mail_fails_in_the_end_with_a_sentence():
    post_events([event(a_mail(a_studio()), "delivered", email="x@example.org") for _ in range(3)])
    for _ in range(10):
        due()
    for one in WebhookEvent.objects.all():
        assert (one.status, one.error, one.next_attempt_at) == ("failed", UNKNOWN, None)
        assert one.attempts == 8


def test_a_failed_event_is_replayed_by_the_same_code():
    mail = a_mail(a_studio())
    post_events([event(mail, "delivered", email="ana@new.example")])
    stored = WebhookEvent.objects.get()
    WebhookEvent.objects.update(status="failed", next_attempt_at=None)
    type(mail).objects.filter(pk=mail.pk).update(to_address="ana@new.example")
    got = post("/messages/retry", {"channel": "email"}, a_platform_key())
    assert got.status == 202
    stored.refresh_from_db()
    assert (stored.status, stored.message_id, row(mail).status) == ("processed", mail.pk, "delivered")
    intake.replay_event(event_id=stored.pk)
    assert len(row(mail).events.all()) == 1


def test_an_event_that_was_used_stands_in_the_history_once():
    mail = a_mail(a_studio())
    post_events([event(mail, "deferred"), event(mail, "spamreport")])
    for one in WebhookEvent.objects.all():
        intake.replay_event(event_id=one.pk)
    assert len(row(mail).events.all()) == 2
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {"processed"}


def test_retry_of_texts_leaves_mails_alone():
    post_events([event(a_mail(a_studio()), "delivered", email="x@example.org")])
    WebhookEvent.objects.update(status="failed", next_attempt_at=None)
    post("/messages/retry", {"channel": "sms"}, a_platform_key())
    assert WebhookEvent.objects.get().attempts == 0


def test_a_caller_tells_only_of_its_own_business():
    ours, theirs = a_studio(), a_studio()
    mail = a_mail(ours)
    told = [
        MailEvent("bounced", message_id=mail.pk),
        MailEvent("bounced", provider_message_id=mail.provider_message_id),
    ]
    answers = apply_events(told, business_id=theirs.id)
    assert [(one.message_id, one.why) for one in answers] == [(None, UNKNOWN)] * 2
    answers = apply_events(told, business_id=ours.id)
    assert [(one.status, one.applied) for one in answers] == [("undelivered", True), ("undelivered", False)]
