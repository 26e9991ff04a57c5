"""What belongs to one log-in alone: how far it has read each conversation, and its own views of an inbox."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from conversations.models import Conversation, Message, SavedView
from conversations.services.threads import mark_read
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict, NotFound, parameter_error

MOST_VIEWS = 30
Mark = tuple[datetime, int]
# To the newest entry, and never back: two windows of one person may tell it in any order.
_SEE = """
INSERT INTO conversations_seen (user_id, conversation_id, at, message_id)
SELECT %(user)s::bigint, v.id, v.last_message_at, COALESCE(v.last_message_id, 0)
FROM conversations_conversation v WHERE v.id = %(conversation)s::bigint
ON CONFLICT (user_id, conversation_id) DO UPDATE SET at = EXCLUDED.at, message_id = EXCLUDED.message_id
WHERE (conversations_seen.at, conversations_seen.message_id) < (EXCLUDED.at, EXCLUDED.message_id)
"""
_UNSEE = """
INSERT INTO conversations_seen (user_id, conversation_id, at, message_id)
VALUES (%(user)s::bigint, %(conversation)s::bigint, %(at)s::timestamptz, %(before)s::bigint)
ON CONFLICT (user_id, conversation_id) DO UPDATE SET at = EXCLUDED.at, message_id = EXCLUDED.message_id
"""
_MARKS = """
SELECT conversation_id, at, message_id FROM conversations_seen
WHERE user_id = %(user)s::bigint AND conversation_id = ANY(%(ids)s::bigint[])
"""


def see(*, user_id: int, conversation_id: int) -> None:
    """This log-in has read the conversation to its end."""
    sql.rows(_SEE, {"user": user_id, "conversation": conversation_id})


def unsee_from(*, user_id: int, conversation: Conversation, message_id: int) -> int:
    """From this message on it is unread again: to this log-in, and in the conversation's own count.

    How many messages became unread; 404 where the message is not in this conversation.
    """
    at = Message.objects.filter(pk=message_id, conversation=conversation).values_list("created_at", flat=True).first()
    if at is None:
        raise NotFound("There is no such message in this conversation.")
    ids = Message.objects.filter(conversation=conversation, direction="inbound", created_at__gte=at)
    chosen = {"ids": list(ids.order_by("-created_at").values_list("pk", flat=True)[:1000])}

    def work() -> int:
        sql.rows(_UNSEE, {"user": user_id, "conversation": conversation.pk, "at": at, "before": message_id - 1})
        done = mark_read(conversation_id=conversation.pk, is_read=False, chosen=chosen) if chosen["ids"] else {}
        return done.get("updated", 0)

    return sql.in_transaction(work)


def marks_of(*, user_id: int, conversation_ids: Iterable[int]) -> dict[int, Mark]:
    """How far this log-in has read each of these, by the conversation's id; none where it never looked."""
    ids = list(conversation_ids)
    rows = sql.rows(_MARKS, {"user": user_id, "ids": ids}) if ids else []
    return {row["conversation_id"]: (row["at"], row["message_id"]) for row in rows}


def views_of(*, user_id: int, business_id: int) -> QuerySet[SavedView]:
    """This log-in's views of a business's inbox, by name."""
    return SavedView.objects.filter(user_id=user_id, business_id=business_id).order_by("name")


def save_view(*, user_id: int, business_id: int, name: str, query: str) -> SavedView:
    """Keep a view by its name; one of the same name is replaced. 409 `too_many_views` where there are many."""
    if not name or len(name) > 60:
        raise parameter_error("name", "must have 1 to 60 characters")
    others = views_of(user_id=user_id, business_id=business_id).exclude(name=name)
    if others.count() >= MOST_VIEWS:
        raise Conflict(f"You have {MOST_VIEWS} views already: remove one first.", "too_many_views")
    kept, _ = SavedView.objects.update_or_create(
        user_id=user_id, business_id=business_id, name=name, defaults={"query": query}
    )
    return kept


def remove_view(*, user_id: int, business_id: int, view_id: int) -> None:
    """Forget a view; one that is not there is forgotten already."""
    views_of(user_id=user_id, business_id=business_id).filter(pk=view_id).delete()
