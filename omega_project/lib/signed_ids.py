"""A number as a short opaque word that nobody else can make: for mail addresses, Message-IDs and links.

32 characters of lower-case base32: eight bytes of the number, twelve of an HMAC over purpose and number. Case does
not matter on reading, since mail systems change it. Words of a SECRET_KEY that was rotated out open while it stands
in SECRET_KEY_FALLBACKS.
"""

import base64
import binascii
import hashlib
import hmac

from django.conf import settings

LENGTH = 32
_NUMBER_BYTES, _MAC_BYTES = 8, 12


def _mac(key: str, purpose: str, number: bytes) -> bytes:
    return hmac.new(key.encode(), f"{purpose}\0".encode() + number, hashlib.sha256).digest()[:_MAC_BYTES]


def word_for(purpose: str, number: int) -> str:
    """The word for `number` (0 to 2⁶³ less one); the same each time, and of no use for another purpose."""
    packed = number.to_bytes(_NUMBER_BYTES)
    return base64.b32encode(packed + _mac(settings.SECRET_KEY, purpose, packed)).decode().lower()


def number_in(purpose: str, word: str) -> int | None:
    """The number that a word stands for; None where it was not made by us for this purpose."""
    if len(word) != LENGTH or not word.isascii():
        return None
    try:
        raw = base64.b32decode(word.upper())
    except (binascii.Error, ValueError):
        return None
    packed, given = raw[:_NUMBER_BYTES], raw[_NUMBER_BYTES:]
    keys: list[str] = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    known = any(hmac.compare_digest(_mac(key, purpose, packed), given) for key in keys)
    number = int.from_bytes(packed)
    return number if known and number < 2**63 else None
