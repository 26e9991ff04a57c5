"""What happens in a business, over HTTP: a feed that a reader goes on from, and the same as server-sent events."""

from typing import Annotated, Any

from django.http import HttpResponse
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.change_serializers import ChangeObject, change_object, cursor_of, scope_of
from conversations.services import changes
from omega_project.lib.api import pagination
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import Fault, Gone, ParameterError
from omega_project.lib.api.fields import Query, QueryInt
from omega_project.lib.api.pagination import FeedCursorText
from omega_project.lib.api.rendering import dumps

# How long a browser waits until it asks again; where there is more at once, hardly at all.
RETRY_MS, AT_ONCE_MS = 1000, 10
_HEADER = ("header", "Last-Event-ID")


class ChangesAnswer(BaseModel):
    results: list[ChangeObject]
    next_cursor: str
    has_more: bool


class ChangesQuery(Query):
    """Without `after`, from the oldest kept."""

    after: Annotated[FeedCursorText, Field(description="A `cursor` or `next_cursor`.")] | None = None
    limit: Annotated[QueryInt, Field(ge=1, le=500, description="Changes in an answer.")] = 100


class EventsQuery(Query):
    after: Annotated[FeedCursorText, Field(description="As `Last-Event-ID`, which goes first.")] | None = None


def _position(business_id: int, text: str | None, where: tuple[str, str] = ("query", "after")) -> int | None:
    try:
        cursor = pagination.decode(text, scope_of(business_id))
    except ParameterError:
        raise ParameterError([Fault(where, "is not a cursor of this feed")]) from None
    return int(cursor.key[0]) if cursor else None


def _read(business_id: int, after: int | None, limit: int) -> changes.Page:
    try:
        return changes.read(business_id=business_id, after=after, limit=limit)
    except changes.Forgotten:
        sentence = f"Changes after this cursor are not kept any more ({changes.KEPT_DAYS} days): please begin anew."
        raise Gone(sentence, "cursor_expired") from None


class Changes(OmegaViewSet):
    """`…/changes` and `…/events`."""

    @endpoint(
        summary="Get what changed in a business since a cursor",
        operation_id="changes_list",
        description=(
            "In order, and nothing is left out: store `next_cursor` with what you made of `results` and go on from "
            "it. Each change shows its thing as it is now, so that the same thing may show twice the same. Changes "
            "are kept for seven days; a cursor older than that is 410 `cursor_expired`."
        ),
        tags=["changes"],
        query=ChangesQuery,
        answers={200: ChangesAnswer},
        errors=(403, 404, 410),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        page = _read(business_id, _position(business_id, given.query.after), given.query.limit)
        return Response({
            "results": [change_object(business_id, one) for one in page.changes],
            "next_cursor": cursor_of(business_id, page.position),
            "has_more": page.has_more,
        })  # fmt: skip

    @endpoint(
        summary="Get what happens in a business as server-sent events",
        operation_id="changes_stream",
        description=(
            "The feed of changes as `text/event-stream`: `id` is the cursor, `event` the type, `data` the change. The "
            "stream ends after what there is, and an EventSource asks again by itself within a second (`retry`) with "
            "`Last-Event-ID`: nothing is missed in between. Without a cursor it begins with what comes now."
        ),
        tags=["changes"],
        query=EventsQuery,
        answers={200: "Events, as text/event-stream."},
        errors=(403, 404, 410),
    )
    def stream(self, request: Request, given: Given, business_id: int) -> Any:
        seen = request.headers.get("last-event-id")
        after = _position(business_id, seen, _HEADER) if seen else _position(business_id, given.query.after)
        if after is None:
            after = changes.end(business_id)
        page = _read(business_id, after, 100)
        return _event_stream(business_id, page)


def _event_stream(business_id: int, page: changes.Page) -> HttpResponse:
    lines = [f"retry: {AT_ONCE_MS if page.has_more else RETRY_MS}\n\n".encode()]
    for one in page.changes:
        told = change_object(business_id, one)
        lines.append(f"id: {told['cursor']}\nevent: {one.kind}\ndata: ".encode() + dumps(told) + b"\n\n")
    # An id alone is no event, but the next request begins behind it.
    lines.append(f"id: {cursor_of(business_id, page.position)}\n\n".encode())
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return HttpResponse(b"".join(lines), content_type="text/event-stream", headers=headers)
