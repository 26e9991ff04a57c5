"""How long a sender's queue is, and so when a message that joins it will go.

A sender with a rate of its own goes by that; another one by what left its queue of late. The counts are taken each
second by the sweep, and no further than a glance; the door looks besides at the first few hundred of a sender with a
rate, since those come faster than they go.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from omega_project.lib import sql

# A wait shorter than this is none that anybody has to be told of.
NOTICEABLE_SECONDS = 10
# How far a queue is counted each second: behind it the answer names a time that is too early.
MOST_COUNTED = 20_000
# A count older than this says nothing any more.
_FRESH_SECONDS = 5
# Senders with fewer than so many queued are not written down.
_WORTH_COUNTING = 20

# The senders that have something queued, and one row of NULL behind them: a loose scan of the index `outbox`. The claim
# begins with it too.
QUEUED_SENDERS = """
WITH RECURSIVE active AS (
    (SELECT sender_id FROM conversations_message WHERE status = 'queued' AND due_at IS NOT NULL
     AND sender_id IS NOT NULL ORDER BY sender_id LIMIT 1)
    UNION ALL
    SELECT (SELECT m.sender_id FROM conversations_message m WHERE m.status = 'queued' AND m.due_at IS NOT NULL
            AND m.sender_id > a.sender_id ORDER BY m.sender_id LIMIT 1)
    FROM active a WHERE a.sender_id IS NOT NULL
)"""
_SAMPLE = f"""{QUEUED_SENDERS}, counted AS (
    SELECT a.sender_id, c.*, b.sender_id IS NOT NULL AS is_known, b.high + b.normal + b.bulk - c.left_over AS gone,
        EXTRACT(EPOCH FROM clock_timestamp() - b.measured_at)::float AS seconds
    FROM active a LEFT JOIN messaging_senderqueue b ON b.sender_id = a.sender_id CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE q.priority = 0)::int AS high,
            count(*) FILTER (WHERE q.priority = 1)::int AS normal,
            count(*) FILTER (WHERE q.priority = 2)::int AS bulk, count(*)::int AS queued,
            count(*) FILTER (WHERE q.position <= b.last_position)::int AS left_over,
            COALESCE(max(q.position), 0) AS last_position
        FROM (
            SELECT m.priority, m.position FROM conversations_message m
            WHERE m.status = 'queued' AND m.due_at IS NOT NULL AND m.sender_id = a.sender_id
            LIMIT %(most)s::int
        ) q
    ) c WHERE a.sender_id IS NOT NULL
)
INSERT INTO messaging_senderqueue AS k (sender_id, high, normal, bulk, last_position, per_second, measured_at)
SELECT sender_id, high, normal, bulk, last_position, NULL, clock_timestamp() FROM counted
WHERE (is_known OR queued >= %(worth)s::int) AND (seconds IS NULL OR seconds > 0.5) ORDER BY sender_id
ON CONFLICT (sender_id) DO UPDATE SET high = EXCLUDED.high, normal = EXCLUDED.normal, bulk = EXCLUDED.bulk,
    last_position = EXCLUDED.last_position, measured_at = EXCLUDED.measured_at,
    per_second = (SELECT CASE WHEN c.seconds > %(fresh)s::int OR c.gone IS NULL THEN NULL
        ELSE COALESCE(k.per_second, GREATEST(0, c.gone) / c.seconds) * 0.7 + GREATEST(0, c.gone) / c.seconds * 0.3 END
        FROM counted c WHERE c.sender_id = k.sender_id)
RETURNING sender_id
"""  # noqa: S608  our own words
# For the door's statement (services/parties.py), where `s` is the sender: what is ahead by priority, how fast it goes.
AHEAD = """
    (SELECT ARRAY[q.high, q.normal, q.bulk] FROM messaging_senderqueue q
     WHERE q.sender_id = s.id AND q.measured_at > clock_timestamp() - interval '5 seconds') AS ahead,
    COALESCE(s.messages_per_second::float, (SELECT q.per_second FROM messaging_senderqueue q
        WHERE q.sender_id = s.id AND q.measured_at > clock_timestamp() - interval '5 seconds')) AS per_second,
    CASE WHEN s.messages_per_second IS NOT NULL THEN (
        SELECT ARRAY[count(*) FILTER (WHERE q.priority = 0), count(*) FILTER (WHERE q.priority = 1),
            count(*) FILTER (WHERE q.priority = 2)]::int[]
        FROM (SELECT m.priority FROM conversations_message m
              WHERE m.status = 'queued' AND m.due_at IS NOT NULL AND m.sender_id = s.id LIMIT 500) q) END AS first_ahead
"""


@dataclass(slots=True)
class Queue:
    """What is queued at a sender, by priority, and how many a second leave it; None where nobody knows."""

    ahead: list[int]
    per_second: float | None

    def joins(self, priority: int) -> None:
        """One more of this priority stands in it."""
        self.ahead[priority] += 1

    def expected_at(self, priority: int, now: datetime) -> datetime | None:
        """When one that joins now will go; None where that is at once, or nobody knows."""
        if not self.per_second:
            return None
        seconds = sum(self.ahead[: priority + 1]) / self.per_second
        if seconds < NOTICEABLE_SECONDS:
            return None
        return (now + timedelta(seconds=min(seconds, 30 * 86400))).replace(microsecond=0)


def queue_of(ahead: list[int] | None, first_ahead: list[int] | None, per_second: float | None) -> Queue:
    """The queue of what the door's statement found: what was counted, and what it saw itself."""
    both = zip(ahead or [0, 0, 0], first_ahead or [0, 0, 0], strict=True)
    return Queue([max(pair) for pair in both], per_second)


def count_queues() -> int:
    """Count what is queued at each sender that has much, and how fast it goes; how many senders."""
    params = {"most": MOST_COUNTED, "worth": _WORTH_COUNTING, "fresh": _FRESH_SECONDS}
    return len(sql.rows(_SAMPLE, params))
