"""A client's mail as a provider handed it over: the mail itself in a file, and what the provider says beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from messaging.mail.authentication import Results


@dataclass(frozen=True, slots=True)
class ArrivedMail:
    """`file` is the mail as MIME. `envelope_from` is empty for bounces, None where the provider does not tell it.

    `facts` are the provider's words that are kept beside the mail: small ones, for people.
    """

    file: IO[bytes]
    envelope_to: list[str]
    envelope_from: str | None
    results: Results | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_whole: bool = True


class NotAMail(ValueError):
    """What was posted is no mail, nor will it ever be."""


class Unreadable(ValueError):
    """It may be a mail, in a form that we cannot read so far: it is kept for a person."""
