"""SendGrid's event webhook: its signature, its batches, its words (providers.md, 9)."""

import base64
import binascii
import functools
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from messaging.providers.mail_event import MailEvent
from omega_project.lib.clean import storable
from omega_project.lib.forms import number

NAME = "sendgrid"
_ATTEMPTS_MOST = 32767
_MOST_TEXT, _MOST_REASON = 255, 1000
# The id of the answer to the send, and what the event webhook puts behind it; older mails say "filter".
_SUFFIXED = re.compile(r"(.+?)\.(?:recvd|filter)")
# A vendor's word to ours; one that is not here is kept raw and ignored.
_KINDS = {
    "processed": "processed",
    "deferred": "deferred",
    "delivered": "delivered",
    "bounce": "bounced",
    "dropped": "dropped",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "group_unsubscribed",
    "group_resubscribe": "resubscribed",
}
# Why a mail was dropped, where that says something of the address; lower case.
_OPTED_OUT = {"unsubscribed address", "spam reporting address"}
_DEAD_ENDS = {"bounced address", "invalid"}
_TEMPORARY = {"blocked", "expired"}


class BadBatch(ValueError):
    """The body is no list of events."""


class BadEvent(ValueError):
    """One event of a batch cannot be read; the sentence says why."""


@functools.lru_cache(maxsize=1024)
def public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The verification key as SendGrid's console shows it: base64 of DER. ValueError where it is none."""
    try:
        key = serialization.load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, TypeError, binascii.Error) as error:
        raise ValueError("must be the public key that SendGrid shows: base64, 124 characters") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("must be a public key of the curve P-256")
    return key


class Signed:
    """A post as it came, to be held against keys: its bytes are hashed once, however many keys there are."""

    def __init__(self, signature: str, timestamp: str, payload: bytes) -> None:
        self._signature, self._timestamp, self._payload = signature, timestamp, payload

    @property
    def is_complete(self) -> bool:
        return bool(self._signature and self._timestamp)

    @functools.cached_property
    def _digest(self) -> bytes:
        found = hashlib.sha256(self._timestamp.encode(errors="replace"))
        found.update(self._payload)
        return found.digest()

    def by(self, key: str) -> bool:
        """Whether this key signed it. A key or signature that is none does not hold."""
        try:
            given = base64.b64decode(self._signature, validate=True)
            public_key(key).verify(given, self._digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def split(payload: bytes) -> list[bytes]:
    """The batch's events, each as the bytes that it came in. Raises BadBatch.

    One that cannot be read spoils no other: it stands among them as it came.
    """
    try:
        found = _split_text(payload.decode().lstrip("\ufeff"))
        return [one.encode() for one in found]
    except (ValueError, RecursionError):
        return _split_bytes(payload)


_SPACE = re.compile(r"[ \t\r\n]*")


def _split_text(text: str) -> list[str]:
    """By the JSON reader itself, which is fast. ValueError where anything of it is not JSON."""
    place, found = _after(text, 0, "["), list[str]()
    if text[place : place + 1] == "]":
        return _ended(text, place, found)
    while True:
        _, end = _READER.raw_decode(text, place)
        found.append(text[place:end])
        place = _SPACE.match(text, end).end()  # type: ignore[union-attr]
        if text[place : place + 1] == "]":
            return _ended(text, place, found)
        place = _after(text, place, ",")


def _after(text: str, place: int, sign: str) -> int:
    """The place of the next thing behind `sign`."""
    place = _SPACE.match(text, place).end()  # type: ignore[union-attr]
    if text[place : place + 1] != sign:
        raise ValueError(f"no {sign}")
    return _SPACE.match(text, place + 1).end()  # type: ignore[union-attr]


def _ended(text: str, place: int, found: list[str]) -> list[str]:
    if text[place + 1 :].strip(" \t\r\n"):
        raise ValueError("more behind the list")
    return found


# A text that never ends takes the rest: looking for its end anew from each of its quotes would take for ever.
_SIGNS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)


def _split_bytes(payload: bytes) -> list[bytes]:
    """By brackets and quotes alone, for a batch that is not all of it JSON."""
    body = payload.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    if not body.startswith(b"["):
        raise BadBatch("must be a list of events")
    if not body.endswith(b"]"):
        raise BadBatch("is not JSON")
    found, depth, begin = [], 0, 1
    for sign in _SIGNS.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(sign[0], 0)
        if depth == 0 and sign.end() == len(body):
            found.append(body[begin : sign.start()])
            break
        if depth <= 0:
            raise BadBatch("is not JSON")
        if depth == 1 and sign[0] == b",":
            found.append(body[begin : sign.start()])
            begin = sign.end()
    else:
        raise BadBatch("is not JSON")
    return [one.strip(b" \t\r\n") for one in found]


def _whole(digits: str) -> int:
    """Python reads no number of thousands of digits; nor is any that long one of ours."""
    return int(digits) if len(digits) <= 40 else 0


_READER = json.JSONDecoder(parse_int=_whole)


def read(raw: bytes) -> MailEvent:
    """One event in our words; `kind` empty where SendGrid's word is unknown. Raises BadEvent."""
    try:
        given = _READER.decode(raw.decode(errors="replace"))
    except (ValueError, RecursionError) as error:
        raise BadEvent(f"The event is not JSON: {error}"[:_MOST_TEXT]) from None
    if not isinstance(given, dict):
        raise BadEvent("The event is not an object.")
    word = given.get("event")
    if not isinstance(word, str) or not word:
        raise BadEvent("The event does not say what happened.")
    return _event(given, word)


def _event(given: dict[str, Any], word: str) -> MailEvent:
    kind, reason = _KINDS.get(word, ""), _text(given, "reason", _MOST_REASON)
    sid = _text(given, "sg_message_id")
    names, rfc = _names(sid, _text(given, "smtp-id", 998).strip("<> "))
    dropped = reason.strip().lower() if kind == "dropped" else ""
    return MailEvent(
        kind=kind,
        message_id=number(_text(given, "omega_message_id")),
        attempt=number(_text(given, "omega_attempt"), _ATTEMPTS_MOST) or 0,
        provider_message_id=sid,
        also_known_as=names,
        rfc_message_id=rfc,
        address=_text(given, "email", 320).strip().lower(),
        at=_time(given.get("timestamp")),
        reason=reason or _text(given, "response", _MOST_REASON),
        code=_code(given, kind),
        is_temporary=_is_temporary(given, kind),
        is_machine=given.get("sg_machine_open") is True,
        event_id=_text(given, "sg_event_id"),
        raw=given,
        opts_out=dropped in _OPTED_OUT,
        is_dead_end=dropped in _DEAD_ENDS,
        group=_text(given, "asm_group_id"),
    )


def _text(given: dict[str, Any], name: str, most: int = _MOST_TEXT) -> str:
    """A field as text that can be stored; empty where it is neither text nor a number."""
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return storable(str(value)[:most])


def _names(sid: str, smtp_id: str) -> tuple[tuple[str, ...], str]:
    """What else the mail may be called: the id of the send's answer, likeliest first; and its Message-ID."""
    suffixed = _SUFFIXED.match(sid)
    found = [suffixed[1] if suffixed else sid, sid.split(".")[0], smtp_id.partition("@")[0]]
    return tuple(dict.fromkeys(one[:128] for one in found if one)), smtp_id


def _time(value: Any) -> datetime | None:
    """A Unix time, in seconds; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _code(given: dict[str, Any], kind: str) -> str:
    """The mailbox's own code, such as 5.1.1; else why it was not sent, in one word."""
    if kind not in {"bounced", "dropped", "deferred"}:
        return ""
    return _text(given, "status", 64) or ("blocked" if given.get("type") == "blocked" else kind)


def _is_temporary(given: dict[str, Any], kind: str) -> bool:
    """`type: blocked` is for now (providers.md, 9); so is what bounced without a type and with a 4.x.x."""
    said = given.get("type")
    if kind != "bounced":
        return False
    return said in _TEMPORARY or (said != "bounce" and _text(given, "status").startswith("4"))
