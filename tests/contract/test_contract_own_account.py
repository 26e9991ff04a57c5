"""A business with an account of its own at Twilio: its token signs its webhooks, and nobody else's."""

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from accounts.models import ProviderAccount
from conversations.models import Attachment, Message
from messaging.models import WebhookEvent
from messaging.services import carriers, intake, media
from omega_project.lib import sealing
from tests.contract.shapes import assert_error
from tests.contract.world import a_sender, a_studio, message, phone, queue, report, sid, signature, text_form, twilio

pytestmark = pytest.mark.django_db
REPLY, STATUS = "/twilio/sms/reply", "/twilio/sms/status"


@pytest.fixture(autouse=True)
def _anew():
    carriers.forget()
    yield
    carriers.forget()


def an_account(studio, token="its own token", **fields):
    secrets = sealing.seal({"auth_token": token, "api_key_sid": "SK1", "api_key_secret": "x"})
    known = {"provider": "twilio", "account_id": sid("AC"), "secrets": secrets} | fields
    return ProviderAccount.objects.create(business_id=studio.id, **known).account_id


def signed_by(token, path, form):
    return twilio(path, form, signed=signature(f"{settings.PUBLIC_BASE_URL}/omega{path}", form, token))


def inbound(studio):
    return [one.body for one in Message.objects.filter(business_id=studio.id, direction="inbound")]


def test_a_text_signed_by_the_businesss_own_token_is_taken():
    studio = a_studio()
    account = an_account(studio)
    form = text_form(studio, phone(), "Hi", AccountSid=account)
    assert signed_by("its own token", REPLY, form).status == 200
    assert inbound(studio) == ["Hi"]


@pytest.mark.parametrize("token", [settings.TWILIO_AUTH_TOKEN, "another", ""])
def test_another_token_under_the_accounts_name_is_403(token):
    studio = a_studio()
    form = text_form(studio, phone(), "Hi", AccountSid=an_account(studio))
    assert_error(signed_by(token or None, REPLY, form), 403, "invalid_signature")
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("named", ["AC" + "f" * 32, "AC", "nonsense", "AC\x00", "AC" + "1" * 5000, "ÄC" + "1" * 32])
def test_an_account_that_nobody_has_is_403_whoever_signed(named):
    studio = a_studio()
    form = text_form(studio, phone(), "Hi", AccountSid=named)
    assert_error(twilio(REPLY, form), 403, "invalid_signature")
    assert_error(signed_by("", REPLY, form), 403, "invalid_signature")


def test_an_account_that_was_switched_off_opens_nothing():
    studio = a_studio()
    form = text_form(studio, phone(), "Hi", AccountSid=an_account(studio, is_active=False))
    assert_error(signed_by("its own token", REPLY, form), 403, "invalid_signature")


def test_an_account_without_a_token_opens_nothing():
    studio = a_studio()
    form = text_form(studio, phone(), "Hi", AccountSid=an_account(studio, secrets=sealing.seal({"auth_token": ""})))
    assert_error(
        twilio(REPLY, form, signed=signature("http://testserver/omega" + REPLY, form, "\x00")), 403, "invalid_signature"
    )


def test_secrets_that_no_key_opens_are_403(settings):
    studio = a_studio()
    form = text_form(studio, phone(), "Hi", AccountSid=an_account(studio, secrets=b"garbage"))
    assert_error(signed_by("its own token", REPLY, form), 403, "invalid_signature")


def test_an_account_made_after_a_refusal_is_known_at_once():
    studio = a_studio()
    named = sid("AC")
    form = text_form(studio, phone(), "Hi", AccountSid=named)
    assert_error(signed_by("its own token", REPLY, form), 403, "invalid_signature")
    an_account(studio, account_id=named)
    assert signed_by("its own token", REPLY, form).status == 200


def test_one_businesss_account_speaks_for_no_other_business():
    ours, theirs = a_studio(), a_studio()
    account = an_account(theirs)
    form = text_form(ours, phone(), "Forged", AccountSid=account)
    assert signed_by("its own token", REPLY, form).status == 200
    event = WebhookEvent.objects.get()
    assert (inbound(ours), inbound(theirs), event.status, event.business_id) == ([], [], "failed", theirs.id)
    intake.replay_event(event_id=event.pk)
    assert inbound(ours) == []


def test_one_businesss_account_reports_on_no_other_businesss_text():
    ours, theirs = a_studio(), a_studio()
    account, sent = an_account(theirs), queue(ours)
    for query in ("", f"?mid={sent['message_id']}"):
        Message.objects.filter(pk=sent["message_id"]).update(provider_message_id="SM1", status="sent")
        form = {"MessageSid": "SM1", "MessageStatus": "delivered", "AccountSid": account}
        assert signed_by("its own token", STATUS + query, form).status == 204
    assert message(ours, sent["message_id"])["status"] == "sent"


def test_a_report_by_the_platforms_account_still_counts():
    studio = a_studio()
    an_account(studio)
    sent = queue(studio)
    Message.objects.filter(pk=sent["message_id"]).update(provider_message_id="SM1", status="sent")
    assert report(studio, "SM1", "delivered").status == 204
    assert message(studio, sent["message_id"])["status"] == "delivered"


def test_a_database_that_is_away_is_503_not_403():
    studio = a_studio()
    form = text_form(studio, phone(), "Hi", AccountSid=an_account(studio))

    def away(execute, sql, params, many, context):
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(away):
        assert_error(signed_by("its own token", REPLY, form), 503, "unavailable")


def test_media_are_fetched_by_the_credentials_of_the_businesss_own_account():
    studio, other = a_studio(), a_studio()
    a_sender(other.id)
    account = an_account(studio)
    own, platform = media.credentials_for(studio.id), media.credentials_for(other.id)
    assert (own.user, own.password) == (account, "its own token")
    assert (platform.user, platform.password) == (settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)


def test_media_of_an_account_that_does_not_open_are_tried_again_and_given_up():
    studio, number = a_studio(), phone()
    form = text_form(studio, number, "", NumMedia="1", MediaUrl0="http://127.0.0.1:1/a.png")
    assert twilio(REPLY, form).status == 200
    an_account(studio, secrets=b"garbage")
    attachment = Attachment.objects.get()
    for _ in range(6):
        Attachment.objects.filter(pk=attachment.pk).update(next_attempt_at=None)
        media.fetch_attachment(attachment_id=attachment.pk)
    attachment.refresh_from_db()
    assert attachment.status == "failed"
    assert "ENCRYPTION_KEYS" in attachment.error
