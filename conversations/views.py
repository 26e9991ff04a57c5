"""The thread over HTTP: lists, timeline, assignment, status, notes, read state."""

from typing import Any

from django.http import FileResponse, Http404, HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Location, Staff
from conversations import media_links
from conversations import serializers as shapes
from conversations.models import Attachment, Conversation
from conversations.services import choices, filtering, reading, threads
from omega_project.lib import sql
from omega_project.lib.api import pagination
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound, parameter_error
from omega_project.lib.api.examples import asked
from omega_project.lib.reach import everything

NO_CONVERSATION = "There is no such conversation of this client in this business."


def conversation_or_404(ids: dict[str, int]) -> Conversation:
    """The conversation that a path names, with business, client and conversation belonging together."""
    found = (
        Conversation.objects.for_client(ids["business_id"], ids["client_id"]).filter(pk=ids["conversation_id"]).first()
    )
    if found is None:
        raise NotFound(NO_CONVERSATION)
    return found


def conversation_answer(business_id: int, conversation_id: int) -> dict[str, Any]:
    row = reading.conversation_row(business_id=business_id, conversation_id=conversation_id)
    if row is None:
        raise NotFound(NO_CONVERSATION)
    return shapes.conversation_object(row)


class Conversations(OmegaViewSet):
    """`/businesses/{business_id}/conversations` and `…/clients/{client_id}/conversations`."""

    @endpoint(
        summary="Get paginated list of client conversations for a business",
        operation_id="conversations_list",
        description="One thread per client, newest first unless `sort` says otherwise; all filters together.",
        tags=["businesses"],
        query=shapes.ConversationsQuery,
        answers={200: shapes.ConversationPage},
        errors=(403, 404),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        query: shapes.ConversationsQuery = given.query
        order = filtering.CONVERSATION_ORDERS[query.sort]
        scope = f"conversations:{business_id}:{query.sort}:{order.name}"
        cursor = pagination.decode(query.cursor, scope)
        narrowing = filtering.conversations(business_id, query, self._staff(request, query.assigned_to))
        total = reading.count_rows(reading.CONVERSATIONS, narrowing) if query.include_total else None
        rows = reading.conversation_rows(narrowing, order, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=order.keys, total=total
        )
        return Response({**links, "results": [shapes.conversation_object(row) for row in rows]})

    def _staff(self, request: Request, assigned_to: str | None) -> int | None:
        if assigned_to in {None, "none"}:
            return None
        if assigned_to != "me":
            return int(str(assigned_to))
        staff_id = caller(request).staff_id
        if staff_id is None:
            raise parameter_error("assigned_to", "me needs a token of a staff member", "query")
        return staff_id

    @endpoint(
        summary="Get available conversation filters",
        operation_id="conversations_filters",
        tags=["businesses"],
        answers={200: shapes.Filters},
        errors=(403, 404),
        description="Counts look at the newest 10,000 conversations of the business.",
    )
    def filters(self, request: Request, given: Given, business_id: int) -> Response:
        return Response(choices.filters(business_id=business_id))

    @endpoint(
        summary="Create or retrieve client conversation",
        operation_id="conversations_open",
        description="201 where it was made, 200 where it was there; two at once get the same one.",
        examples=[asked({"location_id": 3, "assigned_to": 17})],
        tags=["businesses"],
        body=shapes.OpenConversation,
        answers={200: shapes.Conversation, 201: shapes.Conversation},
        errors=(403, 404, 409),
    )
    def open(self, request: Request, given: Given, business_id: int, client_id: int) -> Response:
        body: shapes.OpenConversation = given.body
        self._require_client(business_id, client_id, body)
        conversation_id, made = threads.create_or_retrieve(
            business_id=business_id, client_id=client_id, location_id=body.location_id,
            assigned_to=body.assigned_to, actor_id=caller(request).staff_id,
        )  # fmt: skip
        return Response(conversation_answer(business_id, conversation_id), status=201 if made else 200)

    def _require_client(self, business_id: int, client_id: int, body: shapes.OpenConversation) -> None:
        client = sql.row(
            "SELECT 1 AS one FROM accounts_client WHERE id = %(c)s::bigint AND business_id = %(b)s::bigint",
            {"c": client_id, "b": business_id},
        )
        if client is None:
            raise NotFound("There is no such client in this business.")
        if body.location_id and not Location.objects.in_business(business_id).filter(pk=body.location_id).exists():
            raise NotFound("There is no such location in this business.")
        if body.assigned_to and not Staff.objects.in_business(business_id).filter(pk=body.assigned_to).exists():
            raise NotFound("There is no such staff member in this business.")


@everything()  # the signed token names the one file
def media(request: HttpRequest, token: str) -> FileResponse:
    """Our copy of an attachment, by its signed link. Nothing in it can run in the page's place."""
    attachment_id = media_links.attachment_id_of(token)
    attachment = Attachment.objects.filter(pk=attachment_id, status="stored").first() if attachment_id else None
    if attachment is None:
        raise Http404
    response = FileResponse(
        attachment.file.open("rb"),
        as_attachment=not media_links.is_shown(attachment.content_type),
        filename=attachment.name,
        content_type=media_links.served_type(attachment.content_type),
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return response
