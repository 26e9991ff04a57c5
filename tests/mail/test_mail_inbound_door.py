"""POST /email/inbound/{provider}: who may hand mail over, in which form, and what each answer means."""

import pytest

from conversations.models import Message
from messaging.models import WebhookEvent
from tests.contract.shapes import assert_error
from tests.mail.letters import (
    a_client,
    a_house,
    a_mail,
    a_thread,
    arrives,
    basic,
    event,
    form,
    post,
    raw_fields,
    writes,
)

pytestmark = pytest.mark.django_db


def test_a_mail_becomes_an_unread_message_of_the_client_who_wrote():
    house = a_house()
    thread = a_thread(house)
    message = writes(thread.client.email, house.address, "See you on Friday")
    wanted = {
        "conversation_id": thread.pk, "client_id": thread.client_id, "channel": "email", "direction": "inbound",
        "status": "received", "body": "See you on Friday", "subject": "Friday", "from_address": thread.client.email,
        "to_address": house.address, "provider": "sendgrid", "is_read": False,
    }  # fmt: skip
    assert {name: getattr(message, name) for name in wanted} == wanted
    thread.refresh_from_db()
    assert (thread.unread_count, thread.channels, thread.last_message_id) == (1, ["email"], message.pk)
    assert (event().status, event().message_id) == ("processed", message.pk)


@pytest.mark.parametrize(
    "given", [None, "", "Basic", "Basic !!!", "Bearer x", "Basic " + "A" * 5000, "é", "Basic \x00"]
)
def test_without_the_right_user_and_password_it_is_401_and_nothing_is_kept(given):
    house = a_house()
    answer = post(form(raw_fields(a_mail("a@b.example", house.address), house.address)), Authorization=given)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("credentials", ["sendgrid:wrong", "wrong:only-for-tests", ":", "sendgrid:only-for-tests "])
def test_a_wrong_password_is_401(credentials):
    assert_error(post(b"", Authorization=basic(credentials)), 401, "authentication_failed")


def test_nobody_gets_in_where_no_password_is_set(settings):
    settings.INBOUND_EMAIL_BASIC_AUTH = ""
    assert_error(post(b"", Authorization=basic(":")), 401, "authentication_failed")
    assert_error(post(b"", Authorization=basic("")), 401, "authentication_failed")


@pytest.mark.parametrize("provider", ["nobody", "twilio", "SENDGRID", "..", "amazon_ses", "%00"])
def test_an_unknown_provider_is_404(provider):
    assert_error(post(b"x", provider=provider), 404, "not_found")


def test_the_same_mail_again_is_known():
    house, client = a_house(), None
    client = a_client(house)
    mail = a_mail(client.email, house.address)
    assert arrives(mail, house.address).body == {"status": "stored"}
    assert arrives(mail, house.address).body == {"status": "known"}
    assert Message.objects.filter(client=client).count() == 1
    assert WebhookEvent.objects.count() == 1
