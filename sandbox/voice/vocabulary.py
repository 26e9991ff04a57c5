"""TwiML's voice verbs as a table: which attributes an element has, what each may say, what it may hold.

After twilio.com/docs/voice/twiml. What Twilio knows and this player cannot play (Conference, Queue, Sip, …) is left
out, and refused as an unknown element is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Check = Callable[[str], bool]
SCHEMA, CALLER_ID, DIAL_NUMBER, RECORDING_EVENT, CALL_EVENT, SAY_TEXT = 12200, 13214, 13223, 13621, 21626, 13520
CALL_EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
RECORDING_EVENTS = frozenset({"in-progress", "completed", "absent"})
NUMBER = re.compile(r"\+[1-9]\d{6,14}")
CLIENT = re.compile(r"[^\s\x00-\x1f]{1,256}")
LONGEST_SAY = 4096
LONGEST_URL = 4000


def anything(_value: str) -> bool:
    """No rule."""
    return True


def is_flag(value: str) -> bool:
    """`true` or `false`."""
    return value in {"true", "false"}


def is_method(value: str) -> bool:
    """A verb of HTTP that Twilio uses."""
    return value in {"GET", "POST"}


def is_url(value: str) -> bool:
    """An address, whole or relative; an underscore in its host is refused, as Twilio does."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    relative = not parts.scheme and not parts.netloc
    whole = (
        parts.scheme in {"http", "https"} and bool(parts.hostname) and "_" not in (parts.hostname or "") and port != 0
    )
    return (relative or whole) and 0 < len(value) <= LONGEST_URL and not re.search(r"\s", value)


def whole(low: int, high: int) -> Check:
    """A whole number from low to high."""
    return lambda value: value.isdecimal() and value.isascii() and len(value) < 7 and low <= int(value) <= high


def one_of(*words: str) -> Check:
    """One of some words."""
    return lambda value: value in words


def events(known: frozenset[str]) -> Check:
    """Events, separated by spaces: a rendered Python list ("['initiated', …]") is none."""
    return lambda value: bool(value.split()) and set(value.split()) <= known


def is_caller_id(value: str) -> bool:
    """A number, or a client's name where a client is called."""
    return bool(NUMBER.fullmatch(value)) or value.startswith("client:")


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its attributes, the elements in it, and whether it has (or needs) words of its own."""

    attributes: dict[str, Check]
    children: frozenset[str] = frozenset()
    words: Check | None = None
    codes: dict[str, int] = field(default_factory=dict)  # attribute, or "" for the words: Twilio's code for a bad one


def _spoken(value: str) -> bool:
    return len(value) <= LONGEST_SAY


SSML = ("break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w")
SSML_ATTRIBUTES = (
    *("strength", "time", "level", "xml:lang", "alphabet", "ph", "volume", "rate", "pitch", "interpret-as"),
    *("format", "alias", "role"),
)
ACTION: dict[str, Check] = {"action": is_url, "method": is_method}
RECORDING: dict[str, Check] = {
    "recordingStatusCallback": is_url,
    "recordingStatusCallbackMethod": is_method,
    "recordingStatusCallbackEvent": events(RECORDING_EVENTS),
    "recordingTrack": one_of("inbound", "outbound", "both"),
    "trim": one_of("trim-silence", "do-not-trim"),
}
PROGRESS: dict[str, Check] = {
    "statusCallback": is_url,
    "statusCallbackMethod": is_method,
    "statusCallbackEvent": events(CALL_EVENTS),
    "url": is_url,
    "method": is_method,
}
EVENT_CODES = {"statusCallbackEvent": CALL_EVENT, "recordingStatusCallbackEvent": RECORDING_EVENT}
SPEECH = frozenset({"Say", "Play", "Pause"})
RECORD_WAYS = (
    *("true", "false", "do-not-record", "record-from-answer", "record-from-ringing"),
    *("record-from-answer-dual", "record-from-ringing-dual"),
)
INNER: dict[str, Element] = {
    name: Element(dict.fromkeys(SSML_ATTRIBUTES, anything), frozenset(SSML), _spoken) for name in SSML
}
ELEMENTS: dict[str, Element] = {
    "Response": Element({}, SPEECH | {"Dial", "Record", "Hangup", "Redirect", "Reject", "Gather"}, codes={"": SCHEMA}),
    "Say": Element(
        {"voice": anything, "language": anything, "loop": whole(0, 1000)},
        frozenset(SSML),
        _spoken,
        {"": SAY_TEXT, "loop": 13510},
    ),
    "Play": Element(
        {"loop": whole(0, 1000), "digits": lambda value: bool(re.fullmatch(r"[\d*#wW]+", value))},
        words=lambda value: not value or is_url(value),
        codes={"loop": 13410, "": 13420},
    ),
    "Pause": Element({"length": whole(0, 3600)}),
    "Hangup": Element({}),
    "Reject": Element({"reason": one_of("rejected", "busy")}),
    "Redirect": Element({"method": is_method}, words=is_url),
    "Gather": Element(
        {
            **ACTION,
            "input": lambda value: set(value.split()) <= {"dtmf", "speech"} and bool(value.split()),
            "timeout": whole(1, 60),
            "numDigits": whole(1, 1000),
            "finishOnKey": lambda value: bool(re.fullmatch(r"[\d*#]?", value)),
            "actionOnEmptyResult": is_flag,
            "language": anything,
            "hints": anything,
            "speechTimeout": lambda value: value == "auto" or whole(1, 60)(value),
            "bargeIn": is_flag,
            "profanityFilter": is_flag,
            "enhanced": is_flag,
            "speechModel": anything,
        },
        SPEECH,
    ),
    "Record": Element(
        {
            **ACTION,
            **RECORDING,
            "timeout": whole(0, 3600),
            "finishOnKey": lambda value: bool(re.fullmatch(r"[\d*#]*", value)),
            "maxLength": whole(1, 14_400),
            "playBeep": is_flag,
            "transcribe": is_flag,
            "transcribeCallback": is_url,
        },
        codes=EVENT_CODES | {"maxLength": 13612},
    ),
    "Dial": Element(
        {
            **ACTION,
            **RECORDING,
            "timeout": whole(1, 600),
            "hangupOnStar": is_flag,
            "timeLimit": whole(1, 86_400),
            "callerId": is_caller_id,
            "record": one_of(*RECORD_WAYS),
            "answerOnBridge": is_flag,
            "ringTone": lambda value: bool(re.fullmatch(r"[a-z]{2}(-old|-tel)?", value)),
            "sequential": is_flag,
        },
        frozenset({"Number", "Client"}),
        lambda value: not value or bool(NUMBER.fullmatch(value)),
        EVENT_CODES | {"callerId": CALLER_ID, "": DIAL_NUMBER, "timeout": 13212},
    ),
    "Number": Element(
        {**PROGRESS, "sendDigits": lambda value: bool(re.fullmatch(r"[\d*#wW]+", value)), "byoc": anything},
        words=lambda value: bool(NUMBER.fullmatch(value)),
        codes=EVENT_CODES | {"": DIAL_NUMBER},
    ),
    "Client": Element(
        PROGRESS,
        frozenset({"Identity", "Parameter"}),
        lambda value: not value or bool(CLIENT.fullmatch(value)),
        EVENT_CODES,
    ),
    "Identity": Element({}, words=lambda value: bool(CLIENT.fullmatch(value))),
    "Parameter": Element({"name": lambda value: bool(value), "value": anything}),
    **INNER,
}
WHISPERED = SPEECH | {"Gather", "Hangup", "Redirect"}
