"""Twilio's list envelope over rows that are all at hand: pages by PageSize, tokens that name a row."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

PAGE_SIZE, LARGEST_PAGE = 50, 1000


class Row(Protocol):
    """Anything with a sid."""

    sid: str


T = TypeVar("T", bound=Row)


def number_of(text: str | None, default: int) -> int:
    """A whole number of a query, or the default."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else default


def page_size_of(query: dict[str, str]) -> int:
    """How many rows a page has."""
    return min(max(number_of(query.get("PageSize"), PAGE_SIZE), 1), LARGEST_PAGE)


def envelope(
    path: str, query: dict[str, str], key: str, rows: Sequence[T], render: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """One page of rows; a token stays true while rows are added, since it names the last row of its page."""
    size, page = page_size_of(query), number_of(query.get("Page"), 0)
    first = _first(rows, query.get("PageToken", ""), size)
    shown = rows[first : first + size]

    def uri(number: int, token: str = "") -> str:
        kept = {name: value for name, value in query.items() if name not in {"Page", "PageSize", "PageToken"}}
        numbers: dict[str, object] = {"PageSize": size, "Page": number}
        return f"{path}?{urlencode(kept | numbers | ({'PageToken': token} if token else {}))}"

    return {
        "end": page * size + max(len(shown) - 1, 0),
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1, f"PA{shown[-1].sid}") if first + size < len(rows) else None,
        "page": page,
        "page_size": size,
        "previous_page_uri": uri(max(page - 1, 0), f"PB{shown[0].sid}") if first and shown else None,
        key: [render(row) for row in shown],
        "start": page * size,
        "uri": uri(page, query.get("PageToken", "")),
    }


def _first(rows: Sequence[Row], token: str, size: int) -> int:
    at = next((at for at, row in enumerate(rows) if row.sid == token[2:]), None)
    if at is None:
        return 0
    return at + 1 if token.startswith("PA") else max(at - size, 0)
