"""An inbox as people look at it: its folders, how many wait in each, its labels, and what stands beside a thread."""

from typing import Any

from conversations.services.reading import Narrowing
from omega_project.lib import sql

# Counts look at so many of the open conversations, the newest first: a person sees "99+" long before.
COUNTED = 1000
# What stands beside a thread is looked for among so many of its newest entries: a long one is not walked.
_NEAR = 2000
_COUNTS = """
SELECT count(*)::int AS "all", count(*) FILTER (WHERE assigned_to_id IS NULL)::int AS unassigned,
    count(*) FILTER (WHERE assigned_to_id = %(staff)s::bigint)::int AS mine
FROM (
    SELECT assigned_to_id FROM conversations_conversation
    WHERE business_id = %(business)s::bigint AND status = 'open' AND merged_into_id IS NULL
    ORDER BY last_message_at DESC, id DESC LIMIT %(most)s::int
) newest
"""
_MENTIONS = """v.id = ANY(ARRAY(
    SELECT n.conversation_id FROM conversations_notification n
    WHERE n.staff_id = %(mentioned)s::bigint AND n.kind = 'mention' ORDER BY n.id DESC LIMIT 1000))"""
_LABELS = """
SELECT label, count(*)::int AS n FROM (
    SELECT labels FROM conversations_conversation
    WHERE business_id = %(business)s::bigint AND merged_into_id IS NULL
    ORDER BY last_message_at DESC, id DESC LIMIT 5000
) newest, unnest(labels) AS label GROUP BY label ORDER BY n DESC, label LIMIT 100
"""
_BESIDE = """
SELECT m.id, m.channel, m.body, m.created_at, m.staff_id FROM (
    SELECT id, channel, created_at FROM conversations_message
    WHERE conversation_id = %(conversation)s::bigint ORDER BY created_at DESC, id DESC LIMIT %(near)s::int
) near JOIN conversations_message m ON m.id = near.id
WHERE near.channel IN ('voice', 'note') ORDER BY near.created_at DESC, near.id DESC LIMIT 12
"""


def counts(*, business_id: int, staff_id: int | None) -> dict[str, int]:
    """How many open conversations there are, of nobody, and of this staff member; no further than COUNTED."""
    return sql.rows(_COUNTS, {"business": business_id, "staff": staff_id, "most": COUNTED})[0]


def mentioning(narrowing: Narrowing, staff_id: int) -> None:
    """Narrow conversations to those in whose notes this staff member is mentioned."""
    narrowing.add(_MENTIONS, mentioned=staff_id)
    narrowing.plan_anew = True


def labels(*, business_id: int) -> list[str]:
    """The labels of a business's newest conversations, the most used first."""
    return [row["label"] for row in sql.rows(_LABELS, {"business": business_id})]


def beside(*, conversation_id: int) -> dict[str, list[dict[str, Any]]]:
    """A conversation's latest calls and notes, by channel."""
    rows = sql.rows(_BESIDE, {"conversation": conversation_id, "near": _NEAR})
    return {channel: [row for row in rows if row["channel"] == channel] for channel in ("voice", "note")}
