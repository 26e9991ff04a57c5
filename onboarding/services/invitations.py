"""Mails to staff: they answer here now. Each is claimed before it is sent, so that none goes twice."""

import time
from typing import Any

import structlog
from django.core.mail import EmailMessage, get_connection

from omega_project.lib import jobs, sql
from onboarding.services import wakeup

log = structlog.get_logger(__name__)
SLICE_SECONDS = 3.0
_LOST_SECONDS = 300
_BACKOFF = (60, 300, 1800, 7200)

# A worker that died in the middle may have sent it: nobody knows, and a person may send it again.
_LOST = """
UPDATE onboarding_invitation SET status = 'unknown', due_at = NULL, error = 'The worker was lost in mid-send.'
WHERE status = 'sending' AND due_at < clock_timestamp() RETURNING id
"""
# A sub-select in FROM may be run once for each row of a join, and so claim more than its LIMIT; a CTE is run once.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM onboarding_invitation WHERE status = 'due' AND due_at <= clock_timestamp()
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE onboarding_invitation i SET status = 'sending', attempts = i.attempts + 1,
    due_at = clock_timestamp() + make_interval(secs => %(lost)s::int)
FROM due, accounts_staff s, accounts_business b
WHERE i.id = due.id AND s.id = i.staff_id AND b.id = s.business_id
RETURNING i.id, i.attempts, s.name, s.email, s.role, b.name AS business, b.status AS business_status
"""
_SETTLE = """
UPDATE onboarding_invitation SET status = %(status)s::text, error = %(error)s::text,
    sent_at = CASE WHEN %(status)s::text = 'sent' THEN clock_timestamp() END,
    due_at = clock_timestamp() + make_interval(secs => %(wait)s::float)
WHERE id = %(id)s::bigint AND attempts = %(attempts)s::int AND status = 'sending'
"""
_AGAIN = """
UPDATE onboarding_invitation SET status = 'due', due_at = clock_timestamp(), error = ''
WHERE id = %(id)s::bigint AND status IN ('sent', 'failed', 'unknown') RETURNING id
"""
_DUE = """
SELECT 1 AS one FROM onboarding_invitation WHERE due_at <= clock_timestamp() LIMIT 1
"""
_ROLES = {"owner": "its owner", "manager": "a manager", "agent": "a member of its staff"}
_TEXT = """Hello {name},

{business} now has its messages with clients in omega, and you are there as {role}: what clients write can be \
assigned to you, and you answer in the name of {business}.

There is nothing to confirm. Whoever runs {business}'s systems tells you where to sign in.
"""


def wake_due() -> bool:
    """Wake a worker where an invitation is due; whether one is."""
    is_due = bool(sql.rows(_DUE))
    if is_due:
        wakeup.wake_invite()
    return is_due


def send_due(*, seconds: float = SLICE_SECONDS) -> bool:
    """Send what is due, over one connection, for about so long. True where the time ran out before the work."""
    sql.rows(_LOST)
    ends = time.monotonic() + seconds
    line = get_connection()
    try:
        while row := sql.row(_CLAIM, {"lost": _LOST_SECONDS}):
            _send(row, line)
            if time.monotonic() > ends or jobs.is_stopping():
                return True
    finally:
        line.close()
    return False


def _send(row: dict[str, Any], line: Any) -> None:
    error, wait = "", None
    try:
        message_of(row, line).send()
    except Exception as fault:
        # SMTP's refusals, a server that is away, an address that makes no header: the row says which.
        log.warning("invitation.failed", invitation_id=row["id"], error=repr(fault))
        error, wait = str(fault)[:500] or repr(fault), _wait(row["attempts"], fault)
    status = "sent" if not error else "due" if wait is not None else "failed"
    sql.rows(_SETTLE, {"id": row["id"], "attempts": row["attempts"], "status": status, "error": error, "wait": wait})


def _wait(attempts: int, fault: Exception) -> float | None:
    """Seconds until the next try of what surely did not go; None where there is none."""
    is_worth_it = isinstance(fault, OSError) and attempts <= len(_BACKOFF)
    return float(_BACKOFF[attempts - 1]) if is_worth_it else None


def message_of(row: dict[str, Any], line: Any = None) -> EmailMessage:
    """The mail: a plain welcome, since staff have no login of omega's own."""
    values = {"name": row["name"], "business": row["business"], "role": _ROLES[row["role"]]}
    subject = " ".join(f"{row['business']}: your messages are in omega".split())
    return EmailMessage(subject, _TEXT.format(**values), None, [row["email"]], connection=line)


def send_again(*, invitation_id: int) -> bool:
    """Send one once more, because a person wants it; False where it is on its way."""

    def work() -> bool:
        moved = bool(sql.rows(_AGAIN, {"id": invitation_id}))
        if moved:
            wakeup.wake_invite()
        return moved

    return sql.in_transaction(work)
