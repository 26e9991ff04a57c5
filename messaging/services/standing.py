"""How a business stands at this moment: what waits to be sent, whom its people have open, whether its senders work."""

from typing import Any

from messaging.services import circuits
from omega_project.lib import sql

MOST = 1000

_WAITING = """
SELECT count(*)::int AS count, min(due_at) AS oldest FROM (
    SELECT m.due_at FROM accounts_sender s CROSS JOIN (VALUES (0), (1), (2)) AS p(priority) CROSS JOIN LATERAL (
        SELECT due_at FROM conversations_message
        WHERE status = 'queued' AND due_at IS NOT NULL AND sender_id = s.id AND priority = p.priority
            AND due_at <= clock_timestamp()
        ORDER BY due_at LIMIT %(most)s::int
    ) m WHERE s.business_id = %(business)s::bigint LIMIT %(most)s::int
) x
"""
_OPEN = """
SELECT v.assigned_to_id AS staff, count(*)::int AS count FROM conversations_conversation v
JOIN accounts_staff s ON s.id = v.assigned_to_id AND s.business_id = %(business)s::bigint
WHERE v.assigned_to_id IS NOT NULL AND v.status = 'open' GROUP BY 1
"""
_SENDERS = """
SELECT s.id, s.channel, s.address, s.provider, h.inbound_at, h.receipt_at,
    h.inbound_silent_since IS NOT NULL AS no_inbound, h.receipts_silent_since IS NOT NULL AS no_receipts
FROM accounts_sender s LEFT JOIN messaging_hearing h ON h.sender_id = s.id
WHERE s.business_id = %(business)s::bigint AND s.is_active ORDER BY s.channel, s.id LIMIT 100
"""


def waiting(business_id: int) -> dict[str, Any]:
    """How many messages could go now (a thousand at most), and since when the oldest."""
    return sql.rows(_WAITING, {"business": business_id, "most": MOST})[0]


def open_by_staff(business_id: int) -> dict[int, int]:
    """How many open conversations each staff member has; of those who have some."""
    return {row["staff"]: row["count"] for row in sql.rows(_OPEN, {"business": business_id})}


def senders(business_id: int) -> list[dict[str, Any]]:
    """The business's active senders; `shut`: why their provider's account takes nothing now, or None."""
    found = sql.rows(_SENDERS, {"business": business_id})
    by_provider = {
        provider: circuits.shut_for(business_id=business_id, provider=provider)
        for provider in {row["provider"] for row in found}
    }
    return [row | {"shut": by_provider[row["provider"]]} for row in found]
