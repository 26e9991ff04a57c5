"""A call that nobody answered: unread, told to whom it concerns, and answered by a text; each of it once."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from accounts.models import Client, Staff
from conversations.models import Conversation
from conversations.services import threads
from conversations.services.notifying import notify
from voice.models import Call, Leg
from voice.services import texting

_MOST_TOLD = 10


def note_missed(row: Mapping[str, Any]) -> None:
    """Mark the call's message unread, open its conversation, tell staff, text the client back. The call is locked."""
    Call.objects.filter(pk=row["id"]).update(missed_at=timezone.now())
    threads.take_up(row["conversation_id"], row["created_at"])
    threads.mark_read(conversation_id=row["conversation_id"], is_read=False, chosen={"ids": [row["message_id"]]})
    conversation = Conversation.objects.select_related("client").get(pk=row["conversation_id"])
    notify(
        conversation=conversation,
        staff_ids=_concerned(row, conversation),
        kind="missed_call",
        text=f"Missed call from {conversation.client}.",
    )
    told = texting.text_back(call=row, client=Client.objects.get(pk=row["client_id"]))
    Call.objects.filter(pk=row["id"]).update(text_back=told[:255])


def _concerned(row: Mapping[str, Any], conversation: Conversation) -> set[int]:
    """The assignee; else those at whom it rang; else those who run the business."""
    if conversation.assigned_to_id is not None:
        return {conversation.assigned_to_id}
    rung = Leg.objects.filter(call_id=row["id"], staff__isnull=False).values_list("staff_id", flat=True)
    if found := {one for one in rung if one is not None}:
        return found
    leaders = Staff.objects.in_business(conversation.business_id).filter(is_active=True, role__in=["owner", "manager"])
    return set(leaders.order_by("pk").values_list("pk", flat=True)[:_MOST_TOLD])
