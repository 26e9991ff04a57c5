"""Text from outside made fit for PostgreSQL: it cannot hold NUL, and UTF-8 has no lone surrogates."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """`text` with each character that the database cannot hold shown as U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None
