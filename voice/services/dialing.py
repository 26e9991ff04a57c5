"""After a Dial: the provider says how it went, and asks what comes next."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from messaging.services import intake
from messaging.services.intake import Hook, NotYet
from omega_project.lib import forms
from voice.models import Call
from voice.services import parties, reports, routing, telling, twiml
from voice.services.preferences import Preferences, preferences_of
from voice.services.story import BRIDGED, ENDED, RANKS, UNANSWERED

log = structlog.get_logger(__name__)
# A caller is rung through for at most this many times the time of one ring, then asked for voicemail.
_MOST_RINGS = 3
_TO_STAFF = {
    "busy": "The line is busy.",
    "no-answer": "Nobody answered.",
    "failed": "The call could not be connected. Please check the number.",
}
_THANKS = "Thank you. Goodbye."
Step = Call.Step


def answer_dial(hook: Hook) -> str:
    """TwiML for what comes after a Dial; a repeated request hears the same again."""
    form = hook.form
    parts = (form.get("CallSid", ""), hook.query.get("step", ""), form.get("DialCallStatus", ""))
    return _answered(hook, ":".join(("dial", *parts)), _after_dial)


def answer_voicemail(hook: Hook) -> str:
    """TwiML for what comes after a voicemail."""
    key = ":".join(("voicemail", hook.form.get("CallSid", ""), hook.form.get("RecordingSid", "")))
    return _answered(hook, key, lambda hook: _thanks(hook))


def announce(hook: Hook) -> str:
    """TwiML that is played to a client before a recorded call."""
    message_id = forms.number(hook.query.get("mid"))
    call = Call.objects.filter(message_id=message_id).only("business_id").first() if message_id else None
    ours = call is not None and hook.business_id in {None, call.business_id}
    wants = preferences_of(call.business_id) if call is not None and ours else Preferences()
    return twiml.announce(wants.announced, wants.language)


def _answered(hook: Hook, key: str, otherwise: Any) -> str:
    """The processor's answer; where the event was known or cannot be used, what is said without writing."""
    try:
        return intake.take(hook, key) or otherwise(hook)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("call.unforeseen", kind=hook.kind)
        return twiml.hang_up()


def process_dial(hook: Hook) -> intake.Outcome:
    """Note how a Dial went; its answer is the TwiML that follows. In a transaction. Raises NotYet."""
    row = reports.call_of(hook, hook.form.get("CallSid", ""))
    status = hook.form.get("DialCallStatus", "").lower()
    step, document = _following(hook, row, status)
    if status in BRIDGED | UNANSWERED:
        seconds = reports.count_in(hook.form.get("DialCallDuration", ""), 0) or None
        telling.note_dial(row, status=status, seconds=seconds, step=step, bridged=sorted(BRIDGED))
    _note_end(hook, row)
    telling.tell(row["id"])
    return row["message_id"], row["business_id"], document


def _note_end(hook: Hook, row: Mapping[str, Any]) -> None:
    """The request says how the call itself stands, too: it has ended where the caller hung up."""
    status = hook.form.get("CallStatus", "").lower()
    if RANKS.get(status, -1) >= ENDED:
        telling.note_leg(row, telling.LegNews(row["sid"], status, RANKS[status], is_parent=True))


def process_voicemail(hook: Hook) -> intake.Outcome:
    """A voicemail was left, or not: its recording is told by a report of its own. In a transaction."""
    row = reports.call_of(hook, hook.form.get("CallSid", ""))
    _note_end(hook, row)
    telling.tell(row["id"])
    return row["message_id"], row["business_id"], _thanks(hook)


def _thanks(hook: Hook) -> str:
    message_id = forms.number(hook.query.get("mid"))
    call = Call.objects.filter(message_id=message_id).only("business_id").first() if message_id else None
    return twiml.say(_THANKS, preferences_of(call.business_id).language if call else Preferences().language)


def _after_dial(hook: Hook) -> str:
    """What follows a Dial of which we have been told before, or of a call that we do not know."""
    try:
        row = reports.call_of(hook, hook.form.get("CallSid", ""))
    except NotYet:
        return twiml.hang_up()
    return _following(hook, row, hook.form.get("DialCallStatus", "").lower())[1]


def _following(hook: Hook, row: Mapping[str, Any], status: str) -> tuple[int, str]:
    """The step that follows, and its document."""
    if status in BRIDGED:
        return row["step"], twiml.hang_up()
    if routing.is_from_staff(hook):
        language = preferences_of(row["business_id"]).language
        words = _TO_STAFF.get(status)
        return Step.END, twiml.say(words, language) if words else twiml.hang_up()
    if RANKS.get(hook.form.get("CallStatus", "").lower(), -1) >= ENDED:
        return Step.END, twiml.nothing()  # the caller has hung up: there is nobody to hear it
    return _next_step(hook, row)


def _next_step(hook: Hook, row: Mapping[str, Any]) -> tuple[int, str]:
    found = parties.called(hook.form, row["business_id"])
    if found is None:
        return Step.END, twiml.hang_up()
    done = forms.number(hook.query.get("step"), most=int(Step.END)) or int(Step.END)
    rung_for = (timezone.now() - row["created_at"]).total_seconds()
    may_ring = rung_for < _MOST_RINGS * found.preferences.ring_seconds
    step, document = routing.after(found, done, may_ring=may_ring)
    return step, document(routing.Known(row["message_id"], row["client_id"], row["conversation_id"]))
