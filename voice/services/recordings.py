"""What was recorded: fetched into our own media, removed at the provider and here when its time has come."""

import re
import time
from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from conversations.models import Attachment
from messaging.providers.base import CannotAsk
from messaging.services import intake, wakeup
from messaging.services.intake import Hook
from omega_project.lib import sealing, sql
from voice import provider
from voice.models import Recording
from voice.services import reports, telling

log = structlog.get_logger(__name__)
_SID = re.compile(r"^RE[0-9A-Za-z]{1,62}\Z")
_ACCOUNT = re.compile(r"^AC[0-9A-Za-z]{1,62}\Z")
# How long a worker removes recordings before it does something else.
_ERASING_SECONDS = 5.0
_MOST_ERASE_ATTEMPTS = 8
_NOTE = """
INSERT INTO voice_recording (call_id, sid, kind, seconds, created_at, erase_attempts)
VALUES (%(call)s, %(sid)s, %(kind)s, %(seconds)s, clock_timestamp(), 0)
ON CONFLICT (sid) DO UPDATE SET seconds = GREATEST(voice_recording.seconds, EXCLUDED.seconds)
WHERE voice_recording.call_id = EXCLUDED.call_id
RETURNING id, attachment_id, removed_at
"""
_COUNT = """
UPDATE conversations_message SET media_count = (
    SELECT count(*) FROM conversations_attachment WHERE message_id = %(message)s::bigint) WHERE id = %(message)s::bigint
"""

# Recordings whose copy is ours, of businesses that do not want them at the provider as well.
_TO_ERASE = """
UPDATE voice_recording r SET erase_attempts = erase_attempts + 1,
    erase_at = clock_timestamp() + make_interval(secs => 60 * power(2, LEAST(erase_attempts, 10)))
FROM (
    SELECT r.id, c.sid AS call_sid, c.business_id, c.account_id FROM voice_recording r
    JOIN voice_call c ON c.id = r.call_id
    WHERE r.erase_at <= clock_timestamp() ORDER BY r.erase_at LIMIT %(limit)s::int FOR UPDATE OF r SKIP LOCKED
) due WHERE r.id = due.id
RETURNING r.id, r.sid, r.erase_attempts, due.business_id, due.account_id
"""
_KEPT_NOW = """
UPDATE voice_recording r SET erase_at = clock_timestamp() FROM conversations_attachment a, voice_call c
JOIN voice_voicesettings p ON p.business_id = c.business_id
WHERE r.attachment_id = a.id AND c.id = r.call_id AND a.status = 'stored' AND p.erases_at_provider
  AND r.erase_at IS NULL AND r.erased_at IS NULL AND r.created_at > clock_timestamp() - interval '30 days'
RETURNING r.id
"""
_TOO_OLD = """
SELECT r.id, r.attachment_id, c.id AS call_id, c.message_id FROM voice_recording r
JOIN voice_call c ON c.id = r.call_id JOIN voice_voicesettings p ON p.business_id = c.business_id
WHERE r.removed_at IS NULL AND p.retention_days IS NOT NULL
  AND r.created_at < clock_timestamp() - make_interval(days => p.retention_days)
ORDER BY r.created_at LIMIT %(limit)s::int
"""


def take_recording(hook: Hook) -> None:
    """Store and apply a report on a recording; one of a call that is not known yet is kept and tried again."""
    form = hook.form
    intake.take(hook, ":".join(("recording", form.get("RecordingSid", ""), form.get("RecordingStatus", ""))))


def process_recording(hook: Hook) -> intake.Outcome:
    """Note a recording that is done, and have it fetched. In a transaction. Raises NotYet."""
    form = hook.form
    row = reports.call_of(hook, form.get("CallSid", ""))
    if form.get("RecordingStatus", "completed") == "completed":
        _note(row, hook)
        telling.tell(row["id"])
    return row["message_id"], row["business_id"], ""


def _note(row: Mapping[str, Any], hook: Hook) -> None:
    sid, account = hook.form.get("RecordingSid", ""), hook.form.get("AccountSid", "") or settings.TWILIO_ACCOUNT_SID
    if not _SID.match(sid) or not _ACCOUNT.match(account):
        raise ValueError("The report names no recording.")
    kind = "call" if hook.query.get("kind") == "call" else "voicemail"
    seconds = reports.count_in(hook.form.get("RecordingDuration", ""), 0)
    noted = sql.row(_NOTE, {"call": row["id"], "sid": sid, "kind": kind, "seconds": seconds})
    if noted and noted["attachment_id"] is None and noted["removed_at"] is None and seconds:
        _attach(row["message_id"], noted["id"], kind, provider.recording_url(account, sid))


def _attach(message_id: int, recording_id: int, kind: str, url: str) -> None:
    """An attachment of the message, fetched by the same job and sweep as pictures are.

    The address is made of the sids, never taken from the report: nobody makes us fetch another one.
    """
    name = "Voicemail.mp3" if kind == "voicemail" else "Recording.mp3"
    attachment = Attachment.objects.create(
        message_id=message_id, status="pending", source_url=url, content_type="audio/mpeg", name=name,
        next_attempt_at=timezone.now(),
    )  # fmt: skip
    Recording.objects.filter(pk=recording_id).update(attachment=attachment)
    sql.rows(_COUNT, {"message": message_id})
    wakeup.wake_media(attachment.pk)


def erase_due(*, seconds: float = _ERASING_SECONDS) -> int:
    """Remove at the provider what we have and the business does not want there; how many were tried.

    Each is taken when its turn comes, and none after `seconds`: a provider that does not answer holds no worker up.
    """
    sql.rows(_KEPT_NOW)
    count, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        row = sql.row(_TO_ERASE, {"limit": 1})
        if row is None:
            break
        _erase(row)
        count += 1
    return count


def _erase(row: Mapping[str, Any]) -> None:
    try:
        provider.erase_recording(business_id=row["business_id"], account_id=row["account_id"], sid=row["sid"])
    except (CannotAsk, sealing.CannotOpen) as error:
        gave_up = row["erase_attempts"] >= _MOST_ERASE_ATTEMPTS
        log.warning("recording.not_erased", recording_id=row["id"], error=str(error), gave_up=gave_up)
        if gave_up:
            Recording.objects.filter(pk=row["id"]).update(erase_at=None)
        return
    Recording.objects.filter(pk=row["id"]).update(erase_at=None, erased_at=timezone.now())


def remove_old(*, limit: int = 200) -> int:
    """Remove our copies that are older than their business keeps them; how many."""
    rows = sql.rows(_TOO_OLD, {"limit": limit})
    for row in rows:
        _remove(row)
    return len(rows)


def _remove(row: Mapping[str, Any]) -> None:
    """The file first: who dies in between removes it again, and finds it gone."""
    attachment = Attachment.objects.filter(pk=row["attachment_id"]).first()
    if attachment is not None and attachment.file:
        attachment.file.delete(save=False)

    def forget() -> None:
        telling.locked(call_id=row["call_id"])
        Recording.objects.filter(pk=row["id"]).update(removed_at=timezone.now(), attachment=None)
        Attachment.objects.filter(pk=row["attachment_id"]).delete()
        sql.rows(_COUNT, {"message": row["message_id"]})
        telling.tell(row["call_id"], source="retention")

    sql.in_transaction(forget)
