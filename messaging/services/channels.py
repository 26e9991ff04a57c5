"""The channels that omega sends by, as data: whose address it is, how one is read, and the sentences that differ.

The machinery that queues, claims, hands over and settles asks these, and knows no channel by name.
"""

from collections.abc import Callable
from dataclasses import dataclass

from omega_project.lib.addresses import normalise_email, normalise_party, normalise_phone, normalise_sender

Country = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel. `column` is the client's own address on it, `kind` that of its other ones (ClientAddress).

    `read` and `read_sender` normalise an address, `read_party` the far end of what was recorded; they raise
    ValueError with a sentence. `country` is asked only where an address needs it.
    """

    name: str
    column: str
    kind: str
    read: Callable[[str, Country], str]
    read_sender: Callable[[str, Country], str]
    read_party: Callable[[str], str]
    no_address: str
    not_theirs: str
    not_our_sender: str
    no_sender: str
    opted_out: str
    uploads: bool  # we carry the files to the provider ourselves, which takes time


def _phone(value: str, country: Country) -> str:
    return normalise_phone(value, None if value.strip().startswith("+") else country())


def _texting_sender(value: str, country: Country) -> str:
    return normalise_sender(value, country())


def _email(value: str, country: Country) -> str:
    del country
    return normalise_email(value)


SMS = Channel(
    name="sms",
    column="phone",
    kind="phone",
    read=_phone,
    read_sender=_texting_sender,
    read_party=normalise_party,
    no_address="is a client without a phone number",
    not_theirs="is not the phone number of this client",
    not_our_sender="is not a texting sender of this business",
    no_sender="is a business without a sender for texts: give it one first",
    opted_out="The client has opted out of texts.",
    uploads=False,
)
EMAIL = Channel(
    name="email",
    column="email",
    kind="email",
    read=_email,
    read_sender=_email,
    read_party=normalise_email,
    no_address="is a client without an e-mail address",
    not_theirs="is not the e-mail address of this client",
    not_our_sender="is not an e-mail sender of this business",
    no_sender="is a business without a sender for e-mail: give it one first",
    opted_out="The client has opted out of e-mail.",
    uploads=True,
)
# Calls are recorded, and placed by voice: no message of this channel is ever claimed.
VOICE = Channel(
    name="voice",
    column="phone",
    kind="phone",
    read=_phone,
    read_sender=_phone,
    read_party=normalise_party,
    no_address="is a client without a phone number",
    not_theirs="is not the phone number of this client",
    not_our_sender="is not a calling number of this business",
    no_sender="is a business without a number for calls: give it one first",
    opted_out="The client has opted out of calls.",
    uploads=False,
)
BY_NAME = {channel.name: channel for channel in (SMS, EMAIL, VOICE)}

# Why a message is blocked, in sentences: by reason, or by channel and reason where channels differ.
BLOCKED = {
    "client_blocked": "The client is blocked.",
    "business_suspended": "The business is suspended: it receives and records, and sends nothing.",
    "address_bounced": "The client's mailbox turned mail away for good. Staff can lift this where it is there again.",
    "copy_opted_out": "Somebody whom a copy goes to has opted out of e-mail.",
    **{f"{channel.name}:opted_out": channel.opted_out for channel in BY_NAME.values()},
}


def why_blocked(channel: str, reason: str) -> str:
    """The sentence for a reason."""
    return BLOCKED.get(f"{channel}:{reason}") or BLOCKED[reason]
