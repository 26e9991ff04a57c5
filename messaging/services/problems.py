"""Failed and unknown messages by their reasons: the operators' board."""

from datetime import datetime
from typing import Any

from omega_project.lib import sql

# Behind so many of the latest nobody looks for a reason any more, and the board stays quick.
MOST = 20_000
MOST_GROUPS = 200
_GROUPS = """
WITH latest AS (
    SELECT id, business_id, channel, direction, status, error_code, error_message, error_retryable, created_at,
        due_at IS NOT NULL AS is_ours
    FROM conversations_message
    WHERE status IN ('failed', 'undelivered', 'blocked', 'unknown')
        AND (%(business)s::bigint IS NULL OR business_id = %(business)s::bigint)
        AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s::timestamptz)
    ORDER BY id DESC LIMIT %(most)s
)
SELECT channel, status, error_code, count(*) AS count, count(DISTINCT business_id) AS businesses,
    bool_or(error_retryable) AS is_retryable, bool_or(is_ours) AS is_ours, min(created_at) AS first_at,
    max(created_at) AS last_at, (array_agg(id ORDER BY id DESC))[1:3] AS samples,
    (array_agg(error_message ORDER BY id DESC))[1] AS sentence
FROM latest GROUP BY channel, status, error_code ORDER BY count(*) DESC, max(id) DESC LIMIT %(groups)s
"""


def problem_groups(*, business_id: int | None = None, since: datetime | None = None) -> list[dict[str, Any]]:
    """The latest failed, undelivered, blocked and unknown messages by channel, status and code, the most first.

    Of each group: how many, in how many businesses, whether trying again can help, its latest sentence and three ids.
    """
    return sql.rows(_GROUPS, {"business": business_id, "since": since, "most": MOST, "groups": MOST_GROUPS})
