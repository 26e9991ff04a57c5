"""What the inbox can be filtered on, with live counts over a business's newest conversations."""

from collections import Counter
from typing import Any

from omega_project.lib import sql

# Counts look at so many of the newest conversations and no further: never a business's whole history.
COUNTED = 10_000
# One walk for all five; `kind` is the bit mask of the columns that a row does not speak of.
_COUNTS = """
SELECT GROUPING(status, channels, assigned_to_id, location_id, labels) AS kind,
    status, channels, assigned_to_id, location_id, labels, count(*)::int AS n
FROM (
    SELECT status, channels, assigned_to_id, location_id, labels FROM conversations_conversation
    WHERE business_id = %(business)s::bigint AND merged_into_id IS NULL
    ORDER BY last_message_at DESC, id DESC LIMIT %(most)s::int
) newest
GROUP BY GROUPING SETS ((status), (channels), (assigned_to_id), (location_id), (labels))
"""
_COLUMNS = {15: "status", 23: "channels", 27: "assigned_to_id", 29: "location_id", 30: "labels"}
_MOST_LABELS = 200
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
    counts = _counts(sql.rows(_COUNTS, params))
    staff = {row["value"]: row["label"] for row in sql.rows(_STAFF, params)}
    locations = {row["value"]: row["label"] for row in sql.rows(_LOCATIONS, params)}
    labels = sorted(counts["labels"].items(), key=lambda one: (-one[1], one[0]))[:_MOST_LABELS]
    everything = counts["status"].total()
    return {
        "statuses": _listed(STATUSES, counts["status"]),
        "channels": _listed(CHANNELS, counts["channels"]),
        "assignees": _listed({"none": "Nobody"} | staff, counts["assigned_to_id"]),
        "locations": _listed(locations, counts["location_id"]),
        "labels": _listed({name: name for name, _ in labels}, counts["labels"]),
        "sorts": [{"value": value, "label": label, "count": everything} for value, label in SORTS.items()],
    }


def _counts(rows: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """By column: how many conversations have each value, each of the values where there are several."""
    found: dict[str, Counter[str]] = {column: Counter() for column in _COLUMNS.values()}
    for row in rows:
        column = _COLUMNS[row["kind"]]
        value = row[column]
        for one in value if isinstance(value, list) else ["none" if value is None else str(value)]:
            found[column][one] += row["n"]
    return found


def _listed(names: dict[str, str], counts: Counter[str]) -> list[dict[str, Any]]:
    return [{"value": value, "label": label, "count": counts[value]} for value, label in names.items()]
