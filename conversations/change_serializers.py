"""A change of the feed as a reader gets it: over HTTP, as a server-sent event, and pushed to the host platform."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from conversations import serializers as shapes
from conversations.services import changes
from omega_project.lib.api import pagination

ChangeType = Literal["message.created", "message.updated", "conversation.updated", "assignment.created", "call.updated"]


class AssignmentObject(BaseModel):
    """A conversation's new owner; `staff_id` null: nobody."""

    id: int
    conversation_id: int
    staff_id: int | None
    previous_id: int | None
    actor_id: int | None
    forced: bool
    at: datetime


class ChangeObject(BaseModel):
    """One change; `data` is the message, conversation or assignment as it is now."""

    cursor: str
    type: ChangeType
    at: datetime
    data: shapes.Message | shapes.Conversation | AssignmentObject


_RENDERERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "message": shapes.message_object,
    "conversation": shapes.conversation_object,
    "assignment": dict,
}


def scope_of(business_id: int) -> str:
    """What a cursor of the business's feed is signed with."""
    return f"changes:{business_id}"


def cursor_of(business_id: int, position: int) -> str:
    return pagination.encode(pagination.Cursor((position,), backwards=False), scope_of(business_id))


def change_object(business_id: int, change: changes.Change) -> dict[str, Any]:
    """A ChangeObject."""
    return {
        "cursor": cursor_of(business_id, change.position),
        "type": change.kind,
        "at": change.at,
        "data": _RENDERERS[change.thing](change.row),
    }
