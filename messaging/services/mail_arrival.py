"""In: mail that a provider hands over is kept, then made use of: at once where it is small, else by a job.

The event and the file are on disk before the answer. What cannot be processed stays, with its error, to be replayed.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import IO, Any

from django.db import InterfaceError, OperationalError

from messaging.mail.letter import read_envelope
from messaging.mail.structure import read_headers
from messaging.models import WebhookEvent
from messaging.providers.arrived_mail import ArrivedMail
from messaging.services import intake, mail_sources, wakeup
from messaging.services.stored_mail import KIND, StoredMail, measured, read_payload, stored_of
from omega_project.lib import forms, sql
from omega_project.lib.clean import storable

# Up to so many bytes a mail is processed while its provider waits; a job takes the larger ones.
MOST_AT_ONCE = 1024 * 1024


# What is done with an event whose file is kept and whose row cannot be: the hook, its key, the file's size, the error.
Instead = Callable[[intake.Hook, str, int, Exception], None]


@dataclass(frozen=True, slots=True)
class Post:
    """The provider's post that a mail came in."""

    provider: str
    url: str
    headers: Mapping[str, str]


def take_mail(*, mail: ArrivedMail, post: Post, instead: Instead) -> bool:
    """Keep a mail and make use of it; False where it was known already.

    `instead` takes it while the database is away. Known by Message-ID, Date, From and the envelope's receivers; one
    without a Message-ID, or broken off, by its bytes.
    """
    stored = stored_of(mail)
    return _take(mail.file, stored, post, _key(mail, stored.digest), ".eml", instead)


def take_request(*, file: IO[bytes], content_type: str, post: Post, instead: Instead) -> bool:
    """As `take_mail`, for a post whose mail is still to be found in it; known by its bytes."""
    size, digest = measured(file)
    stored = StoredMail("", size, digest, form="request", content_type=content_type[:255])
    return _take(file, stored, post, f"mail:{digest}", ".post", instead)


def _key(mail: ArrivedMail, digest: str) -> str:
    letter = read_envelope(read_headers(mail.file))
    if not letter.message_id or not mail.is_whole:
        return f"mail:{digest}"
    date = letter.date.isoformat() if letter.date else ""
    parts = [letter.message_id, date, letter.from_address, *sorted(mail.envelope_to)]
    return "mail:" + forms.digest(storable("\0".join(parts)).encode())


def _take(file: IO[bytes], stored: StoredMail, post: Post, key: str, ending: str, instead: Instead) -> bool:
    name = mail_sources.keep_source(file, ending)
    facts: dict[str, Any] = asdict(stored) | {"file": name}
    hook = intake.Hook(
        post.provider, KIND, {}, StoredMail(**facts).as_payload(), post.url, "application/json", {},
        headers=post.headers, verdict="password",
    )  # fmt: skip
    try:
        is_new = sql.in_transaction(lambda: _store(hook, key, at_once=stored.size <= MOST_AT_ONCE))
    except (OperationalError, InterfaceError) as error:
        # The commit may have come about: if the spool is full, a file too many is better than a row without one.
        instead(hook, key, stored.size, error)
        return True
    except BaseException:
        mail_sources.forget([name])
        raise
    if not is_new:
        mail_sources.forget([name])
    return is_new


def bring(hook: intake.Hook, key: str) -> None:
    """Store a mail's event that waited for the database. Its file goes where another one is known by its key."""
    stored = read_payload(hook.payload)
    if sql.in_transaction(lambda: _store(hook, key, at_once=stored.size <= MOST_AT_ONCE)):
        return
    known = WebhookEvent.objects.filter(provider=hook.provider, dedupe_key=storable(key)[:255]).values_list("payload")
    if stored.file not in {read_payload(bytes(payload)).file for (payload,) in known}:
        mail_sources.forget([stored.file])


def _store(hook: intake.Hook, key: str, *, at_once: bool) -> bool:
    event_id = intake.keep_event(hook, key)
    if event_id is None:
        return False
    if at_once:
        intake.process_event(event_id=event_id)
    else:
        wakeup.wake_event(event_id)
    return True
