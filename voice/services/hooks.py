"""The kinds of events that calls bring, for messaging's inbox: how each is processed, at once or when replayed."""

from messaging.services import intake
from voice.services import dialing, opening, recordings, reports

KINDS: dict[str, intake.Processor] = {
    "voice.twiml": opening.process_call,
    "voice.status": reports.process_report,
    "voice.dial": dialing.process_dial,
    "voice.voicemail": dialing.process_voicemail,
    "voice.recording": recordings.process_recording,
}


def register() -> None:
    """Tell messaging's inbox of them."""
    for kind, process in KINDS.items():
        intake.register(kind, process)
