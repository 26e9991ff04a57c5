"""One conversation over HTTP: its timeline, search, notes, assignment, status, labels and read state."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from conversations import serializers as shapes
from conversations.models import Conversation
from conversations.services import filtering, reading, searching, threads
from conversations.views import NO_CONVERSATION, conversation_answer, conversation_or_404
from omega_project.lib import sql
from omega_project.lib.api import pagination
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound, parameter_error
from omega_project.lib.api.examples import asked

_UNREAD = """
SELECT unread_count FROM conversations_conversation
WHERE id = %(conversation_id)s::bigint AND client_id = %(client_id)s::bigint AND business_id = %(business_id)s::bigint
"""


def require_thread(ids: dict[str, int]) -> int:
    """How many unread messages the conversation has; 404 unless business, client and conversation belong together."""
    found = sql.row(_UNREAD, ids)
    if found is None:
        raise NotFound(NO_CONVERSATION)
    return int(found["unread_count"])


class Timeline(OmegaViewSet):
    """`…/conversations/{conversation_id}/messages` and its search."""

    @endpoint(
        summary="Get paginated conversation messages with filters",
        operation_id="messages_list",
        description="The timeline, newest first; `order=asc` turns it. Notes and activities stand in it too.",
        tags=["businesses"],
        query=shapes.MessagesQuery,
        answers={200: shapes.MessagePage},
        errors=(403, 404),
    )
    def list(self, request: Request, given: Given, **ids: int) -> Response:
        query: shapes.MessagesQuery = given.query
        scope = f"timeline:{ids['business_id']}:{ids['conversation_id']}:{query.order}"
        cursor = pagination.decode(query.cursor, scope)
        narrowing = filtering.messages(ids["conversation_id"], query, require_thread(ids))
        if query.q and query.q.strip():
            filtering.look_for(narrowing, query.q)
        order = reading.timeline_order(descending=query.order == "desc")
        total = reading.count_rows(reading.MESSAGES, narrowing) if query.include_total else None
        rows = reading.message_rows(narrowing, order, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=("created_at", "id"), total=total
        )
        return Response({**links, "results": [shapes.message_object(row) for row in rows]})

    @endpoint(
        summary="Search messages within a specific conversation (nested)",
        operation_id="messages_search_nested",
        description='Words, a "quoted phrase", -not, prefix*; newest first, each with its matches marked.',
        tags=["messages"],
        query=shapes.SearchQuery,
        answers={200: shapes.FoundPage},
        errors=(403, 404),
    )
    def search(self, request: Request, given: Given, **ids: int) -> Response:
        return self._found(request, given.query, ids["conversation_id"], require_thread(ids))

    @endpoint(
        summary="Search messages within a specific conversation (by id)",
        operation_id="messages_search",
        description="As the nested search, for callers that know the conversation alone.",
        tags=["messages"],
        query=shapes.SearchQuery,
        answers={200: shapes.FoundPage},
        errors=(404,),
    )
    def search_by_id(self, request: Request, given: Given, conversation_id: int) -> Response:
        mine = Conversation.objects.filter(pk=conversation_id)
        business_id = caller(request).business_id
        if business_id is not None:
            mine = mine.filter(business_id=business_id)
        unread = mine.values_list("unread_count", flat=True).first()
        if unread is None:
            raise NotFound("There is no such conversation.")
        return self._found(request, given.query, conversation_id, unread)

    def _found(self, request: Request, query: shapes.SearchQuery, conversation_id: int, unread: int) -> Response:
        scope = f"found:{conversation_id}:{query.q}"
        cursor = pagination.decode(query.cursor, scope)
        narrowing = filtering.messages(conversation_id, query, unread)
        filtering.look_for(narrowing, query.q)
        total = reading.count_rows(reading.MESSAGES, narrowing) if query.include_total else None
        rows = searching.search(narrowing, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=("created_at", "id"), total=total
        )
        results = [shapes.message_object(row) | {"snippet": row["snippet"]} for row in rows]
        return Response({**links, "results": results})


class Thread(OmegaViewSet):
    """What is done with a conversation."""

    @endpoint(
        summary="Add internal note to a client conversation",
        operation_id="notes_add",
        description="Never sent to a client; whom it mentions is notified.",
        examples=[asked({"body": "Prefers mornings.", "staff_id": 17, "mentions": [18]})],
        tags=["businesses"],
        body=shapes.Note,
        answers={201: shapes.Message},
        errors=(403, 404, 409, 413),
        idempotent=True,
    )
    def note(self, request: Request, given: Given, **ids: int) -> Response:
        conversation = conversation_or_404(ids)
        body: shapes.Note = given.body
        note_id, replayed = threads.add_note(
            conversation=conversation,
            note=threads.NewNote(
                body=body.body,
                staff_id=body.staff_id or caller(request).staff_id,
                mentions=list(dict.fromkeys(body.mentions)),
                metadata=body.metadata,
                request_id=given.request_id,
                fingerprint=given.fingerprint("notes"),
            ),
        )
        headers = {"Idempotent-Replayed": "true"} if replayed else None
        return Response(shapes.message_object(reading.messages_by_ids([note_id])[0]), status=201, headers=headers)

    @endpoint(
        summary="Assign a client conversation to a staff member",
        operation_id="conversations_assign",
        description="Notifies the old and the new assignee. `force` overrides that somebody is offline.",
        tags=["businesses"],
        query=shapes.AssignQuery,
        answers={200: shapes.Assigned},
        errors=(403, 404, 409),
    )
    def assign(self, request: Request, given: Given, **ids: int) -> Response:
        conversation = conversation_or_404(ids)
        wanted = _staff_named(given.query.assigned_to, caller(request).staff_id)
        threads.assign_conversation(
            conversation=conversation, staff_id=wanted, actor_id=caller(request).staff_id, force=given.query.force
        )
        text = "Client successfully assigned to staff member" if wanted else "Client successfully unassigned"
        return Response({"conversation_id": conversation.pk, "message": text})

    @endpoint(
        summary="Update client conversation status",
        operation_id="conversations_status",
        description="The same status again changes nothing; snoozing needs a time to come.",
        examples=[asked({"status": "snoozed", "snoozed_until": "2031-03-02T09:00:00Z"})],
        tags=["businesses"],
        body=shapes.StatusChange,
        answers={200: shapes.Conversation},
        errors=(403, 404, 409, 413),
    )
    def status(self, request: Request, given: Given, **ids: int) -> Response:
        conversation = conversation_or_404(ids)
        threads.change_status(
            conversation=conversation,
            status=given.body.status,
            snoozed_until=given.body.snoozed_until,
            actor_id=caller(request).staff_id,
        )
        return Response(conversation_answer(ids["business_id"], conversation.pk))

    @endpoint(
        summary="Set the labels of a conversation",
        operation_id="conversations_labels",
        description="The labels given take the place of those it had.",
        examples=[asked({"labels": ["vip"]})],
        tags=["businesses"],
        body=shapes.Labels,
        answers={200: shapes.Conversation},
        errors=(403, 404, 413),
    )
    def labels(self, request: Request, given: Given, **ids: int) -> Response:
        conversation = conversation_or_404(ids)
        threads.set_labels(conversation=conversation, labels=given.body.labels)
        return Response(conversation_answer(ids["business_id"], conversation.pk))

    @endpoint(
        summary="Update read status of messages using filters",
        operation_id="messages_read_status",
        audited=False,
        description="Marks the messages that all filters together choose; without a filter all of them.",
        examples=[asked({"is_read": True, "channel": "sms"})],
        tags=["businesses"],
        body=shapes.ReadStatus,
        answers={200: shapes.ReadStatusAnswer},
        errors=(403, 404, 413),
    )
    def read_status(self, request: Request, given: Given, **ids: int) -> Response:
        require_thread(ids)
        body: shapes.ReadStatus = given.body
        chosen: dict[str, Any] = {
            "ids": body.message_ids or None,
            "channel": body.channel,
            "direction": body.direction,
            "before": body.before,
            "after": body.after,
        }
        marked = threads.mark_read(conversation_id=ids["conversation_id"], is_read=body.is_read, chosen=chosen)
        return Response({"updated": marked["updated"], "unread_count": marked["unread_count"]})


def _staff_named(assigned_to: str, own: int | None) -> int | None:
    """The assignee that a query names: `none`, `me` (a token's own staff member) or an id."""
    if assigned_to == "none":
        return None
    if assigned_to != "me":
        return int(assigned_to)
    if own is None:
        raise parameter_error("assigned_to", "me needs a token of a staff member", "query")
    return own
