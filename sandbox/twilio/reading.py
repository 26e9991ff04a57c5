"""GET, POST and DELETE of one message, the list with its filters and pages, and the media of a message."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.ledger import Text
from sandbox.media import Media
from sandbox.twilio.door import admitted, as_json
from sandbox.twilio.errors import TwilioError, answer
from sandbox.twilio.paging import number_of, page_size_of
from sandbox.twilio.resource import as_resource, resource_uri

CLOCK_SLACK_SECONDS = 3600
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _find(request: web.Request) -> Text:
    text = request.app[CARRIER].ledger.by_sid.get(request.match_info["sid"])
    if text is None or text.hidden == "deleted" or text.account != request.match_info["account"]:
        raise TwilioError(20404)
    return text


async def fetch(request: web.Request) -> web.StreamResponse:
    """GET one message."""
    early = await admitted(request)
    if early is not None:
        return early
    try:
        return as_json(as_resource(_find(request)))
    except TwilioError as refused:
        return answer(refused.code)


async def update(request: web.Request) -> web.StreamResponse:
    """POST to one message: an empty Body redacts it, Status=canceled stops a scheduled one."""
    early = await admitted(request)
    if early is not None:
        return early
    form = dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))
    try:
        text = _find(request)
    except TwilioError as refused:
        return answer(refused.code)
    if form.get("Body") == "":
        text.hidden = "redacted"
    if form.get("Status") == "canceled":
        if text.status != "scheduled":
            return answer(30409)
        text.status = "canceled"
    return as_json(as_resource(text))


async def delete(request: web.Request) -> web.StreamResponse:
    """DELETE one message: gone from the account; the ledger, being evidence, keeps it."""
    early = await admitted(request)
    if early is not None:
        return early
    try:
        _find(request).hidden = "deleted"
    except TwilioError as refused:
        return answer(refused.code)
    return web.Response(status=204)


class Window(NamedTuple):
    """The DateSent filters as epoch seconds, both ends included."""

    low: float = 0.0
    high: float = float("inf")

    def holds(self, text: Text) -> bool:
        """Whether a text was sent within it; one not yet sent counts by its making."""
        return self.low <= int(text.sent_at or text.at) <= self.high


def window_of(query: dict[str, str]) -> Window:
    """Read `DateSent`, `DateSent<`, `DateSent>`: a day, or a UTC time to the second. Raises TwilioError."""
    low, high = 0.0, float("inf")
    if "DateSent" in query:
        low, high = moments(query["DateSent"].removesuffix("T00:00:00Z"))  # the SDK's form of a day
    if "DateSent>" in query:
        low = max(low, moments(query["DateSent>"])[0])
    if "DateSent<" in query:
        high = min(high, moments(query["DateSent<"])[1])
    return Window(low, high)


def moments(text: str) -> tuple[float, float]:
    """A filter's day as its first and last second, or a moment twice. Raises TwilioError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise TwilioError(20001) from None
    first = at if at.tzinfo else at.replace(tzinfo=UTC)
    last = first + timedelta(days=1, seconds=-1) if DAY.fullmatch(text) else first
    return first.timestamp(), last.timestamp()


def matching(carrier: Carrier, account: str, query: dict[str, str]) -> Iterator[Text]:
    """The account's texts, newest first, by way of the shortest index."""
    ledger, window = carrier.ledger, window_of(query)
    to, from_ = query.get("To", ""), query.get("From", "")
    found = ledger.texts
    if to:
        found = ledger.by_to.get(to, [])
    if from_ and len(ledger.by_from.get(from_, ())) < len(found):
        found = ledger.by_from.get(from_, [])
    begin, end = _bounds(ledger.by_sid, found, query.get("PageToken", ""))
    if window.high != float("inf"):
        end = min(end, bisect_right(found, window.high + 1, key=lambda text: text.at))
    for at in range(end - 1, begin - 1, -1):
        text = found[at]
        if text.at < window.low - CLOCK_SLACK_SECONDS:
            return
        if _is_wanted(text, account, to, from_) and window.holds(text):
            yield text


def _is_wanted(text: Text, account: str, to: str, from_: str) -> bool:
    return (
        text.account == account
        and text.hidden != "deleted"
        and (not to or text.to == to)
        and (not from_ or text.from_ == from_)
    )


def _bounds(by_sid: dict[str, Text], found: list[Text], token: str) -> tuple[int, int]:
    """Where a page's texts lie in an index (old to new): `PA<sid>` is after that one, `PB<sid>` before."""
    marker = by_sid.get(token[2:])
    if marker is None:
        return 0, len(found)
    if token.startswith("PB"):
        return bisect_right(found, marker.position, key=lambda text: text.position), len(found)
    return 0, bisect_left(found, marker.position, key=lambda text: text.position)


async def listing(request: web.Request) -> web.StreamResponse:
    """GET the list: the real envelope, newest first; page tokens stay true while texts are added."""
    early = await admitted(request)
    if early is not None:
        return early
    query = dict(parse_qsl(request.query_string, keep_blank_values=True))
    try:
        found = matching(request.app[CARRIER], request.match_info["account"], query)
        return as_json(_envelope(request.path, query, found))
    except TwilioError as refused:
        return answer(refused.code)


def _envelope(path: str, query: dict[str, str], found: Iterator[Text]) -> dict[str, Any]:
    size = page_size_of(query)
    page = number_of(query.get("Page"), 0)
    if query.get("PageToken", "").startswith("PB"):
        texts, more = list(found)[-size:], True
    else:
        texts = [text for text, _ in zip(found, range(size + 1), strict=False)]
        texts, more = texts[:size], len(texts) > size
    kept = {name: value for name, value in query.items() if name not in {"Page", "PageToken", "PageSize"}}

    def uri(number: int, token: str = "") -> str:
        paging = {"PageSize": size, "Page": number} | ({"PageToken": token} if token else {})
        return f"{path}?{urlencode(kept | paging)}"

    return {
        "end": page * size + max(len(texts) - 1, 0),
        "first_page_uri": uri(0),
        "messages": [as_resource(text) for text in texts],
        "next_page_uri": uri(page + 1, f"PA{texts[-1].sid}") if more and texts else None,
        "page": page,
        "page_size": size,
        "previous_page_uri": uri(page - 1, f"PB{texts[0].sid}") if page and texts else None,
        "start": page * size,
        "uri": uri(page, query.get("PageToken", "")),
    }


def _media_of(request: web.Request, text: Text) -> list[Media]:
    """The files of a text; those that an app sent get a sid that follows from the text's."""
    store, files = request.app[CARRIER].media, []
    for at, url in enumerate(text.media):
        kept = store.get(url.rpartition("/")[2]) if text.inbound else None
        files.append(kept or Media(f"ME{text.sid[4:]}{at:02x}", "application/octet-stream", url=url))
    return files


def _media_resource(text: Text, media: Media) -> dict[str, Any]:
    whole = as_resource(text)
    return {
        "account_sid": text.account,
        "content_type": media.content_type,
        "date_created": whole["date_created"],
        "date_updated": whole["date_updated"],
        "parent_sid": text.sid,
        "sid": media.sid,
        "uri": f"{resource_uri(text)}/Media/{media.sid}.json",
    }


async def media_list(request: web.Request) -> web.StreamResponse:
    """GET the media of one message."""
    early = await admitted(request)
    if early is not None:
        return early
    try:
        text = _find(request)
    except TwilioError as refused:
        return answer(refused.code)
    uri = f"{resource_uri(text)}/Media.json?PageSize=50&Page=0"
    files = [_media_resource(text, media) for media in _media_of(request, text)]
    return as_json(
        {
            "end": max(len(files) - 1, 0),
            "first_page_uri": uri,
            "media_list": files,
            "next_page_uri": None,
            "page": 0,
            "page_size": 50,
            "previous_page_uri": None,
            "start": 0,
            "uri": uri,
        }
    )


async def media(request: web.Request) -> web.StreamResponse:
    """GET one file: its resource with `.json`, else a redirect to its bytes, as the real one to its CDN."""
    early = await admitted(request)
    if early is not None:
        return early
    sid, _, form = request.match_info["media"].partition(".")
    try:
        text = _find(request)
        at, found = next((at, file) for at, file in enumerate(_media_of(request, text)) if file.sid == sid)
    except (TwilioError, StopIteration):
        return answer(20404)
    if form == "json":
        return as_json(_media_resource(text, found))
    return web.Response(status=307, headers={"Location": f"{request.url.origin()}/media/{text.sid}/{at}"})
