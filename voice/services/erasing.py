"""A client is erased: whom their calls rang goes, nothing more is told of them, recordings go at the provider too."""

from omega_project.lib import sql

_CALLS = """
WITH theirs AS (
    UPDATE voice_call c SET is_final = true, look_at = NULL FROM conversations_message m
    WHERE m.id = c.message_id AND m.client_id = ANY(%(clients)s::bigint[]) RETURNING c.id
), legs AS (
    UPDATE voice_leg l SET to_address = '' FROM theirs WHERE l.call_id = theirs.id
)
UPDATE voice_recording r SET removed_at = COALESCE(r.removed_at, clock_timestamp()),
    erase_at = CASE WHEN r.erased_at IS NULL THEN clock_timestamp() END
FROM theirs WHERE r.call_id = theirs.id
"""


def erase_calls(client_ids: list[int]) -> None:
    """Forget what calls with these clients say of them; their recordings are removed at the provider by the sweep."""
    sql.in_transaction(lambda: sql.rows(_CALLS, {"clients": client_ids}))
