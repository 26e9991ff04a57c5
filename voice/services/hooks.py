"""The kinds of events that calls bring, for messaging's inbox: how each is processed, at once or when replayed."""

from collections.abc import Callable
from typing import Any

from messaging.services import intake, rehearsing, spooling
from voice.services import dialing, opening, recordings, reports

KINDS: dict[str, intake.Processor] = {
    "voice.twiml": opening.process_call,
    "voice.status": reports.process_report,
    "voice.dial": dialing.process_dial,
    "voice.voicemail": dialing.process_voicemail,
    "voice.recording": recordings.process_recording,
}
# Where each comes in, at once or from the spool after the database was away.
DOORS: dict[str, Callable[[intake.Hook], Any]] = {
    "voice.twiml": opening.answer_call,
    "voice.status": reports.take_report,
    "voice.dial": dialing.answer_dial,
    "voice.voicemail": dialing.answer_voicemail,
    "voice.recording": recordings.take_recording,
}


def register() -> None:
    """Tell messaging's inbox and spool of them."""
    for kind, process in KINDS.items():
        intake.register(kind, process)
    for kind, take in DOORS.items():
        spooling.register(kind, take)
    rehearsing.watch("voice_call", "message_id = %(message)s")
    for table in ("voice_leg", "voice_recording"):
        rehearsing.watch(table, "call_id = (SELECT v.id FROM voice_call v WHERE v.message_id = %(message)s)")
