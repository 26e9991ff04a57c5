"""The files of a mail: kept at the door where their content was given, fetched by a job where a URL was."""

import mimetypes
import secrets
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.core.files.base import ContentFile
from django.utils import timezone

from conversations.models import Attachment
from messaging.services import claiming, mail_rules, wakeup
from omega_project.lib import sql

# A mail whose files did not come by then is claimed all the same, and fails with a sentence.
_LONGEST_WAIT_HOURS = 24
_WAIT = """
UPDATE conversations_message SET
    due_at = clock_timestamp() + make_interval(hours => %(hours)s::int),
    hold_until = clock_timestamp() + make_interval(secs => %(hold)s::int)
WHERE id = %(id)s AND status = 'queued'
"""


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file as a caller gave it: its content, or where it lies."""

    name: str = ""
    content_type: str = ""
    content: bytes = b""
    url: str = ""

    @property
    def size(self) -> int:
        return len(self.content)


def keep(message_id: int, files: list[GivenFile]) -> None:
    """Keep the files whose content was given. In the transaction of the write."""
    Attachment.objects.bulk_create(_stored(message_id, file) for file in files if not file.url)


def _stored(message_id: int, file: GivenFile) -> Attachment:
    guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    made = Attachment(
        message_id=message_id, status="stored", content_type=file.content_type or guessed, size=file.size,
        name=file.name,
    )  # fmt: skip
    ending = mimetypes.guess_extension(made.content_type) or ""
    made.file.save(f"{secrets.token_hex(8)}{ending}", ContentFile(file.content), save=False)
    return made


def fetch(message_id: int, files: list[GivenFile]) -> None:
    """Have the files fetched that lie elsewhere; the mail waits for them. In the transaction of the write."""
    waiting = Attachment.objects.bulk_create(
        Attachment(
            message_id=message_id, status="pending", source_url=file.url, name=file.name or name_in(file.url),
            content_type=file.content_type, next_attempt_at=timezone.now(),
        )
        for file in files
        if file.url
    )  # fmt: skip
    if waiting:
        sql.rows(_WAIT, {"id": message_id, "hours": _LONGEST_WAIT_HOURS, "hold": claiming.HOLD_SECONDS})
    for one in waiting:
        wakeup.wake_media(one.pk)


def link(message_id: int, files: list[GivenFile]) -> None:
    """Note where the files lie that were not given: a recorded mail is sent by nobody."""
    Attachment.objects.bulk_create(
        Attachment(
            message_id=message_id, status="linked", source_url=file.url, name=file.name or name_in(file.url),
            content_type=file.content_type,
        )
        for file in files
        if file.url
    )  # fmt: skip


def name_in(url: str) -> str:
    """The file's name at the end of a URL; a plain one where there is none that may be one."""
    try:
        return mail_rules.file_name(unquote(urlsplit(url).path.rpartition("/")[2]))
    except ValueError:
        return "attachment"
