"""Suspending a business: it receives and records, and sends nothing; and what becomes of what it had queued.

What it wants to send while it is suspended is blocked at the door. What was accepted before waits: claiming leaves it
alone. When the business is resumed, that goes, in its order, but for what has been due for too long to make sense to
its reader: that is blocked, and says why. So a suspension by mistake loses nothing, and one of a month sends no
reminder of last month's visit.
"""

from datetime import timedelta

from accounts.models import Business
from messaging.services import wakeup
from omega_project.lib import sql

# What was due longer ago than that is not sent any more.
KEEPS = timedelta(days=1)
SENTENCE = "The business was suspended when this was due."

_SET = """
UPDATE accounts_business SET status = %(status)s::text, updated_at = clock_timestamp()
WHERE id = %(id)s::bigint AND status <> %(status)s::text RETURNING id
"""
_DROP = """
WITH stale AS (
    SELECT id, status FROM conversations_message
    WHERE business_id = %(id)s::bigint AND status IN ('queued', 'scheduled') AND due_at IS NOT NULL
        AND due_at <= clock_timestamp() - make_interval(secs => %(keeps)s::float)
    ORDER BY id FOR UPDATE
), dropped AS (
    UPDATE conversations_message m SET status = 'blocked', lease_until = NULL, error_code = 'business_suspended',
        error_message = %(sentence)s::text, error_retryable = false
    FROM stale WHERE m.id = stale.id RETURNING m.id, stale.status AS was
)
INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
SELECT id, was, 'blocked', 'resume', '', clock_timestamp() FROM dropped RETURNING id
"""


def suspend_business(*, business_id: int) -> bool:
    """Nothing of it is handed to a provider from now on, but for what is in a worker's hands. False: it was so."""
    return bool(sql.rows(_SET, {"id": business_id, "status": Business.Status.SUSPENDED}))


def resume_business(*, business_id: int, keeps: timedelta = KEEPS) -> int | None:
    """It sends again. What has been due for longer than `keeps` is blocked; how many. None: it was not suspended."""

    def work() -> int | None:
        if not sql.rows(_SET, {"id": business_id, "status": Business.Status.ACTIVE}):
            return None
        params = {"id": business_id, "keeps": keeps.total_seconds(), "sentence": SENTENCE}
        dropped = len(sql.rows(_DROP, params))
        wakeup.wake_dispatch(1)
        return dropped

    return sql.in_transaction(work)
