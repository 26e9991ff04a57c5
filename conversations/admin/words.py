"""How the admin shows the thread's vocabulary: a word, an icon and a tone for each value; tables, no if-chains."""

from typing import NamedTuple

from django.utils.translation import gettext as _

from omega_project.lib import wording

CONVERSATION_TONES = {"open": "success", "pending": "warning", "snoozed": "info", "closed": "default"}
CHANNEL_ICONS = {
    "sms": "sms",
    "email": "mail",
    "voice": "call",
    "note": "sticky_note_2",
    "activity": "history",
}


class Delivery(NamedTuple):
    """How a message's status looks; `is_final` where no report can change it any more."""

    icon: str
    tone: str
    sentence: str
    is_final: bool = False


DELIVERY = {
    "scheduled": Delivery("schedule", "info", "Waits for its time."),
    "queued": Delivery("hourglass_top", "info", "Waits to be sent."),
    "sending": Delivery("upload", "info", "Is being handed to the provider."),
    "unknown": Delivery("help", "warning", "Nobody knows yet whether the provider took it."),
    "sent": Delivery("check", "default", "The provider took it; no report of delivery yet."),
    "delivered": Delivery("done_all", "default", "Delivered.", is_final=True),
    "read": Delivery("done_all", "success", "Delivered and read.", is_final=True),
    "failed": Delivery("error", "danger", "It did not go."),
    "undelivered": Delivery("error", "danger", "The carrier did not deliver it."),
    "blocked": Delivery("block", "danger", "Never handed to a provider.", is_final=True),
    "canceled": Delivery("cancel", "default", "Taken back before it went.", is_final=True),
    "received": Delivery("inbox", "default", "Received.", is_final=True),
}
# How a call looks, by its status; a message's own status says nothing that the call does not.
CALLS = {
    "ringing": Delivery("phone_in_talk", "info", "It rings."),
    "in-progress": Delivery("phone_in_talk", "success", "They are talking."),
    "completed": Delivery("call", "success", "It was answered.", is_final=True),
    "busy": Delivery("phone_disabled", "warning", "The line was busy.", is_final=True),
    "no-answer": Delivery("phone_missed", "danger", "Nobody answered.", is_final=True),
    "canceled": Delivery("phone_missed", "warning", "It was ended before anybody answered.", is_final=True),
    "failed": Delivery("error", "danger", "It could not be connected.", is_final=True),
    "rejected": Delivery("block", "default", "It was not put through.", is_final=True),
    "blocked": Delivery("block", "danger", "It was not placed.", is_final=True),
}
A_CALL = Delivery("call", "default", "A call.")
VOICEMAIL = Delivery("voicemail", "danger", "Nobody answered, and a voicemail was left.", is_final=True)
wording.say(*DELIVERY, *(one.sentence for one in [*DELIVERY.values(), *CALLS.values(), A_CALL, VOICEMAIL]))
wording.say(*CHANNEL_ICONS, "inbound", "outbound", "internal")
STATUS_TONES = {status: look.tone for status, look in DELIVERY.items()} | {"delivered": "success"}

# What a mail is that a program wrote, by the mark it was given.
AUTOMATIC = {
    "auto_reply": "An automatic reply",
    "bounce": "A bounce: a mail could not be delivered",
    "list": "From a mailing list",
    "bulk": "Sent in bulk",
    "generated": "Made by a program",
    "no_reply": "From an address that takes no reply",
}
wording.say(*AUTOMATIC.values())
_HELD = {
    "unknown_sender": "From {sender}, an address that we do not know as this client's.",
    "forged_sender": "It says to be from {sender}, whose domain denies it. Is it really this client's?",
}
wording.say(*_HELD.values(), "Held back: {sender}.")


def why_held(reason: str, sender: str) -> str:
    """Why a mail waits for a decision; empty where it does not."""
    return _(_HELD.get(reason, "Held back: {sender}.")).format(sender=sender or _("nobody")) if reason else ""


def initials(name: str) -> str:
    """Up to two letters that stand for a person; “#” for a bare number."""
    words = [word for word in name.split() if word[0].isalpha()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "#"
