"""The marks by which a reply finds its conversation: our Message-IDs and reply addresses, made and read here alone.

Both carry an HMAC over SECRET_KEY (providers.md, 10): a forged one opens nothing. They say where a mail belongs, not
who wrote it: who reads them compares the sender besides.
"""

import re
from urllib.parse import urlsplit

from django.conf import settings

from omega_project.lib import signed_ids

_MESSAGE, _CONVERSATION = "mail.message", "mail.conversation"
_MESSAGE_ID = re.compile(r"\A\s*<?\s*m\.([a-z2-7]{32})@[^\s<>@]{1,255}>?\s*\Z", re.IGNORECASE | re.ASCII)
_REPLY = re.compile(r"\A\s*<?\s*reply\+([a-z2-7]{32})@([^\s<>@]{1,255}?)\.?>?\s*\Z", re.IGNORECASE | re.ASCII)


def message_id_for(message_id: int) -> str:
    """The Message-ID of one of our mails, without angle brackets; the same at every try."""
    domain = settings.INBOUND_EMAIL_DOMAIN or urlsplit(settings.PUBLIC_BASE_URL).hostname or "localhost"
    return f"m.{signed_ids.word_for(_MESSAGE, message_id)}@{domain.lower()}"


def read_message_id(text: str) -> int | None:
    """The message of ours that a Message-ID names, in angle brackets or not, in any case; None for everybody else's.

    The domain may be any: ours may have changed since, and the HMAC is what counts.
    """
    found = _MESSAGE_ID.match(text)
    return signed_ids.number_in(_MESSAGE, found[1]) if found else None


def reply_address(conversation_id: int) -> str:
    """The address that answers into a conversation; empty where INBOUND_EMAIL_DOMAIN is not set."""
    if not settings.INBOUND_EMAIL_DOMAIN:
        return ""
    return f"reply+{signed_ids.word_for(_CONVERSATION, conversation_id)}@{settings.INBOUND_EMAIL_DOMAIN.lower()}"


def read_reply_address(address: str) -> int | None:
    """The conversation that a bare address (`reply+…@our inbound domain`) answers into; None for every other."""
    found = _REPLY.match(address)
    if not found or found[2].lower() != settings.INBOUND_EMAIL_DOMAIN.lower():
        return None
    return signed_ids.number_in(_CONVERSATION, found[1])
