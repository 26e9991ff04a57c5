"""What in this app's tables is about a client, and what is plain (omega_project/lib/masking.py)."""

from omega_project.lib import masking

masking.declare_plain("voice_voicesettings", "voice_recording")
masking.declare(
    "voice_call", plain={"sid", "account_id", "dial_status"}, through=("message_id", "conversations_message")
)
masking.declare("voice_leg", plain={"sid", "status"}, through=("call_id", "voice_call"))
