"""A rehearsed replay in words: what would be made, what would change, and how the event would end."""

from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from messaging.services.rehearsing import Difference, Rehearsal
from omega_project.lib import wording
from omega_project.lib.masking import HIDDEN

_MOST = 300
_THINGS = {
    "conversations_message": ("message", "conversations_message"),
    "conversations_messageevent": ("status change", ""),
    "conversations_attachment": ("attachment", "conversations_attachment"),
    "messaging_email": ("mail", "messaging_email"),
    "conversations_conversation": ("conversation", "conversations_conversation"),
    "accounts_client": ("client", "accounts_client"),
    "accounts_clientaddress": ("further address of the client", ""),
    "messaging_consent": ("consent", "messaging_consent"),
    "messaging_consentchange": ("change of consent", ""),
    "conversations_notification": ("notification of staff", ""),
    "voice_call": ("call", "voice_call"),
    "voice_leg": ("line of the call", ""),
    "voice_recording": ("recording", ""),
}
# What tells nothing of a person, and is shown to whoever sees the rest masked.
_PLAIN = frozenset({
    "status", "from_status", "channel", "direction", "unread_count", "message_count", "state", "previous", "source",
    "kind", "consent_sms", "consent_email", "consent_voice", "error_code", "attempts", "segments", "media_count",
    "is_read",
})  # fmt: skip
_ENDS = {
    "processed": "It would be processed.",
    "ignored": "It would be kept and change nothing: there is nothing in it that does.",
    "failed": "It would fail again.",
    "pending": "It would wait on, to be tried again.",
}
wording.say(*_ENDS.values(), *(thing for thing, _page in _THINGS.values()))


def told(found: Rehearsal, *, is_hidden: bool) -> dict[str, Any]:
    """What the page tells of a rehearsal; `is_hidden`: without what is personal."""
    return {
        "outcome": _ENDS.get(found.status, found.status),
        "error": HIDDEN if is_hidden and found.error else found.error,
        "differences": [_difference(one, is_hidden) for one in found.differences],
        "status": found.status,
    }


def _difference(one: Difference, is_hidden: bool) -> dict[str, Any]:
    thing, page = _THINGS.get(one.table, (one.table, ""))
    return {
        "deed": _deed(one, thing),
        "is_new": one.is_new,
        "url": _url(page, one),
        "columns": [
            {"name": name.replace("_", " "), **_shown(name, pair, is_hidden)}
            for name, pair in sorted(one.columns.items())
        ],
    }


def _deed(one: Difference, thing: str) -> str:
    told = _("A new {thing} would be made") if one.is_new else _("The {thing} #{id} would change")
    return told.format(thing=_(thing), id=one.pk)


def _url(page: str, one: Difference) -> str:
    if not page or one.is_new:
        return ""
    try:
        return reverse(f"admin:{page}_change", args=[one.pk])
    except NoReverseMatch:
        return ""


def _shown(name: str, pair: tuple[Any, Any], is_hidden: bool) -> dict[str, str]:
    hides = is_hidden and name not in _PLAIN
    return dict(zip(("before", "after"), (_word(value, hides) for value in pair), strict=True))


def _word(value: Any, hides: bool) -> str:
    if value in (None, "", [], {}):
        return "-"
    text = HIDDEN if hides else str(value)
    return text if len(text) <= _MOST else text[:_MOST] + " …"
