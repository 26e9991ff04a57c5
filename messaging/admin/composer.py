"""The reply box: whether it may be used and why not, what a person typed, and the text that it becomes."""

import hashlib
from dataclasses import dataclass, field

from django.http import QueryDict

from conversations.models import Conversation
from conversations.services.threads import NewNote
from conversations.services.timeline import new_request_id
from messaging.services import consent, parties
from messaging.services.texts import TextToQueue
from omega_project.lib.api.errors import parameter_error
from omega_project.lib.clean import storable


@dataclass(slots=True)
class ReplyBox:
    """What the page shows of the box. `closed` is the sentence that says why nothing can be sent, else empty.

    `request_id` stands in the form, so that sending it twice is one message.
    """

    sender: str
    closed: str
    request_id: str = field(default_factory=new_request_id)
    note_request_id: str = field(default_factory=new_request_id)
    text: str = ""
    note: str = ""
    errors: list[str] = field(default_factory=list)


_WHY_SENDER = {
    "asked_for": "asked for",
    "location": "the location's number",
    "conversation": "the number that this client knows",
    "home_location": "the number of the client's home location",
    "default": "the default sender",
    "only": "the business's sender",
}


def box_for(conversation: Conversation) -> ReplyBox:
    """The empty box of a conversation: one query."""
    facts = parties.facts_for([parties.Ends(conversation.business_id, client=conversation.client_id)])[0]
    if facts is None:
        return ReplyBox("", "The business is gone.")
    sender = f"{facts.sender['address']}, {_WHY_SENDER[facts.sender_reason]}" if facts.sender else ""
    return ReplyBox(sender, _why_closed(facts))


def _why_closed(facts: parties.Facts) -> str:
    reasons = [
        (not facts.client_address, "This client has no phone number, so there is nowhere to send a text."),
        (
            facts.consent == consent.OPTED_OUT,
            "This client has opted out of texts. Only their own START opens this again.",
        ),
        (facts.blocked, "This client is blocked."),
        (facts.suspended, "The business is suspended: it receives and records, and sends nothing."),
        (facts.sender is None, "The business has no number to send texts from. Add one under Senders."),
    ]
    return next((sentence for holds, sentence in reasons if holds), "")


def typed(form: QueryDict, name: str) -> str:
    """What was typed into a text area, fit for the database; browsers send its line ends as CR LF."""
    return storable(form.get(name, "").replace("\r\n", "\n").strip())


def text_to_queue(conversation: Conversation, form: QueryDict, staff_id: int | None, login: str) -> TextToQueue:
    """The reply that a form asks for: a person waits, so it goes first."""
    body = typed(form, "body")
    return TextToQueue(
        business_id=conversation.business_id,
        client_id=conversation.client_id,
        body=body,
        staff_id=staff_id,
        priority="high",
        metadata={"admin_user": login},
        request_id=_sane(form.get("request_id", "")) or None,
        fingerprint=_digest(body),
        source="admin",
    )


def note_to_write(form: QueryDict, staff_id: int | None, login: str) -> NewNote:
    """The note that a form asks for; 422 where it is empty."""
    body = typed(form, "note")
    if not body:
        raise parameter_error("note", "is empty")
    return NewNote(
        body=body,
        staff_id=staff_id,
        metadata={"admin_user": login},
        request_id=_sane(form.get("request_id", "")) or None,
        fingerprint=_digest(body),
    )


def _digest(body: str) -> bytes:
    return hashlib.sha256(body.encode("utf-8", "replace")).digest()


def _sane(request_id: str) -> str:
    """The form's own id; anything else than we rendered is none."""
    return request_id if len(request_id) <= 64 and request_id.isascii() and request_id.isalnum() else ""
