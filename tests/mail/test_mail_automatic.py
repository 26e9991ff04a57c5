"""Auto-replies, bounces, lists and loops: kept, marked, read, and no word of the client's."""

import pytest

from conversations.models import Conversation, Message
from messaging.services.reply_tokens import message_id_for
from tests.mail.letters import (
    a_house,
    a_mail,
    a_thread,
    address,
    arrives,
    event,
    form,
    mail_of,
    post,
    raw_fields,
    token_of,
    writes,
)

pytestmark = pytest.mark.django_db

AUTOMATIC = [
    ({"Auto_Submitted": "auto-replied"}, "auto_reply"),
    ({"Auto_Submitted": "auto-replied (vacation)"}, "auto_reply"),
    ({"Auto_Submitted": "auto-generated", "In_Reply_To": "<x@y.example>"}, "auto_reply"),
    ({"Auto_Submitted": "auto-generated"}, "generated"),
    ({"X_Autoreply": "yes"}, "auto_reply"),
    ({"X_Autorespond": ""}, "auto_reply"),
    ({"Precedence": "bulk"}, "bulk"),
    ({"Precedence": "auto_reply"}, "auto_reply"),
    ({"Precedence": "list"}, "list"),
    ({"List_Id": "<news.example.net>"}, "list"),
    ({"List_Unsubscribe": "<https://x.example>"}, "list"),
    ({"X_Auto_Response_Suppress": "All", "Subject": "Automatic reply: Friday"}, "auto_reply"),
    ({"X_Failed_Recipients": "x@y.example"}, "bounce"),
]
BY_A_PERSON = [
    {},
    {"Auto_Submitted": "no"},
    {"Precedence": "first-class"},
    {"Subject": "Out of office next week: another date?"},
    {"X_Auto_Response_Suppress": "DR, OOF, AutoReply"},
]


@pytest.mark.parametrize(("headers", "reason"), AUTOMATIC)
def test_what_a_program_wrote_is_marked_and_rings_nobody(headers, reason):
    thread = a_thread(a_house())
    Conversation.objects.filter(pk=thread.pk).update(status="closed")
    message = writes(thread.client.email, token_of(thread), **headers)
    thread.refresh_from_db()
    assert (message.metadata["automatic"], mail_of(message).is_automatic, message.is_read) == (reason, True, True)
    assert (message.conversation_id, thread.status, thread.unread_count) == (thread.pk, "closed", 0)
    assert thread.first_inbound_at is None


@pytest.mark.parametrize("headers", BY_A_PERSON)
def test_what_a_person_wrote_is_not(headers):
    thread = a_thread(a_house())
    message = writes(thread.client.email, token_of(thread), **headers)
    assert (message.metadata.get("automatic"), message.is_read) == (None, False)


def test_a_mail_without_an_envelope_sender_is_automatic():
    thread = a_thread(a_house())
    arrives(a_mail(thread.client.email, token_of(thread)), token_of(thread), "")
    assert Message.objects.get().metadata["automatic"] == "bounce"


def test_nothing_is_ever_answered():
    house = a_house()
    writes(address("a"), house.address)
    writes(address("b"), house.address, Auto_Submitted="auto-replied")
    assert not Message.objects.filter(direction="outbound").exists()


def test_a_bounce_that_returns_our_mail_is_held_in_its_conversation():
    house = a_house()
    thread = a_thread(house)
    sent = Message.objects.create(
        business_id=house.id, conversation=thread, client=thread.client, channel="email", direction="outbound",
        status="sent", accepted_status="queued", request_id="sent", created_at=thread.created_at,
    )  # fmt: skip
    report = BOUNCE.format(message_id=message_id_for(sent.pk), to=house.address).replace("\n", "\r\n").encode()
    arrives(report, house.address, "")
    message = Message.objects.get(direction="inbound")
    assert (message.conversation_id, message.metadata["automatic"]) == (thread.pk, "bounce")
    assert message.metadata["held"] == "unknown_sender"
    assert "mailbox is full" in message.body


def test_a_bounce_of_nothing_that_is_known_is_kept_and_makes_no_client():
    house = a_house()
    report = BOUNCE.format(message_id="somebody@else.example", to=house.address).replace("\n", "\r\n").encode()
    arrives(report, house.address, "")
    assert not Message.objects.exists()
    assert (event().status, event().error) == (
        "ignored",
        "It is a bounce that names no conversation of ours: it is kept here.",
    )


def test_a_mail_from_the_businesss_own_address_goes_round_no_more():
    house = a_house()
    thread = a_thread(house)
    assert writes(house.address, token_of(thread)) is None
    assert event().status == "ignored"
    assert "an address of our own" in event().error


def test_a_mail_from_a_reply_address_goes_round_no_more():
    house = a_house()
    assert writes(token_of(a_thread(house)), house.address) is None
    assert event().status == "ignored"


def test_our_own_mail_come_back_goes_round_no_more():
    house = a_house()
    thread = a_thread(house)
    arrives(a_mail(thread.client.email, token_of(thread), Message_ID=f"<{message_id_for(7)}>"), token_of(thread))
    assert (event().status, Message.objects.count()) == ("ignored", 0)


def test_another_businesss_own_address_is_a_client_like_any():
    first, second = a_house(), a_house()
    message = writes(first.address, second.address)
    assert (message.business_id, message.client.email) == (second.id, first.address)


def test_a_newsletter_makes_a_client_and_rings_nobody():
    house = a_house()
    answer = post(
        form(raw_fields(a_mail(address("news"), house.address, List_Id="<n.example>"), house.address, "b@n.example"))
    )
    assert answer.status == 200
    message = Message.objects.get()
    assert (message.metadata["automatic"], message.is_read, message.conversation.unread_count) == ("list", True, 0)


BOUNCE = """\
From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <dsn1@mx.example.net>
Date: Mon, 03 Mar 2025 10:20:20 +0000
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

The mail could not be delivered: the mailbox is full.
--b1
Content-Type: message/delivery-status

Final-Recipient: rfc822; bob@example.net
Action: failed
Status: 5.2.2
--b1
Content-Type: text/rfc822-headers

From: hello@studio.example
Message-ID: <{message_id}>
Subject: Friday
--b1--
"""
