"""How these tests call a command: by its name, as `manage.py` does, with its output as text."""

from io import StringIO

from django.core.management import call_command

from accounts.models import Business, Client, Sender
from conversations.services.threads import ensure_conversation
from conversations.services.timeline import NewMessage, append_messages, new_request_id


def called(name, *words):
    """What the command printed."""
    out = StringIO()
    call_command(name, *words, stdout=out)
    return out.getvalue()


def a_business(name="Studio", number="+12125550180"):
    business = Business.objects.create(name=name)
    Sender.objects.create(business=business, channel="sms", address=number, provider="twilio", is_default=True)
    return business


def a_failed_message(business, status="failed", *, retryable=True, sends=True, code="30008"):
    """An outgoing text that did not arrive; its id."""
    client = Client.objects.create(business=business, phone="+14155550199")
    thread, _ = ensure_conversation(business_id=business.pk, client_id=client.pk)
    message = NewMessage(
        business_id=business.pk, conversation_id=thread, client_id=client.pk, channel="sms", direction="outbound",
        status=status, request_id=new_request_id(), body="Hello", sends=sends, error_code=code,
        error_retryable=retryable, provider="twilio", to_address=client.phone,
        sender_id=business.senders.get(channel="sms").pk,
    )  # fmt: skip
    return append_messages([message])[0]["id"]
