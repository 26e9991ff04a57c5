"""What in this app's tables is about a client, and what is plain (omega_project/lib/masking.py)."""

from omega_project.lib import masking

_OF_MESSAGE = ("message_id", "conversations_message")

masking.declare("conversations_conversation", plain={"channels", "labels"})
masking.declare(
    "conversations_message",
    plain={
        "accepted_status",
        "request_id",
        "request_hash",
        "provider",
        "provider_message_id",
        "error_code",
        "decision",
    },
    masks={
        "call": "{value} - 'from' - 'to' - 'recording_url'",
        "metadata": "jsonb_strip_nulls("
        "jsonb_build_object('held', {value} -> 'held', 'automatic', {value} -> 'automatic'))",
    },
)
masking.declare("conversations_messageevent", plain={"from_status", "status", "source"}, through=_OF_MESSAGE)
# A picture is a client's words too: what is not open has no link to it.
masking.declare(
    "conversations_attachment",
    plain={"content_type"},
    masks={"status": "'linked'", "source_url": "''", "file": "''", "name": f"'{masking.HIDDEN}'"},
    through=_OF_MESSAGE,
)
masking.declare("conversations_notification", plain={"kind"}, through=("conversation_id", "conversations_conversation"))
masking.declare("conversations_clientmerge", client="kept_id")
masking.declare_plain("conversations_seen", "conversations_savedview")
