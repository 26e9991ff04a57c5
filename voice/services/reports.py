"""What the provider reports of a call's lines: doubled, late and shuffled, and applied so that it does not matter."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from messaging.services import intake
from messaging.services.intake import Hook, NotYet
from omega_project.lib import forms, sql
from omega_project.lib.clean import storable
from voice.services import telling
from voice.services.identities import read_identity
from voice.services.story import ANSWERED, ENDED, RANKS
from voice.services.telling import LegNews

_MOST_SECONDS = 10_000_000
_BY_LEG = """
SELECT c.sid FROM voice_leg l JOIN voice_call c ON c.id = l.call_id WHERE l.sid = %(sid)s::text
"""
_BY_MESSAGE = "SELECT sid FROM voice_call WHERE message_id = %(message)s::bigint"
# A call that a caller recorded (POST /messages): its later reports find it here.
_RECORDED = """
SELECT id, business_id, call::text AS call FROM conversations_message
WHERE provider_message_id = %(sid)s::text AND channel = 'voice' AND provider = %(provider)s::text
  AND (%(business)s::bigint IS NULL OR business_id = %(business)s::bigint)
ORDER BY id LIMIT 1
"""
_ADOPT = """
INSERT INTO voice_call (sid, business_id, message_id, origin, account_id, step, refusal, dial_status, text_back, looks,
    is_final, created_at)
SELECT %(sid)s, m.business_id, m.id, 'record', %(account)s, 10, '', '', '', 0, false, m.created_at
FROM conversations_message m WHERE m.id = %(message)s ON CONFLICT DO NOTHING
"""


def take_report(hook: Hook) -> None:
    """Store and apply a report on one line; one of a call that is not known yet is kept and tried again."""
    form = hook.form
    parts = (form.get("CallSid", ""), form.get("SequenceNumber", ""), form.get("CallStatus", ""))
    key = ":".join(("leg", *parts, form.get("CallDuration", ""))) if parts[0] else forms.digest(hook.payload)
    intake.take(hook, key)


def process_report(hook: Hook) -> intake.Outcome:
    """Apply a report. In a transaction. Raises NotYet where its call is not known."""
    form = hook.form
    row = call_of(hook, form.get("ParentCallSid", ""), form.get("CallSid", ""))
    news = _news(hook, row)
    if news is not None:
        telling.note_leg(row, news)
        telling.tell(row["id"])
    return row["message_id"], row["business_id"], ""


def call_of(hook: Hook, *sids: str) -> dict[str, Any]:
    """The call, locked, that one of these sids (a call's or a line's) or our own id in the address names.

    Raises NotYet where it is not known, or is another business's than the account's.
    """
    for sid in sids:
        found = _locked(hook, storable(sid)[:64])
        if found is not None:
            return found
    message_id = forms.number(hook.query.get("mid"))
    own = sql.row(_BY_MESSAGE, {"message": message_id}) if message_id else None
    found = _locked(hook, own["sid"]) if own else None
    if found is None:
        raise NotYet("No call of ours is known by this report's ids.")
    return found


def _locked(hook: Hook, sid: str) -> dict[str, Any] | None:
    if not sid:
        return None
    found = telling.locked(sid=sid, business_id=hook.business_id)
    if found is None and (leg := sql.row(_BY_LEG, {"sid": sid})):
        found = telling.locked(sid=leg["sid"], business_id=hook.business_id)
    return found or _adopted(hook, sid)


def _adopted(hook: Hook, sid: str) -> dict[str, Any] | None:
    """A call that a caller recorded, from now on kept as one of ours is."""
    message = sql.row(_RECORDED, {"sid": sid, "provider": hook.provider, "business": hook.business_id})
    if message is None:
        return None
    account = storable(hook.form.get("AccountSid", ""))[:64]
    sql.rows(_ADOPT, {"sid": sid, "account": account, "message": message["id"]})
    row = telling.locked(sid=sid, business_id=hook.business_id)
    if row is not None:
        telling.note_leg(row, _recorded_news(sid, orjson.loads(message["call"] or "{}")))
    return row


def _recorded_news(sid: str, call: Mapping[str, Any]) -> LegNews:
    """What the caller said of the call when it was recorded."""
    status = str(call.get("status") or "")
    began = call.get("started_at")
    return LegNews(
        sid=sid,
        status=status,
        rank=RANKS.get(status, -1),
        is_parent=True,
        started_at=datetime.fromisoformat(began) if isinstance(began, str) else None,
        seconds=call.get("duration") or None,
    )


def _news(hook: Hook, row: Mapping[str, Any]) -> LegNews | None:
    form = hook.form
    status = form.get("CallStatus", "").lower()
    rank = RANKS.get(status)
    sid = storable(form.get("CallSid", ""))[:64]
    if rank is None or not sid:
        return None  # a word that nobody knows: kept with its event, and moves nothing
    at, to = moment_of(form.get("Timestamp", "")), storable(form.get("To") or form.get("Called") or "")[:254]
    is_parent = sid == row["sid"]
    return LegNews(
        sid=sid,
        status=status,
        rank=rank,
        is_parent=is_parent,
        sequence=count_in(form.get("SequenceNumber", ""), -1),
        to="" if is_parent else to,
        staff_id=None if is_parent else _staff_id(to, row, hook),
        started_at=at if rank < ANSWERED else None,
        answered_at=at if rank == ANSWERED else None,
        ended_at=at if rank >= ENDED else None,
        seconds=count_in(form.get("CallDuration", ""), 0) or None,
    )


def _staff_id(to: str, row: Mapping[str, Any], hook: Hook) -> int | None:
    """Whose client the line rang: by its identity, else by our own id in the address."""
    named = read_identity(to)
    if named is not None:
        return named[1] if named[0] == row["business_id"] else None
    return forms.number(hook.query.get("staff"))


def moment_of(text: str) -> datetime | None:
    """Twilio's Timestamp (RFC 2822) in UTC; None where it is none, or of no sane year."""
    try:
        at = parsedate_to_datetime(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return at if 2000 <= at.year < 2200 else None


def count_in(text: str, default: int) -> int:
    """A whole number from 0, or `default`."""
    if not text.isascii() or not text.isdigit() or len(text) > 8:
        return default
    return min(int(text), _MOST_SECONDS)
