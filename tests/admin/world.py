"""The admin tests' world: a business, its people and what they said, made by the services that make it in life."""

import itertools

from django.utils import timezone

from accounts.models import Business, Client, Sender, Staff
from accounts.services.unmasking import unmask
from conversations.models import Conversation, Message
from conversations.services.threads import ensure_conversation
from messaging.models import WebhookEvent
from messaging.services.recording import record_message
from messaging.services.sending import queue_message
from messaging.services.texts import TextToQueue, TextToRecord

_numbers = itertools.count(3_000_000)
EVIL = "<script>alert('x')</script>"


def phone():
    """A number that nobody else in this run has."""
    return f"+1212{next(_numbers)}"


def a_business(**fields):
    business = Business.objects.create(**{"name": "Studio", "timezone": "America/New_York"} | fields)
    Sender.objects.create(business=business, channel="sms", address=phone(), provider="twilio", is_default=True)
    return business


def a_thread(business=None, *, said="Hello", **fields):
    """A client's conversation with one unread text in it."""
    business = business or a_business()
    client = Client.objects.create(business=business, **{"first_name": "Ana", "phone": phone()} | fields)
    thread, _ = ensure_conversation(business_id=business.pk, client_id=client.pk)
    if said:
        hears(Conversation.objects.get(pk=thread), said)
    return Conversation.objects.select_related("client").get(pk=thread)


def hears(thread, body, **fields):
    """The client writes; the message's id."""
    text = TextToRecord(
        thread.business_id, "inbound", "received", client_id=thread.client_id, from_=thread.client.phone, body=body
    )
    for name, value in fields.items():
        setattr(text, name, value)
    return record_message(text).message_id


def says(thread, body="Yes", **fields):
    """A text is queued to the client; the message's id."""
    text = TextToQueue(thread.business_id, client_id=thread.client_id, body=body, **fields)
    return queue_message(text).message_id


def fails(message_id, *, retryable, code="30003", status="failed"):
    sentence = "The phone is switched off."
    Message.objects.filter(pk=message_id).update(
        status=status, error_code=code, error_message=sentence, error_retryable=retryable
    )


def a_staff_member(business, **fields):
    return Staff.objects.create(business=business, **{"name": "Mo Santos"} | fields)


def an_event(payload, **fields):
    """A webhook call that could not be made use of."""
    facts = {
        "provider": "twilio",
        "kind": "sms.reply",
        "dedupe_key": f"text:{next(_numbers)}",
        "content_type": "application/x-www-form-urlencoded",
        "status": "failed",
        "error": "No business has that number.",
        "attempts": 1,
        "received_at": timezone.now(),
    }
    return WebhookEvent.objects.create(payload=payload, **facts | fields)


def opened_to(user, business):
    """Somebody of support has given a reason to see this business's clients."""
    return unmask(user=user, business=business, client=None, reason="The owner asked for help with this")
