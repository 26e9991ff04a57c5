"""What a window hears, as server-sent events; and the stream's short form, for who runs no process for the long one.

Ids are places in the business's feed of changes, so that a window whose connection was cut goes on where it was.
"""

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from conversations.services import changes
from messaging.console.rooms import number, room_of

MOST_LINES = 500
# How long a browser waits until it asks again, of the short form and of the long one.
RETRY_SHORT_MS, RETRY_MS = 1500, 1000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event(name: str, data: Any, position: int | None = None) -> bytes:
    """One event of the stream."""
    place = f"id: {position}\n".encode() if position is not None else b""
    return place + f"event: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


def told(lines: list[changes.Line]) -> bytes:
    """Some changes as one event: of each its kind, its own id, and its conversation's."""
    return event("changes", [[one.kind, one.subject_id, one.conversation_id] for one in lines], lines[-1].position)


def backlog(business_id: int, after: int | None) -> tuple[bytes, int]:
    """What a window has missed since its place, and the place that it has reached."""
    if after is None:
        return b"", changes.end(business_id)
    found, position = [], after
    try:
        while lines := changes.lines(business_id=business_id, after=position, limit=MOST_LINES):
            found.append(told(lines))
            position = lines[-1].position
    except changes.Forgotten:  # away for longer than changes are kept: it loads everything anew
        position = changes.end(business_id)
        return event("anew", {}, position), position
    return b"".join(found), position


def place_of(request: HttpRequest) -> int | None:
    """Where a window wants to go on: what it heard last, else what its page was made from."""
    return number(request.headers.get("last-event-id")) or number(request.GET.get("after"))


def short(request: HttpRequest) -> HttpResponse:
    """What there is now and no more: the browser asks again by itself."""
    room = room_of(request)
    missed, position = backlog(room.business.pk, place_of(request))
    # An id alone is no event, but the next request begins behind it.
    body = f"retry: {RETRY_SHORT_MS}\n\n".encode() + missed + f"id: {position}\n\n".encode()
    return HttpResponse(body, content_type="text/event-stream", headers=HEADERS)
