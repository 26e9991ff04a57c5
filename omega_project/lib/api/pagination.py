"""Pages by cursor: the order is total, and a page costs the same at the first row and at the five-millionth.

A cursor is the sort key of the row to go on from, signed together with the list that it belongs to: one that was
altered, or taken from another list, another business or another sort, is a 422 and never shows foreign rows.
"""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from pydantic import AfterValidator, Field
from rest_framework.request import Request

from omega_project.lib.api.errors import parameter_error
from omega_project.lib.api.fields import Query, QueryInt

PAGE_SIZE = 25
_SIGNATURE_BYTES = 12


def _raw(text: str) -> bytes:
    """The bytes of a cursor; ValueError where they were not written by `encode`, bit for bit."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(raw) != text:  # base64 leaves the last bits over, and Python's skips signs that it does not know
        raise ValueError
    return raw


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _looks_right(what: str) -> Callable[[str], str]:
    """A check that needs no signature's scope: it finds what never was a cursor together with the other faults."""

    def check(text: str) -> str:
        try:
            if text and not isinstance(orjson.loads(_raw(text)[_SIGNATURE_BYTES:]), list):
                raise ValueError
        except ValueError:
            raise ValueError(f"is not a cursor of this {what}") from None
        return text

    return check


CursorText = Annotated[str, Field(max_length=512), AfterValidator(_looks_right("list"))]
FeedCursorText = Annotated[str, Field(max_length=512), AfterValidator(_looks_right("feed"))]


class PageQuery(Query):
    """What every list takes."""

    cursor: CursorText | None = None
    page_size: Annotated[QueryInt, Field(ge=1, le=100)] = PAGE_SIZE
    include_total: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page starts: after (or, going back, before) the row with this key."""

    key: tuple[Any, ...]
    backwards: bool


def encode(cursor: Cursor, scope: str) -> str:
    payload = orjson.dumps([*cursor.key, int(cursor.backwards)])
    return _text(_signature(payload, scope) + payload)


def decode(text: str | None, scope: str) -> Cursor | None:
    """The cursor in `text`, made for `scope`; 422 where it was not."""
    if not text:
        return None
    try:
        raw = _raw(text)
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _signature(payload, scope)):
            raise ValueError
        *key, backwards = orjson.loads(payload)
    except (ValueError, TypeError):
        raise parameter_error("cursor", "is not a cursor of this list", "query") from None
    return Cursor(tuple(key), bool(backwards))


def _signature(payload: bytes, scope: str) -> bytes:
    key = settings.SECRET_KEY.encode()
    return hmac.digest(key, b"cursor\0" + scope.encode() + b"\0" + payload, "sha256")[:_SIGNATURE_BYTES]


def page(
    request: Request,
    rows: list[dict[str, Any]],
    *,
    size: int,
    cursor: Cursor | None,
    scope: str,
    keys: tuple[str, ...],
    total: int | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """`rows` (fetched with one to spare, in the direction of `cursor`) cut to the page, with its `next` and `previous`.

    `keys` names the columns of the sort key. The answer's `results` is left to the caller.
    """
    backwards = bool(cursor and cursor.backwards)
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows = rows[::-1]
    after, before = (more, True) if not backwards else (True, more)
    if cursor is None:
        before = False
    links: dict[str, Any] = {
        "next": _link(request, rows[-1], keys, scope, backwards=False) if rows and after else None,
        "previous": _link(request, rows[0], keys, scope, backwards=True) if rows and before else None,
    }
    if total is not None:
        links["total"] = total
    return rows, links


def _link(request: Request, row: dict[str, Any], keys: tuple[str, ...], scope: str, *, backwards: bool) -> str:
    token = encode(Cursor(tuple(row[key] for key in keys), backwards), scope)
    query = [(name, value) for name, values in request.GET.lists() if name != "cursor" for value in values]
    return f"{settings.PUBLIC_BASE_URL}{request.path}?{urlencode([*query, ('cursor', token)])}"
