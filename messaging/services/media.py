"""Media that came in: fetched by a job, bounded and checked, kept as our own copy."""

import mimetypes
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone

from conversations.models import Attachment
from messaging.services import carriers, settling, wakeup
from omega_project.lib import http, sealing, sql

log = structlog.get_logger(__name__)
MOST_BYTES = 20 * 1024 * 1024
_SECONDS = 30.0
_MOST_ATTEMPTS = 6
_TAKEN = ("image/", "audio/", "video/", "text/vcard", "text/x-vcard", "text/plain", "text/calendar", "text/csv")
_TAKEN_EXACTLY = {"application/pdf", "application/vcard", "application/ogg"}

_TAKE = """
UPDATE conversations_attachment SET attempts = attempts + 1,
    next_attempt_at = clock_timestamp() + make_interval(secs => 60 * (attempts + 1))
WHERE id = %(id)s AND status = 'pending' AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp())
RETURNING id
"""


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


def fetch_attachment(*, attachment_id: int) -> None:
    """Fetch one attachment's source and keep it; what may pass is tried again, up to six times."""
    if not sql.rows(_TAKE, {"id": attachment_id}):
        return
    attachment = Attachment.objects.select_related("message").get(pk=attachment_id)
    try:
        trusted = credentials_for(attachment.message.business_id)
        found = http.fetch(attachment.source_url, most_bytes=MOST_BYTES, seconds=_SECONDS, trusted=trusted)
        if not is_taken(found.content_type):
            raise http.FetchError(f"Files of the type {found.content_type or 'unknown'} are not taken.", permanent=True)
    except http.FetchError as error:
        _note_failure(attachment, error)
        return
    _keep(attachment, found)


def _keep(attachment: Attachment, found: http.Fetched) -> None:
    ending = mimetypes.guess_extension(found.content_type) or ""
    attachment.file.save(f"{attachment.pk}{ending}", ContentFile(found.content), save=False)
    attachment.status, attachment.error, attachment.next_attempt_at = "stored", "", None
    attachment.content_type, attachment.size = found.content_type, len(found.content)
    attachment.name = attachment.name or f"media-{attachment.pk}{ending}"
    attachment.save(update_fields=["file", "status", "error", "next_attempt_at", "content_type", "size", "name"])


def _note_failure(attachment: Attachment, error: http.FetchError) -> None:
    ended = error.permanent or attachment.attempts >= _MOST_ATTEMPTS
    wait = settling.next_try(attachment.attempts)
    attachment.status = "failed" if ended else "pending"
    attachment.error = str(error)
    attachment.next_attempt_at = None if ended else timezone.now() + timedelta(seconds=wait)
    attachment.save(update_fields=["status", "error", "next_attempt_at"])
    log.warning("media.failed", attachment_id=attachment.pk, error=str(error), ended=ended)


def requeue_due(*, limit: int = 100) -> int:
    """Wake a job for each attachment that is due; how many."""
    due = Attachment.objects.filter(status="pending", next_attempt_at__lte=timezone.now()).order_by("next_attempt_at")
    ids = list(due.values_list("pk", flat=True)[:limit])
    for attachment_id in ids:
        wakeup.wake_media(attachment_id)
    return len(ids)
