"""What a report counts, of some days of one business: read from the conversations that moved since the first of them.

No index is there for reports alone: the writes would pay for it. Few conversations moved lately, however long the
history is; older days are counted once, by `report_days`, and again when something of them changes.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from omega_project.lib import sql

# An answer is the first message to a client who has been waiting: its time runs from the first one that nobody
# answered. Bulk mail answers nobody. A resolution runs from the (re)opening to the closing.
ENTRIES = """
WITH bound AS (
    SELECT * FROM unnest(%(days)s::date[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS b(day, starts, ends)
), moved AS MATERIALIZED (
    SELECT id, location_id, assigned_to_id, created_at, first_inbound_at FROM conversations_conversation
    WHERE business_id = %(business)s::bigint AND updated_at >= %(since)s::timestamptz
), entry AS MATERIALIZED (
    SELECT b.day, v.id AS thread, v.location_id, v.assigned_to_id, COALESCE(v.first_inbound_at, v.created_at) AS begun,
        m.*
    FROM moved v CROSS JOIN LATERAL (
        SELECT id, channel, direction, status, error_code, staff_id, created_at, priority, metadata
        FROM conversations_message
        WHERE conversation_id = v.id AND created_at >= %(since)s::timestamptz AND created_at < %(until)s::timestamptz
        OFFSET 0  -- thread by thread: joined freely, the whole table of every business would be read
    ) m JOIN bound b ON m.created_at >= b.starts AND m.created_at < b.ends
), answer AS (
    SELECT e.day, e.id, e.thread, e.created_at, e.channel, e.direction, e.status, e.error_code, e.staff_id,
        e.location_id, extract(epoch FROM e.created_at - asked.at)::int AS seconds
    FROM entry e CROSS JOIN LATERAL (
        SELECT p.direction FROM conversations_message p
        WHERE p.conversation_id = e.thread AND (p.created_at, p.id) < (e.created_at, e.id)
          AND p.direction <> 'internal' AND p.status NOT IN ('blocked', 'canceled', 'scheduled')
        ORDER BY p.created_at DESC, p.id DESC LIMIT 1
    ) latest CROSS JOIN LATERAL (
        SELECT min(q.created_at) AS at FROM conversations_message q
        WHERE q.conversation_id = e.thread AND q.direction = 'inbound' AND q.created_at <= e.created_at
          AND q.created_at > COALESCE((
            SELECT o.created_at FROM conversations_message o
            WHERE o.conversation_id = e.thread AND (o.created_at, o.id) < (e.created_at, e.id)
              AND o.direction = 'outbound' AND o.status NOT IN ('blocked', 'canceled', 'scheduled')
            ORDER BY o.created_at DESC, o.id DESC LIMIT 1), '-infinity')
    ) asked
    WHERE e.direction = 'outbound' AND e.priority < 2 AND e.status NOT IN ('blocked', 'canceled', 'scheduled')
      AND latest.direction = 'inbound' AND asked.at IS NOT NULL
), closing AS (
    SELECT e.day, e.id, e.thread, e.created_at, ''::text AS channel, ''::text AS direction, e.status, e.error_code,
        COALESCE(e.staff_id, e.assigned_to_id) AS staff_id, e.location_id,
        GREATEST(0, extract(epoch FROM e.created_at - COALESCE(opened.at, e.begun)))::int AS seconds
    FROM entry e LEFT JOIN LATERAL (
        SELECT a.created_at AS at FROM conversations_message a
        WHERE a.conversation_id = e.thread AND a.channel = 'activity' AND a.metadata ->> 'event' = 'status'
          AND a.metadata ->> 'previous' = 'closed' AND (a.created_at, a.id) < (e.created_at, e.id)
        ORDER BY a.created_at DESC, a.id DESC LIMIT 1
    ) opened ON true
    WHERE e.channel = 'activity' AND e.metadata ->> 'event' = 'status' AND e.metadata ->> 'status' = 'closed'
)
"""
FIGURES = (
    ENTRIES
    + """
SELECT day, 'messages' AS kind, channel, direction, status, CASE WHEN status IN ('failed', 'undelivered', 'blocked')
    THEN error_code ELSE '' END AS error_code, staff_id, location_id, NULL::int AS hour, count(*)::int AS count,
    NULL::int[] AS seconds
FROM entry WHERE channel <> 'activity' GROUP BY 1, 3, 4, 5, 6, 7, 8
UNION ALL
SELECT day, 'hour', channel, direction, '', '', NULL::bigint, NULL::bigint,
    extract(hour FROM created_at AT TIME ZONE %(zone)s::text)::int, count(*)::int, NULL::int[]
FROM entry WHERE channel <> 'activity' GROUP BY 1, 3, 4, 9
UNION ALL
SELECT day, 'response', channel, 'outbound', '', '', staff_id, location_id, NULL::int, count(*)::int, array_agg(seconds)
FROM answer GROUP BY 1, 3, 7, 8
UNION ALL
SELECT day, 'resolution', '', '', '', '', staff_id, location_id, NULL::int, count(*)::int, array_agg(seconds)
FROM closing GROUP BY 1, 7, 8
"""
)


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a local day begins and ends, in UTC; 23 or 25 hours apart where the clocks change."""
    begins, ends = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    return begins, ends


def params(business_id: int, days: Sequence[date], zone: ZoneInfo) -> dict[str, Any]:
    """What `FIGURES` wants, of at least one day."""
    limits = [bounds(day, zone) for day in days]
    return {
        "business": business_id, "days": list(days), "starts": [one[0] for one in limits],
        "ends": [one[1] for one in limits], "since": min(one[0] for one in limits),
        "until": max(one[1] for one in limits), "zone": zone.key,
    }  # fmt: skip


def read(business_id: int, days: Sequence[date], zone: ZoneInfo) -> list[dict[str, Any]]:
    """The figures of these days as they are now."""
    return sql.rows(FIGURES, params(business_id, days, zone), plan_anew=True) if days else []
