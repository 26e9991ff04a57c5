"""What a file may be called here: a name that leads nowhere, reads as it is, and fits."""

import mimetypes
import re

from messaging.mail.charsets import one_line

MOST = 120
_MOST_ENDING = 12
_SEPARATORS = re.compile(r"[/\\:]")
_ODD = re.compile('[<>"|?*\u200b-\u200d\u2028\u2029\u2060\ufeff\ufffd]')
_TYPE = re.compile(r"\A[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\Z")
# What the standard library does not know, or knows by an odd ending.
_ENDINGS = {
    "text/plain": ".txt", "text/calendar": ".ics", "message/rfc822": ".eml", "application/ms-tnef": ".dat",
    "message/delivery-status": ".txt", "message/disposition-notification": ".txt", "text/rfc822-headers": ".txt",
    "application/pgp-signature": ".asc", "application/pkcs7-signature": ".p7s", "image/jpeg": ".jpg",
    "text/vcard": ".vcf", "text/x-vcard": ".vcf", "image/webp": ".webp", "image/heic": ".heic",
    "application/octet-stream": ".bin",
}  # fmt: skip


def safe_name(given: str, content_type: str, number: int) -> str:
    """`given` without folders, control characters, turns of direction and more than 120 characters; a name otherwise.

    `number` tells the nameless ones of a mail apart, from 1.
    """
    name = _ODD.sub("", one_line(_SEPARATORS.split(given)[-1], 1000)).strip(" .")
    if not name:
        return f"attachment-{number}{ending_of(content_type)}"
    if len(name) <= MOST:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > _MOST_ENDING:
        return name[:MOST].rstrip(" .")
    return f"{stem[: MOST - len(ending) - 1].rstrip(' .')}.{ending}"


def safe_type(content_type: str) -> str:
    """A media type in lower case; bytes of no type where it is none."""
    kind = content_type.strip().lower()
    return kind if _TYPE.match(kind) else "application/octet-stream"


def ending_of(content_type: str) -> str:
    """The usual ending of such files, with its dot; empty where there is none."""
    return _ENDINGS.get(content_type) or mimetypes.guess_extension(content_type) or ""
