"""What the inbox can be filtered on, with live counts over a business's newest conversations."""

from typing import Any

from omega_project.lib import sql

# Counts look at so many of the newest conversations and no further: never a business's whole history.
COUNTED = 10_000
_COUNTS = """
WITH newest AS MATERIALIZED (
    SELECT status, channels, assigned_to_id, location_id, labels FROM conversations_conversation
    WHERE business_id = %(business)s::bigint AND merged_into_id IS NULL
    ORDER BY last_message_at DESC, id DESC LIMIT %(most)s::int
)
SELECT 'status' AS kind, status AS value, count(*)::int AS n FROM newest GROUP BY status
UNION ALL SELECT 'channel', channel, count(*)::int FROM newest, unnest(channels) AS channel GROUP BY channel
UNION ALL SELECT 'assignee', COALESCE(assigned_to_id::text, 'none'), count(*)::int FROM newest GROUP BY assigned_to_id
UNION ALL SELECT 'location', location_id::text, count(*)::int FROM newest
    WHERE location_id IS NOT NULL GROUP BY location_id
UNION ALL (SELECT 'label', label, count(*)::int FROM newest, unnest(labels) AS label
    GROUP BY label ORDER BY 3 DESC, 2 LIMIT 200)
"""
_STAFF = """
SELECT id::text AS value, name AS label FROM accounts_staff
WHERE business_id = %(business)s::bigint AND is_active ORDER BY name, id LIMIT 1000
"""
_LOCATIONS = """
SELECT id::text AS value, name AS label FROM accounts_location
WHERE business_id = %(business)s::bigint AND is_active ORDER BY name, id LIMIT 1000
"""
STATUSES = {"open": "Open", "pending": "Pending", "snoozed": "Snoozed", "closed": "Closed"}
CHANNELS = {"sms": "SMS", "email": "E-mail", "voice": "Calls"}
SORTS = {
    "-last_message_at": "Newest message first",
    "last_message_at": "Oldest message first",
    "-created_at": "Newest conversation first",
    "unread_first": "Unread first",
}


def filters(*, business_id: int) -> dict[str, list[dict[str, Any]]]:
    """Statuses, channels, assignees, locations, labels and sorts, each with value, label and count."""
    params = {"business": business_id, "most": COUNTED}
    counts: dict[str, dict[str, int]] = {}
    for row in sql.rows(_COUNTS, params):
        counts.setdefault(row["kind"], {})[row["value"]] = row["n"]
    staff = {row["value"]: row["label"] for row in sql.rows(_STAFF, params)}
    locations = {row["value"]: row["label"] for row in sql.rows(_LOCATIONS, params)}
    labels = {name: name for name in counts.get("label", {})}
    everything = sum(counts.get("status", {}).values())
    return {
        "statuses": _listed(STATUSES, counts.get("status", {})),
        "channels": _listed(CHANNELS, counts.get("channel", {})),
        "assignees": _listed({"none": "Nobody"} | staff, counts.get("assignee", {})),
        "locations": _listed(locations, counts.get("location", {})),
        "labels": _listed(labels, counts.get("label", {})),
        "sorts": [{"value": value, "label": label, "count": everything} for value, label in SORTS.items()],
    }


def _listed(names: dict[str, str], counts: dict[str, int]) -> list[dict[str, Any]]:
    return [{"value": value, "label": label, "count": counts.get(value, 0)} for value, label in names.items()]
