"""Secrets at rest: sealed by the newest key, opened by any of the keys that are configured.

A rotation puts the new key first in ENCRYPTION_KEYS and keeps the old one behind it until every row was sealed anew.
"""

import base64
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotOpen(Exception):
    """What was sealed opens with none of the keys: a key was removed, or the row was tampered with."""


@functools.lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys])


def seal(values: Mapping[str, Any]) -> bytes:
    """`values` as JSON, encrypted and authenticated by the first key."""
    return _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(orjson.dumps(values))


def is_newest(sealed: bytes) -> bool:
    """Whether the first key opens this: the others are not needed for it."""
    try:
        _box(tuple(settings.ENCRYPTION_KEYS[:1])).decrypt(bytes(sealed))
    except InvalidToken:
        return False
    return True


def unseal(sealed: "bytes | memoryview[int]") -> dict[str, Any]:
    """What `seal` was given. Raises CannotOpen."""
    try:
        values: dict[str, Any] = orjson.loads(_box(tuple(settings.ENCRYPTION_KEYS)).decrypt(bytes(sealed)))
    except (InvalidToken, orjson.JSONDecodeError) as error:
        raise CannotOpen("These secrets open with none of the ENCRYPTION_KEYS.") from error
    return values
