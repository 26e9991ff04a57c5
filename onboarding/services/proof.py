"""The step `test_message`: a text by the real way, which proves that texts of this business go out.

A carrier takes no text from a number to itself (Twilio's 21266): it goes to another of the business's numbers, or else
to the owner's phone.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import Sender
from conversations.models import Message
from messaging.services.sending import queue_message
from messaging.services.texts import TextToQueue
from omega_project.lib.addresses import normalise_phone
from omega_project.lib.api.errors import ApiError
from onboarding.services.steps import Done, NotYet, Result, Run, Skipped, Stuck

GONE = {"sent", "delivered", "read"}
ENDED = {"failed", "undelivered", "blocked", "canceled"}
_LOOK_SECONDS = 0.5
_PATIENCE = timedelta(minutes=15)


def send_proof(run: Run) -> Result:
    """Send the text, or look what has become of it."""
    if not run.wanted["settings"]["test_message"]:
        return Skipped("The request wants no test message.")
    if run.facts.get("message_id"):
        return _look(run, int(run.facts["message_id"]))
    ends = _ends(run)
    if isinstance(ends, Skipped):
        return ends
    return _send(run, *ends)


def _ends(run: Run) -> tuple[str, str] | Skipped:
    """From which number to which."""
    senders = Sender.objects.in_business(run.business_id).filter(channel="sms", is_active=True, provider="twilio")
    numbers = [row.address for row in senders.order_by("-is_default", "id")]
    if not numbers:
        return Skipped("The business has no number to text from.")
    others = [one for one in numbers[1:] if one.startswith("+")]
    to = next(iter(others), None) or _owner_phone(run)
    if to is None or to == numbers[0]:
        return Skipped("There is nobody to text: a second number, or an owner with a phone, would prove that texts go.")
    return numbers[0], to


def _owner_phone(run: Run) -> str | None:
    owner: dict[str, Any] = run.wanted["owner"] or {}
    return normalise_phone(owner["phone"], run.wanted["country"]) if owner.get("phone") else None


def _send(run: Run, sender: str, to: str) -> Result:
    number = int(run.facts.get("round", 1))
    text = TextToQueue(
        business_id=run.business_id,
        to=to,
        body=f"{run.wanted['name']}: texts from this number now go through omega. There is no need to answer.",
        sender=sender,
        request_id=f"onboarding.{run.onboarding_id}.test.{number}",
        metadata={"onboarding_id": run.onboarding_id},
        source="onboarding",
    )
    try:
        accepted = queue_message(text)
    except ApiError as error:
        raise Stuck(f"The test message cannot be sent: {error.detail}") from error
    run.remember(message_id=accepted.message_id, since=timezone.now().isoformat())
    return NotYet(f"Message {accepted.message_id} to {to} is on its way.", _LOOK_SECONDS)


def _look(run: Run, message_id: int) -> Result:
    message = Message.objects.only("status", "from_address", "to_address", "error_code", "error_message").get(
        pk=message_id
    )
    if message.status in GONE:
        words = "delivered" if message.status != "sent" else "sent"
        return Done(f"Message {message_id} from {message.from_address} to {message.to_address} was {words}.")
    if message.status in ENDED:
        _give_up(run)
        why = message.error_message or message.error_code or message.status
        raise Stuck(f"The test message {message_id} did not go out: {why} Set that right, then retry.")
    if timezone.now() - _since(run) > _PATIENCE:
        _give_up(run)
        raise Stuck(f"The test message {message_id} is still {message.status}: see what holds it, then retry.")
    return NotYet(f"Message {message_id} to {message.to_address} is {message.status}.", _LOOK_SECONDS)


def _since(run: Run) -> Any:
    return parse_datetime(run.facts["since"])


def _give_up(run: Run) -> None:
    """The next taking sends another one."""
    run.remember(message_id=None, round=int(run.facts.get("round", 1)) + 1)
