"""A mail that arrived, as its webhook event keeps it: the file's name and small facts; the mail itself is the file."""

import hashlib
import os
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import orjson

from messaging.mail.authentication import Results
from messaging.providers.arrived_mail import ArrivedMail
from omega_project.lib.clean import storable

KIND = "email.inbound"
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class StoredMail:
    """`form` is `mail` where the file is the mail as MIME, and `request` where it is the provider's post as it came.

    `content_type` is the post's, `digest` the SHA-256 of the file.
    """

    file: str
    size: int
    digest: str
    form: str = "mail"
    content_type: str = ""
    envelope_to: list[str] = field(default_factory=list)
    envelope_from: str | None = None
    results: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    is_whole: bool = True

    def as_payload(self) -> bytes:
        return orjson.dumps(asdict(self))

    @property
    def authentication(self) -> Results | None:
        return Results(self.results["spf"], self.results["dkim"]) if self.results else None


def read_payload(payload: bytes) -> StoredMail:
    """What an event's payload says. ValueError with a sentence where it is another's."""
    try:
        return StoredMail(**orjson.loads(payload))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise ValueError("This event does not say where its mail is kept.") from error


def stored_of(mail: ArrivedMail, file: str = "") -> StoredMail:
    """What is kept of a mail beside its file, which is called `file`."""
    size, digest = measured(mail.file)
    return StoredMail(
        file=file,
        size=size,
        digest=digest,
        envelope_to=[storable(one)[:320] for one in mail.envelope_to],
        envelope_from=None if mail.envelope_from is None else storable(mail.envelope_from)[:320],
        results=asdict(mail.results) if mail.results else None,
        facts=dict(mail.facts),
        is_whole=mail.is_whole,
    )


def measured(file: IO[bytes]) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    found = hashlib.sha256()
    file.seek(0)
    for chunk in iter(lambda: file.read(_CHUNK), b""):
        found.update(chunk)
    return file.seek(0, os.SEEK_END), found.hexdigest()
