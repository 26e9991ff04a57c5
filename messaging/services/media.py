"""Files that lie elsewhere: fetched by a job, bounded and checked, kept as our own copy.

What came in stands in its conversation meanwhile; a mail that goes out waits until its files are here.
"""

import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone

from conversations import media_links
from conversations.models import Attachment
from messaging.services import carriers, mail_rules, settling, wakeup
from omega_project.lib import http, sealing, sql

log = structlog.get_logger(__name__)
MOST_BYTES = 20 * 1024 * 1024
# Four hours, the longest call there is, at 64 kbit/s.
MOST_RECORDED_BYTES = 120 * 1024 * 1024
_SECONDS = 30.0
_MOST_ATTEMPTS = 6
_TAKEN = ("image/", "audio/", "video/", "text/vcard", "text/x-vcard", "text/plain", "text/calendar", "text/csv")
_TAKEN_EXACTLY = {"application/pdf", "application/vcard", "application/ogg"}

_TAKE = """
UPDATE conversations_attachment a SET attempts = a.attempts + 1,
    next_attempt_at = clock_timestamp() + make_interval(secs => 60 * (a.attempts + 1))
FROM conversations_message m
WHERE a.id = %(id)s AND m.id = a.message_id AND a.status = 'pending'
  AND (a.next_attempt_at IS NULL OR a.next_attempt_at <= clock_timestamp())
RETURNING a.id, m.business_id, CASE WHEN m.channel = 'voice' THEN 'call' ELSE m.direction END AS kind
"""
# What a mail's other parts take on their way already; its files in base64.
_TAKEN_UP = """
SELECT octet_length(m.body) + octet_length(m.html) + octet_length(m.subject) + COALESCE((
    SELECT sum((a.size + 2) / 3 * 4) FROM conversations_attachment a WHERE a.message_id = m.id AND a.status = 'stored'
), 0)::bigint AS bytes
FROM conversations_message m WHERE m.id = %(id)s
"""
_ALL_HERE = """
UPDATE conversations_message m SET due_at = clock_timestamp()
WHERE m.id = %(id)s AND m.status = 'queued' AND m.due_at > clock_timestamp() AND NOT EXISTS (
    SELECT 1 FROM conversations_attachment a WHERE a.message_id = m.id AND a.status <> 'stored')
RETURNING m.priority
"""
_GIVE_UP = """
WITH waiting AS (
    SELECT id, status FROM conversations_message
    WHERE id = %(id)s AND direction = 'outbound' AND status IN ('queued', 'scheduled') FOR UPDATE
), failed AS (
    UPDATE conversations_message m SET status = 'failed', error_code = 'attachment', error_message = %(why)s,
        error_retryable = %(retryable)s, lease_until = NULL FROM waiting w WHERE m.id = w.id RETURNING m.id
)
INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
SELECT w.id, w.status, 'failed', 'media', %(why)s, clock_timestamp() FROM waiting w JOIN failed f ON f.id = w.id
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """How files of one kind are fetched: who may be given our credentials, which types and how much is taken."""

    trusted: Callable[[int], http.TrustedOrigin | None]  # by business
    takes: Callable[[str], bool]
    room: Callable[[Attachment], int]
    names_type: bool  # the caller's word for the type counts more than the server's


def credentials_for(business_id: int) -> http.TrustedOrigin:
    """The carrier's own host, which asks for the account's credentials (providers.md, 2).

    A business with an account of its own gets that one's alone: the platform's open every subaccount, and the
    address is the caller's word.
    """
    base = settings.TWILIO_API_BASE_URL or "https://api.twilio.com"
    try:
        own = carriers.account_of(business_id, "twilio")
    except sealing.CannotOpen as error:
        raise http.FetchError(str(error), permanent=False) from error
    if own is not None:
        return http.TrustedOrigin(base, own.account_id, own.secrets.get("auth_token", ""))
    return http.TrustedOrigin(base, settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)


def is_taken(content_type: str) -> bool:
    """Pictures, sound, films, cards and plain documents; nothing that runs. SVG can carry a script."""
    if content_type == "image/svg+xml":
        return False
    return content_type.startswith(_TAKEN) or content_type in _TAKEN_EXACTLY


def _room_in_mail(attachment: Attachment) -> int:
    used = sql.rows(_TAKEN_UP, {"id": attachment.message_id})[0]["bytes"]
    return max(0, (mail_rules.MOST_BYTES - int(used)) * 3 // 4)


# A caller names what goes out: no host is trusted with more than anybody gets, and what type it is is their affair.
_RULES = {
    "inbound": Rules(credentials_for, is_taken, lambda attachment: MOST_BYTES, names_type=False),
    # A recording lies at the carrier, whoever called; its address is our own making (voice/services/recordings.py).
    "call": Rules(credentials_for, is_taken, lambda attachment: MOST_RECORDED_BYTES, names_type=False),
    "outbound": Rules(lambda business_id: None, lambda content_type: True, _room_in_mail, names_type=True),
}


def fetch_attachment(*, attachment_id: int) -> None:
    """Fetch one attachment's source and keep it; what may pass is tried again, up to six times."""
    taken = sql.row(_TAKE, {"id": attachment_id})
    if taken is None:
        return
    attachment, rules = Attachment.objects.get(pk=attachment_id), _RULES[taken["kind"]]
    try:
        found = _fetched(attachment, rules, taken["business_id"])
    except http.FetchError as error:
        _note_failure(attachment, error)
        return
    _keep(attachment, found.content, (rules.names_type and attachment.content_type) or _type_of(found))
    for row in sql.rows(_ALL_HERE, {"id": attachment.message_id}):
        wakeup.wake_dispatch(row["priority"])


def _fetched(attachment: Attachment, rules: Rules, business_id: int) -> http.Fetched:
    """The file from where it lies: over the network, or out of our own storage."""
    room = rules.room(attachment)
    if kept := _own_copy(attachment.source_url, business_id):
        return _read(kept, room)
    trusted = rules.trusted(business_id)
    found = http.fetch(attachment.source_url, most_bytes=room, seconds=_SECONDS, trusted=trusted)
    if not rules.takes(found.content_type):
        raise http.FetchError(f"Files of the type {found.content_type or 'unknown'} are not taken.", permanent=True)
    return found


def _own_copy(url: str, business_id: int) -> Attachment | None:
    """What one of our own signed links shows, of the same business: a client's picture can be passed on."""
    base = media_links.link_for(0).rpartition("/")[0] + "/"
    attachment_id = media_links.attachment_id_of(url.removeprefix(base)) if url.startswith(base) else None
    if attachment_id is None:
        return None
    kept = Attachment.objects.filter(pk=attachment_id, status="stored", message__business_id=business_id).first()
    if kept is None:
        raise http.FetchError("The file is not kept here any more.", permanent=True)
    return kept


def _read(kept: Attachment, room: int) -> http.Fetched:
    with kept.file.open("rb") as file:
        content = file.read(room + 1)
    if len(content) > room:
        raise http.FetchError(f"It is larger than {room} bytes.", permanent=True)
    return http.Fetched(content, kept.content_type)


def _type_of(found: http.Fetched) -> str:
    try:
        return mail_rules.content_type(found.content_type)
    except ValueError:
        return "application/octet-stream"


def _keep(attachment: Attachment, content: bytes, content_type: str) -> None:
    ending = mimetypes.guess_extension(content_type) or ""
    attachment.file.save(f"{attachment.pk}{ending}", ContentFile(content), save=False)
    attachment.status, attachment.error, attachment.next_attempt_at = "stored", "", None
    attachment.content_type, attachment.size = content_type, len(content)
    attachment.name = attachment.name or f"media-{attachment.pk}{ending}"
    attachment.save(update_fields=["file", "status", "error", "next_attempt_at", "content_type", "size", "name"])


def _note_failure(attachment: Attachment, error: http.FetchError) -> None:
    ended = (error.permanent and not _may_appear(attachment, error)) or attachment.attempts >= _MOST_ATTEMPTS
    wait = settling.next_try(attachment.attempts)
    attachment.status = "failed" if ended else "pending"
    attachment.error = str(error)
    attachment.next_attempt_at = None if ended else timezone.now() + timedelta(seconds=wait)
    attachment.save(update_fields=["status", "error", "next_attempt_at"])
    if ended:
        why = f"The attachment {attachment.name or attachment.source_url} could not be fetched: {error}"
        sql.rows(_GIVE_UP, {"id": attachment.message_id, "why": why, "retryable": not error.permanent})
    log.warning("media.failed", attachment_id=attachment.pk, error=str(error), ended=ended)


_AGAIN = """
UPDATE conversations_attachment SET status = 'pending', attempts = 0, error = '', next_attempt_at = clock_timestamp()
WHERE message_id = ANY(%(ids)s::bigint[]) AND status = 'failed' AND source_url <> '' RETURNING id
"""


def fetch_again(message_ids: list[int]) -> None:
    """Messages are tried again by hand: so are their files that could not be fetched."""
    for row in sql.rows(_AGAIN, {"ids": message_ids}):
        wakeup.wake_media(row["id"])


def _may_appear(attachment: Attachment, error: http.FetchError) -> bool:
    """A recording's file is there some time after its call's end (providers.md, 5)."""
    return attachment.message.channel == "voice" and error.status == 404


def requeue_due(*, limit: int = 100) -> int:
    """Wake a job for each attachment that is due; how many."""
    due = Attachment.objects.filter(status="pending", next_attempt_at__lte=timezone.now()).order_by("next_attempt_at")
    ids = list(due.values_list("pk", flat=True)[:limit])
    for attachment_id in ids:
        wakeup.wake_media(attachment_id)
    return len(ids)
