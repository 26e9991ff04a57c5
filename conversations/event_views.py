"""What happens in a business as server-sent events: what there is now, and the door of the stream that stays open."""

from typing import Annotated, Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from pydantic import Field
from rest_framework.request import Request

from accounts.authentication import ApiKeyAuthentication, CookieAuthentication, TokenAuthentication
from accounts.tickets import TicketAuthentication, ticket_for
from conversations.change_serializers import change_object, cursor_of
from conversations.change_views import position_of, read
from conversations.services import changes
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.fields import Query
from omega_project.lib.api.pagination import FeedCursorText
from omega_project.lib.api.rendering import dumps

# How long a browser waits until it asks again; where there is more at once, hardly at all.
RETRY_MS, AT_ONCE_MS = 1000, 10
_HEADER = ("header", "Last-Event-ID")
_TYPE = "text/event-stream"


class EventsQuery(Query):
    after: Annotated[FeedCursorText, Field(description="As `Last-Event-ID`, which goes first.")] | None = None
    ticket: (
        Annotated[str, Field(max_length=512, description="Stands in the address that a 307 names; good for a minute.")]
        | None
    ) = None


class EventStream(HttpResponse):
    """What there is. Where `stays` is true, whoever can hold the connection goes on from `position`."""

    def __init__(self, business_id: int, page: changes.Page, key: tuple[int, int | None], *, stays: bool) -> None:
        self.business_id, self.position, self.key, self.stays = business_id, page.position, key, stays
        retry = AT_ONCE_MS if page.has_more and not stays else RETRY_MS
        chunks = [f"retry: {retry}\n\n".encode(), *(event(business_id, one) for one in page.changes)]
        # An id alone is no event, but the next request begins behind it.
        chunks.append(f"id: {cursor_of(business_id, page.position)}\n\n".encode())
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(b"".join(chunks), content_type=_TYPE, headers=headers)


def event(business_id: int, change: changes.Change) -> bytes:
    """One change as an event: `id` its cursor, `event` its type, `data` the ChangeObject."""
    told = change_object(business_id, change)
    return f"id: {told['cursor']}\nevent: {change.kind}\ndata: ".encode() + dumps(told) + b"\n\n"


class Events(OmegaViewSet):
    """`…/events`."""

    authentication_classes = [TicketAuthentication, ApiKeyAuthentication, TokenAuthentication, CookieAuthentication]

    @endpoint(
        summary="Get what happens in a business as server-sent events",
        operation_id="changes_stream",
        description=(
            "The feed of changes as `text/event-stream`: `id` is the cursor, `event` the type, `data` the change. "
            "Asked with `Accept: text/event-stream` the connection stays open and tells what happens within a second; "
            "a comment each 15 seconds shows that it lives. It ends when the key or token does. Where another "
            "address holds such connections, the answer is 307 to it. Without that header, and where nothing holds "
            "connections, it ends after what there is, and an EventSource asks again by itself within a second "
            "(`retry`) with `Last-Event-ID`: nothing is missed in between. Without a cursor it begins with what comes "
            "now."
        ),
        tags=["changes"],
        query=EventsQuery,
        answers={200: "Events, as text/event-stream.", 307: "Where the connection can be held."},
        errors=(403, 404, 410),
    )
    def stream(self, request: Request, given: Given, business_id: int) -> Any:
        seen = request.headers.get("last-event-id")
        after = position_of(business_id, seen, _HEADER) if seen else position_of(business_id, given.query.after)
        if after is None:
            after = changes.end(business_id)
        # The program that can hold connections says so of its requests.
        can_stay = getattr(request._request, "can_stay", False)
        wants_to_stay = request.method == "GET" and _TYPE in request.headers.get("accept", "")
        if wants_to_stay and not can_stay and settings.LIVE_BASE_URL:
            return _elsewhere(request, business_id, after)
        by = caller(request)
        page = read(business_id, after, 100)
        return EventStream(business_id, page, (by.key_id, by.token_id), stays=wants_to_stay and can_stay)


def _elsewhere(request: Request, business_id: int, after: int) -> HttpResponse:
    query = {"after": cursor_of(business_id, after), "ticket": ticket_for(request, business_id)}
    address = f"{settings.LIVE_BASE_URL}{request.path}?{urlencode(query)}"
    return HttpResponse(status=307, headers={"Location": address, "Cache-Control": "no-store"})
