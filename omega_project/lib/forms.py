"""Form-encoded bodies as they came: the bytes are kept, the charset is found out."""

import hashlib
import re
from urllib.parse import parse_qsl, urlsplit

_CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
MOST_FIELDS = 1000


class TooManyFields(ValueError):
    """The form has more fields than any provider sends."""


def charsets(content_type: str) -> list[str]:
    """The charsets that a form may be in, likeliest first: the declared one, UTF-8, Latin-1 (which fits any bytes)."""
    declared = _CHARSET.search(content_type)
    names = [declared[1]] if declared else []
    return list(dict.fromkeys([*names, "utf-8", "latin-1"]))


def pairs(payload: bytes, charset: str) -> list[tuple[str, str]]:
    """The form's fields in order, empty values included. ValueError where the bytes are not of this charset."""
    try:
        return parse_qsl(
            payload.decode(charset), keep_blank_values=True, encoding=charset, errors="strict",
            max_num_fields=MOST_FIELDS,
        )  # fmt: skip
    except LookupError as error:
        raise ValueError(f"no charset is named {charset}") from error
    except ValueError as error:
        if "fields" in str(error):
            raise TooManyFields(f"The form has more than {MOST_FIELDS} fields.") from None
        raise


def parse(payload: bytes, content_type: str) -> tuple[dict[str, str], str]:
    """The form (the last value of each name) and the charset that fits it."""
    for charset in charsets(content_type):
        try:
            return dict(pairs(payload, charset)), charset
        except TooManyFields:
            raise
        except ValueError:
            continue
    raise ValueError("The body is not a form.")


def query_of(url: str) -> dict[str, str]:
    """The query of a URL as a dict."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def digest(payload: bytes) -> str:
    """A name for bytes that carry no id of their own."""
    return hashlib.sha256(payload).hexdigest()


def number(text: str | None, most: int = 2**63 - 1) -> int | None:
    """A positive whole number in `text`, or None."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    value = int(text)
    return value if 0 < value <= most else None
