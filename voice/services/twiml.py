"""What is said to Twilio of a call: its documents, made by its own library (providers.md, 5)."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from twilio.twiml.voice_response import Dial, VoiceResponse

# A space-separated string: a Python list would be rendered as one (providers.md, 5).
_EVENTS = "initiated ringing answered completed"
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LONGEST_SPEECH = 4000
# Twilio's own limit of a Dial, and longer than any call that was meant.
_LONGEST_SECONDS = 14_400


@dataclass(frozen=True, slots=True)
class Noun:
    """One phone to ring: a staff member's client, or a number."""

    identity: str = ""
    number: str = ""
    staff_id: int | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """A Dial: whom it rings together, how long, and what rides in its callbacks' addresses."""

    nouns: tuple[Noun, ...]
    seconds: int
    marks: dict[str, int]
    caller_id: str | None = None
    is_recorded: bool = False
    is_announced: bool = False
    parameters: dict[str, str] | None = None


def callback(path: str, marks: dict[str, int], **more: str | int) -> str:
    """The address of one of our hooks, our own ids in it, with Twilio's retries asked for (providers.md, 0)."""
    base = f"{settings.PUBLIC_BASE_URL}/{settings.OMEGA_URL_PREFIX}twilio/voice/{path}"
    query = urlencode({**marks, **more})
    return f"{base}{'?' if query else ''}{query}#rc=3&rp=5xx,ct,rt"


def hang_up() -> str:
    """Nothing more to do."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def nothing() -> str:
    """An empty document: nobody hears it."""
    return str(VoiceResponse())


def reject() -> str:
    """Do not answer."""
    response = VoiceResponse()
    response.reject(reason="rejected")
    return str(response)


def say(words: str, language: str) -> str:
    """Speak, and hang up."""
    response = VoiceResponse()
    response.say(_spoken(words), language=language)
    response.hangup()
    return str(response)


def announce(words: str, language: str) -> str:
    """Speak to one party before the bridge."""
    response = VoiceResponse()
    response.say(_spoken(words), language=language)
    return str(response)


def voicemail(words: str, language: str, *, seconds: int, marks: dict[str, int]) -> str:
    """The greeting, and what is said after the tone."""
    response = VoiceResponse()
    response.say(_spoken(words), language=language)
    response.record(
        action=callback("voicemail", marks),
        method="POST",
        max_length=seconds,
        finish_on_key="#",
        play_beep=True,
        trim="trim-silence",
        recording_status_callback=callback("recording", marks, kind="voicemail"),
        recording_status_callback_method="POST",
        recording_status_callback_event="completed absent",
    )
    # Where nothing is said, the document goes on here.
    response.hangup()
    return str(response)


def dial(ring: Ring, *, before: str = "", language: str = "") -> str:
    """Ring some phones; `before`: what the caller hears first."""
    response = VoiceResponse()
    if before:
        response.say(_spoken(before), language=language)
    verb = Dial(
        caller_id=ring.caller_id,
        answer_on_bridge=True,
        timeout=ring.seconds,
        time_limit=_LONGEST_SECONDS,
        action=callback("dial", ring.marks),
        method="POST",
        **(_recording(ring.marks) if ring.is_recorded else {}),
    )
    for noun in ring.nouns:
        _add(verb, noun, ring)
    response.append(verb)
    return str(response)


def _recording(marks: dict[str, int]) -> dict[str, str]:
    return {
        "record": "record-from-answer-dual",
        "recording_status_callback": callback("recording", marks, kind="call"),
        "recording_status_callback_method": "POST",
        "recording_status_callback_event": "completed absent",
    }


def _add(verb: Dial, noun: Noun, ring: Ring) -> None:
    marks = ring.marks | ({"staff": noun.staff_id} if noun.staff_id else {})
    told = {
        "status_callback": callback("status", marks),
        "status_callback_event": _EVENTS,
        "status_callback_method": "POST",
    }
    if noun.number:
        whisper = {"url": callback("announcement", ring.marks), "method": "POST"} if ring.is_announced else {}
        verb.number(noun.number, **told, **whisper)
        return
    client = verb.client(**told)
    client.identity(noun.identity)
    for name, value in (ring.parameters or {}).items():
        client.parameter(name=name, value=_spoken(value)[:500])


def _spoken(words: str) -> str:
    """Words that XML can hold, no longer than Twilio speaks."""
    return _UNSPEAKABLE.sub(" ", words)[:_LONGEST_SPEECH]
