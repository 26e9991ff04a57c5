"""What a provider is to omega: it translates between the vendor's words and ours and decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Outcome(StrEnum):
    """What is known after a try to hand a message over."""

    ACCEPTED = "accepted"  # the provider has it
    REFUSED = "refused"  # the provider said no, with a code
    NOT_TAKEN = "not_taken"  # it surely did not take it: trying again is safe
    UNKNOWN = "unknown"  # nobody knows: a time-out, a 5xx, a cut line after the request had left


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with a mail."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail has besides its text and its two ends.

    `headers` are ours and the caller's, ready to be sent: values in ASCII, one line each.
    """

    subject: str
    html: str = ""
    from_name: str = ""
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    reply_to: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[File] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to hand over. `callback_url` carries our message id; `attempt` counts from 1."""

    message_id: int
    attempt: int
    from_address: str
    to_address: str
    body: str
    media_urls: Sequence[str] = ()
    callback_url: str = ""
    mail: Mail | None = None


@dataclass(frozen=True, slots=True)
class SendResult:
    """The outcome of one try. `retry_after` in seconds, where the provider named it; `code` is the vendor's own."""

    outcome: Outcome
    provider_message_id: str = ""
    code: str = ""
    detail: str = ""
    http_status: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as the provider's own record has it."""

    provider_message_id: str
    status: str
    error_code: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A delivery receipt in our words; `status` empty where the vendor's word is unknown (`raw_status` keeps it)."""

    provider_message_id: str
    status: str
    raw_status: str
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class IncomingMedia:
    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class IncomingText:
    """A text from a client. `keyword` is stop, start or help where the provider itself handled the reply.

    `at` is when it came, where only the provider's own record told us of it.
    """

    provider_message_id: str
    from_address: str
    to_address: str
    body: str
    segments: int = 1
    media: Sequence[IncomingMedia] = field(default_factory=tuple)
    keyword: str = ""
    at: datetime | None = None


class CannotAsk(Exception):
    """The provider could not be asked for its record; a later try may work."""


class Provider(Protocol):
    """A way to send."""

    name: str

    def send(self, message: Outgoing) -> SendResult:
        """Hand `message` over. Never raises: what goes wrong is an outcome. Takes at most SEND_SECONDS.

        With files, as much longer as their bytes take at UPLOAD_RATE, and at most UPLOAD_SECONDS.
        """
        ...


@runtime_checkable
class CanBeAsked(Protocol):
    """A provider that can be asked whether it took a message. Another one only tells, by its events."""

    def find(self, message: Outgoing, since: datetime) -> list[Listed]:
        """The provider's messages of the same sender, recipient and text since `since`. Raises CannotAsk."""
        ...


@runtime_checkable
class KeepsRecord(Protocol):
    """A provider whose own record of what came in, and of what became of what went out, can be read."""

    def received(self, to_address: str, since: datetime) -> list[dict[str, str]]:
        """All texts to one of our numbers since `since`, each as the form of its webhook. Raises CannotAsk."""
        ...

    def with_media(self, form: dict[str, str]) -> dict[str, str]:
        """One of these forms with its files' addresses, which a list may leave out. Raises CannotAsk."""
        ...

    def became(self, provider_message_id: str) -> StatusReport | None:
        """What became of a message that it took; None where it has no such message. Raises CannotAsk."""
        ...


# The longest that one try may take; a claim's lease is longer (services/delivery.py).
CONNECT_SECONDS = 3.0
SEND_SECONDS = 8.0
# What a mail with files takes besides: bytes a second at the worst that we wait for, and the most.
UPLOAD_RATE = 2_000_000
UPLOAD_SECONDS = 25.0
