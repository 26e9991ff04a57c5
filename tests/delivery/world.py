"""A business with senders and clients, and texts in its outbox, for the tests of claiming and settling."""

from datetime import timedelta
from itertools import count
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import Business, Client, Sender
from conversations.models import Message
from messaging.services import claiming, settling
from messaging.services.sending import queue_message
from messaging.services.texts import TextToQueue

_numbers = count(2_000_000)


def business(**values: Any) -> Business:
    """A business with one default sender that has no rate of its own."""
    made = Business.objects.create(name="Studio", quiet_from="00:00", quiet_until="00:00", **values)
    sender(made, is_default=True)
    return made


def sender(owner: Business, **values: Any) -> Sender:
    address = f"+1415{next(_numbers)}"
    return Sender.objects.create(business=owner, channel="sms", address=address, provider="twilio", **values)


def client(owner: Business, **values: Any) -> Client:
    return Client.objects.create(business=owner, phone=f"+1415{next(_numbers)}", **values)


def text(owner: Business, to: Client, body: str = "hi", **values: Any) -> int:
    """A queued text's id."""
    return queue_message(TextToQueue(owner.pk, client_id=to.pk, body=body, **values)).message_id


def claim(room: int = 50, in_flight: dict[int, int] | None = None, most: int = 1000) -> list[claiming.Claim]:
    return claiming.claim_due(room=room, in_flight=in_flight or {}, most=most, worker="test").claims


def claimed_ids(**values: Any) -> list[int]:
    return [one.message_id for one in claim(**values)]


def settle(one: claiming.Claim, result: Any) -> None:
    settling.settle([(one, result)])


def message(message_id: int) -> Message:
    return Message.objects.get(pk=message_id)


def later(message_id: int, **ago: timedelta) -> None:
    """Move a message's times into the past, as if so long had passed."""
    row = message(message_id)
    moved = {name: (getattr(row, name) or timezone.now()) - span for name, span in ago.items()}
    Message.objects.filter(pk=message_id).update(**moved)


def sql(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
