"""Every other provider's events: proved to be its own, read, and applied as SendGrid's are."""

import json
import secrets

import pytest

from accounts.models import ProviderAccount
from messaging.models import Consent, WebhookEvent
from messaging.providers.anymail_events import SOURCES
from messaging.services import carriers
from omega_project.lib import sealing
from tests.contract.shapes import assert_error
from tests.contract.world import a_studio, call, message
from tests.mail.callers import CALLERS, USER, basic
from tests.mail.reports import a_mail, row

pytestmark = pytest.mark.django_db
each = pytest.mark.parametrize("name", sorted(CALLERS))
JUNK = [b"", b"{", b"null", b"1", b"\xff\xfe\x00", b"[" * 3000, b"{}", b'{"a": "\\ud800"}', b"mandrill_events=[7]"]
# Postal tells of no complaint, Mandrill of no delivery.
NO_COMPLAINTS, ACCEPTED_ONLY = {"postal"}, {"mandrill"}


@pytest.fixture(autouse=True)
def known(settings):
    settings.ANYMAIL = {}
    carriers.forget()


def ready(name, settings, **columns):
    settings.ANYMAIL = CALLERS[name].settings
    return CALLERS[name], a_mail(a_studio(), provider=name, provider_message_id=an_id(), **columns)


def an_id():
    return f"<{secrets.token_hex(8)}@mail.example>"


def test_every_provider_is_here():
    assert set(CALLERS) == set(SOURCES)


@each
def test_a_delivery_and_then_a_bounce(name, settings):
    caller, mail = ready(name, settings, status="queued")
    got = caller.post(mail, "delivered")
    assert (got.status, got.body) == (200, {"received": 1, "new": 1})
    assert row(mail).status == ("sent" if name in ACCEPTED_ONLY else "delivered")
    assert caller.post(mail, "bounced").body["new"] == 1
    now = row(mail)
    assert (now.status, now.error_retryable) == ("undelivered", False)
    assert "says why" in now.error_message
    found = Consent.objects.get()
    assert (found.address, found.state, bool(found.bounced_at)) == (mail.to_address, "unknown", True)
    assert {one.status for one in WebhookEvent.objects.all()} == {"processed"}


@each
def test_an_open_and_a_complaint(name, settings):
    caller, mail = ready(name, settings)
    caller.post(mail, "opened")
    assert row(mail).status == "read"
    caller.post(mail, "complained")
    assert Consent.objects.filter(state="opted_out").count() == (0 if name in NO_COMPLAINTS else 1)


@each
def test_a_forged_call_is_403_and_writes_nothing(name, settings):
    caller, mail = ready(name, settings)
    assert_error(caller.post(mail, "bounced", wrong=True), 403, "invalid_signature")
    bare = call("POST", f"/email/webhook/{name}", data=caller.body(mail, caller.words["bounced"]))
    assert_error(bare, 403, "invalid_signature")
    assert row(mail).status == "sent"
    assert not WebhookEvent.objects.exists()


@each
def test_without_anything_to_check_it_by_a_provider_is_404(name, settings):
    caller, mail = ready(name, settings)
    settings.ANYMAIL = {}
    assert_error(caller.post(mail, "bounced"), 404, "not_found")
    settings.ANYMAIL = {"SENDGRID_API_KEY": "x", f"{name.upper()}_SENDER": "x"}
    assert_error(caller.post(mail, "bounced"), 404, "not_found")
    assert row(mail).status == "sent"


@each
@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_is_refused_or_kept_and_never_a_fault_of_ours(name, junk, settings):
    caller, mail = ready(name, settings)
    got = caller.post(mail, "delivered", body=junk)
    assert got.status in {200, 403, 422}, got.raw
    assert row(mail).status == "sent"


@each
def test_the_same_call_twice_is_one_event(name, settings):
    caller, mail = ready(name, settings)
    body = caller.body(mail, caller.words["delivered"])
    answers = [caller.post(mail, "delivered", body=body).body["new"] for _ in range(2)]
    assert answers == [1, 0]


@each
def test_anothers_mail_stays_as_it_is(name, settings):
    caller, _ = ready(name, settings)
    for other in (a_mail(a_studio(), provider="sendgrid"), a_mail(a_studio(), provider="twilio")):
        caller.post(other, "bounced")
        assert row(other).status == "sent"


@pytest.mark.parametrize(
    ("name", "word", "more"),
    [("postmark", "Bounce", {"Type": "SoftBounce"}), ("brevo", "soft_bounce", {}), ("mandrill", "soft_bounce", {}),
     ("mailersend", "soft_bounced", {}), ("mailjet", "bounce", {"hard_bounce": False, "error": "user unknown"}),
     ("sparkpost", "bounce", {"bounce_class": "22"})],
)  # fmt: skip
def test_a_mailbox_that_is_busy_is_not_gone(name, word, more, settings):
    caller, mail = ready(name, settings)
    caller.post(mail, word, **more)
    assert (row(mail).status, row(mail).error_retryable) == ("undelivered", True)
    assert not Consent.objects.exists()


def test_what_mailgun_drops_for_an_old_opt_out_opts_out(settings):
    caller, mail = ready("mailgun", settings)
    caller.post(mail, "failed", reason="suppress-unsubscribe")
    assert (row(mail).status, Consent.objects.get().state) == ("undelivered", "opted_out")
    assert Consent.objects.get().bounced_at is None


def test_what_mailgun_tries_again_by_itself_is_deferred(settings):
    studio = a_studio()
    settings.ANYMAIL = CALLERS["mailgun"].settings
    mail = a_mail(studio, provider="mailgun", provider_message_id=an_id())
    CALLERS["mailgun"].post(mail, "failed", severity="temporary")
    assert row(mail).status == "sent"
    assert message(studio, mail.pk)["history"][-1]["detail"] == "deferred: says why"


def test_a_proxy_that_opens_is_no_reader(settings):
    caller, mail = ready("brevo", settings)
    caller.post(mail, "proxy_open")
    assert row(mail).status == "sent"


def test_one_broken_event_of_a_batch_is_kept_and_spoils_no_other(settings):
    caller, mail = ready("sparkpost", settings)
    good = json.loads(caller.body(mail, "delivery"))
    got = caller.post(mail, "", body=json.dumps([{"nonsense": 1}, *good, 7]).encode())
    assert (got.status, got.body) == (200, {"received": 3, "new": 3})
    assert row(mail).status == "delivered"
    failed = WebhookEvent.objects.filter(status="failed")
    assert {one.error for one in failed} == {"The event lacks what its provider says that it has."}


def test_a_businesss_own_account_is_named_in_the_url(settings):
    ours, theirs = a_studio(), a_studio()
    secrets = sealing.seal({"api_key": "x", "webhook_signing_key": "mg"})
    ProviderAccount.objects.create(business_id=theirs.id, provider="mailgun", account_id="own", secrets=secrets)
    caller = CALLERS["mailgun"]
    mine, foreign = (a_mail(one, provider="mailgun", provider_message_id=an_id()) for one in (theirs, ours))
    path = "/email/webhook/mailgun?account=own"
    assert caller.post(mine, "delivered", path=path).status == 200
    assert caller.post(foreign, "failed", path=path).status == 200
    assert (row(mine).status, row(foreign).status) == ("delivered", "sent")
    assert_error(caller.post(mine, "failed", path="/email/webhook/mailgun?account=other"), 403, "invalid_signature")
    assert_error(caller.post(mine, "failed"), 404, "not_found")


@each
def test_a_head_says_that_the_path_is_there(name):
    assert call("HEAD", f"/email/webhook/{name}").status == 200
    assert call("HEAD", "/email/webhook/nobody").status == 404


def test_the_default_provider_may_be_another(settings):
    settings.EMAIL_PROVIDER = "postmark"
    caller, mail = ready("postmark", settings)
    assert caller.post(mail, "delivered", path="/email/webhook").status == 200
    assert row(mail).status == "delivered"


def test_a_stored_event_is_read_again_without_its_call(settings):
    caller, mail = ready("postmark", settings)
    caller.post(mail, "delivered", Recipient="other@example.org")
    stored = WebhookEvent.objects.get()
    assert stored.status == "pending"
    assert json.loads(bytes(stored.payload))["raw"]["RecordType"] == "Delivery"


def test_inbound_mail_at_the_wrong_path_is_422(settings):
    ready("postmark", settings)
    got = call("POST", "/email/webhook/postmark", data={"FromFull": {}, "Subject": "Hi"}, **basic(USER))
    assert got.status == 422
    big = call("POST", "/email/webhook/postmark", data=b"[" + b" " * 3_000_000 + b"]", **basic(USER))
    assert_error(big, 413, "too_large")
