"""What in this app's tables is about a client, and what is plain (omega_project/lib/masking.py)."""

from omega_project.lib import masking

_OF_MESSAGE = ("message_id", "conversations_message")
_OF_CLIENT = """EXISTS (
    SELECT 1 FROM accounts_client c WHERE c.id = ANY((SELECT omega_masked.opened('clients'))::bigint[])
        AND c.business_id = t.business_id AND t.address IN (c.phone, c.email)
)"""

masking.declare_plain(
    "messaging_template", "messaging_consentkeyword", "messaging_carriercode", "messaging_watermark",
    "messaging_reportfigure", "messaging_webhookendpoint",
)  # fmt: skip
masking.declare("messaging_attempt", plain={"worker", "code", "provider_message_id"}, through=_OF_MESSAGE)
masking.declare("messaging_email", through=_OF_MESSAGE, masks={"source": "''"})
masking.declare(
    "messaging_webhookevent",
    plain={"provider", "kind", "content_type", "dedupe_key"},
    masks={"url": "omega_masked.sentence({value})"},
    through=_OF_MESSAGE,
)
masking.declare("messaging_webhookdelivery", plain={"webhook_id", "type", "error"})
masking.declare("messaging_consent", also=_OF_CLIENT)
masking.declare("messaging_consentchange", plain={"source"}, also=_OF_CLIENT)
