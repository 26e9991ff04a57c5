"""The reply box: whether it may be used and why not, what a person typed, and the text that it becomes."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.models import Conversation
from conversations.services.threads import NewNote
from conversations.services.timeline import new_request_id
from messaging.services import channels, consent, mail_rules, mails, parties, text_files
from messaging.services.mail_files import GivenFile
from messaging.services.mails import MailToQueue
from messaging.services.sending import Draft
from messaging.services.texts import TextToQueue
from omega_project.lib.addresses import normalise_email
from omega_project.lib.api.errors import parameter_error
from omega_project.lib.clean import storable

MOST_FILES = 20


@dataclass(slots=True)
class ReplyBox:
    """What the page shows of the box of one channel. `closed` says why nothing can be sent, `no_files` why no file can;
    both are empty where one can.

    `request_id` stands in the form, so that sending it twice is one message. `answers` is the mail that a mail from
    here answers, whose subject is the default.
    """

    channel: str
    sender: str
    closed: str
    request_id: str = field(default_factory=new_request_id)
    text: str = ""
    subject: str = ""
    answers: int | None = None
    errors: list[str] = field(default_factory=list)
    no_files: str = ""

    @property
    def files(self) -> dict[str, Any]:
        """What files go along, for the page's script: it says why one does not before it is sent."""
        if self.channel == "email":
            return {"closed": "", "most": MOST_FILES, "bytes": mail_rules.MOST_FILE_BYTES, "kinds": None}
        return {"closed": self.no_files, "most": text_files.MOST, "bytes": text_files.MOST_BYTES,
                "kinds": text_files.KINDS}  # fmt: skip


@dataclass(slots=True)
class Composer:
    """The boxes of a conversation: a text, a mail, a note. `mode` is the one that is open."""

    sms: ReplyBox
    email: ReplyBox
    mode: str = "sms"
    note: str = ""
    note_request_id: str = field(default_factory=new_request_id)

    def box(self, channel: str) -> ReplyBox:
        return self.email if channel == "email" else self.sms


_WHY_SENDER: dict[str, Any] = {
    "asked_for": gettext_lazy("asked for"),
    "location": gettext_lazy("the location's own"),
    "conversation": gettext_lazy("the one that this client knows"),
    "home_location": gettext_lazy("that of the client's home location"),
    "default": gettext_lazy("the default sender"),
    "only": gettext_lazy("the business's sender"),
}
# By channel: why nothing can be sent.
_CLOSED: dict[str, dict[str, Any]] = {
    "sms": {
        "nowhere": gettext_lazy("This client has no phone number, so there is nowhere to send texts."),
        "opted_out": gettext_lazy("This client has opted out of texts. Only their own START opens this again."),
        "no_sender": gettext_lazy("The business has nothing to send texts from. Add a sender under Senders."),
    },
    "email": {
        "nowhere": gettext_lazy("This client has no e-mail address, so there is nowhere to send e-mail."),
        "opted_out": gettext_lazy("This client has opted out of e-mail. Only they themselves open this again."),
        "no_sender": gettext_lazy("The business has nothing to send e-mail from. Add a sender under Senders."),
    },
}


def composer_for(conversation: Conversation) -> Composer:
    """The empty boxes of a conversation: four queries. The one that fits the last message is open."""
    ends = [
        parties.Ends(conversation.business_id, client=conversation.client_id, channel=channel)
        for channel in (channels.SMS, channels.EMAIL)
    ]
    found = parties.facts_for(ends)
    sms, email = (_box(end.channel.name, facts) for end, facts in zip(ends, found, strict=True))
    sms.no_files = _why_no_files(conversation.pk, found[0])
    if last := mails.last_mail(conversation.pk):
        email.answers, email.subject = last
    by_mail = conversation.channels == ["email"] or (bool(sms.closed) and not email.closed)
    return Composer(sms, email, "email" if by_mail else "sms")


def _box(channel: str, facts: parties.Facts | None) -> ReplyBox:
    if facts is None:
        return ReplyBox(channel, "", _("The business is gone."))
    sender = f"{facts.sender['address']}, {_WHY_SENDER[facts.sender_reason]}" if facts.sender else ""
    return ReplyBox(channel, sender, _why_closed(channel, facts))


def _why_closed(channel: str, facts: parties.Facts) -> str:
    told = _CLOSED[channel]
    reasons = [
        (not facts.client_address, told["nowhere"]),
        (facts.consent == consent.OPTED_OUT, told["opted_out"]),
        (facts.blocked, _("This client is blocked.")),
        (facts.suspended, _("The business is suspended: it receives and records, and sends nothing.")),
        (facts.sender is None, told["no_sender"]),
    ]
    return next((str(sentence) for holds, sentence in reasons if holds), "")


def _why_no_files(conversation_id: int, facts: parties.Facts | None) -> str:
    """Why a text to this client takes no file, by its sender, its number, and what became of the last ones."""
    if facts is None or facts.sender is None or not facts.client_address:
        return ""
    to = facts.client_address
    if why := text_files.why_none(facts.sender["address"], to):
        return why
    return text_files.landline_told() if text_files.is_known_landline(conversation_id, to) else ""


def typed(form: QueryDict, name: str) -> str:
    """What was typed into a text area, fit for the database; browsers send its line ends as CR LF."""
    return storable(form.get(name, "").replace("\r\n", "\n").strip())


def draft_of(
    conversation: Conversation, form: QueryDict, files: MultiValueDict[str, UploadedFile], staff_id: int | None,
    login: str,
) -> Draft:  # fmt: skip
    """The reply that a form asks for: a person waits, so it goes first."""
    whole: dict[str, Any] = {
        "business_id": conversation.business_id, "client_id": conversation.client_id, "staff_id": staff_id,
        "priority": "high", "metadata": {"admin_user": login}, "source": "admin",
        "request_id": _sane(form.get("request_id", "")) or None,
    }  # fmt: skip
    body = typed(form, "body")
    if form.get("channel") != "email":
        given = _files(files, text_files.MOST, text_files.MOST_BYTES)
        return TextToQueue(**whole, body=body, files=given, fingerprint=_digest("\0".join([body, *_names(given)])))
    if not body:
        raise parameter_error("body", "is empty")
    given, subject = _files(files, MOST_FILES, mail_rules.MOST_BYTES), _subject(form)
    return MailToQueue(
        **whole,
        text=body,
        subject=subject,
        cc=_copies(form),
        files=given,
        in_reply_to=_number(form.get("answers", "")),
        fingerprint=_digest("\0".join([body, subject, form.get("cc", ""), *_names(given)])),
    )


def _subject(form: QueryDict) -> str:
    subject = storable(form.get("subject", "").strip())
    if not subject:
        raise parameter_error("subject", "is empty")
    try:
        return mail_rules.one_line(subject)
    except ValueError as error:
        raise parameter_error("subject", str(error)) from None


def _copies(form: QueryDict) -> list[str]:
    """The addresses of a line, with commas, semicolons or spaces between them."""
    try:
        return [normalise_email(one) for one in re.split(r"[\s,;]+", form.get("cc", "")) if one]
    except ValueError as error:
        raise parameter_error("cc", str(error)) from None


def _files(files: MultiValueDict[str, UploadedFile], most: int, most_bytes: int) -> list[GivenFile]:
    """What was chosen, read only where it is little enough."""
    chosen = files.getlist("files")
    if len(chosen) > most or sum(one.size or 0 for one in chosen) > most_bytes:
        raise parameter_error("files", f"must be at most {most}, and {most_bytes // 1_000_000} MB together")
    return [
        GivenFile(name=storable(one.name or "file")[:255], content_type=one.content_type or "", content=one.read())
        for one in chosen
    ]


def _names(files: list[GivenFile]) -> list[str]:
    return [one.name for one in files]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


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
