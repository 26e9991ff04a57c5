"""The published operations of the contract: method, path under the prefix, summary. (api.md, 6)"""

THREAD = "/businesses/{business_id}/clients/{client_id}/conversations/{conversation_id}"

BUILT = [
    ("GET", "/health", "Get Health"),
    ("GET", "/health/db", "Check Db Connection"),
    ("POST", "/sms/queue", "Queue SMS for sending and database recording"),
    ("POST", "/sms/record", "Record SMS message in database without sending"),
    ("POST", "/sms/status", "Update SMS delivery status"),
    ("POST", "/email/queue", "Queue email for sending and database recording"),
    ("POST", "/email/record", "Record email message in database without sending"),
    ("POST", "/email/status", "Update email delivery status"),
    (
        "GET",
        "/businesses/{business_id}/conversations",
        "Get paginated list of client conversations for a business",
    ),
    ("POST", f"{THREAD}/notes", "Add internal note to a client conversation"),
    ("GET", "/businesses/{business_id}/locations", "Get list of business locations"),
    (
        "POST",
        "/businesses/{business_id}/clients/{client_id}/conversations",
        "Create or retrieve client conversation",
    ),
    ("GET", "/businesses/{business_id}/conversations/filters", "Get available conversation filters"),
    ("GET", f"{THREAD}/messages", "Get paginated conversation messages with filters"),
    ("POST", f"{THREAD}/assignment", "Assign a client conversation to a staff member"),
    ("POST", f"{THREAD}/status", "Update client conversation status"),
    ("POST", f"{THREAD}/messages/read-status", "Update read status of messages using filters"),
    (
        "GET",
        "/businesses/{business_id}/clients/{client_id}",
        "Get detailed client profile and conversation information",
    ),
    ("GET", "/businesses/{business_id}/clients", "Get paginated list of clients for a business"),
    ("GET", "/businesses/{business_id}/staffs/{staff_id}", "Get detailed profile of a specific staff member"),
    ("GET", "/businesses/{business_id}/staffs", "Get paginated list of staff members for a business"),
    ("POST", "/messages/retry", "Retry Processing of Failed Messages (platform)"),
    ("POST", "/businesses/{business_id}/messages/retry", "Retry Processing of Failed Messages (business)"),
    ("GET", "/messages/requests/{request_id}", "Get messages by request ID (platform)"),
    (
        "GET",
        "/businesses/{business_id}/messages/requests/{request_id}",
        "Get messages by request ID (business)",
    ),
    (
        "GET",
        "/conversations/{conversation_id}/messages/search",
        "Search messages within a specific conversation (by id)",
    ),
    ("GET", f"{THREAD}/messages/search", "Search messages within a specific conversation (nested)"),
    ("POST", "/messages", "Process and record messages from any supported channel"),
    ("POST", "/email/inbound/{provider}", "Take in a client's e-mail from a provider"),
    ("POST", "/email/webhook", "Handle external email provider webhooks"),
    ("POST", "/twilio/sms/reply", "Process incoming SMS replies via Twilio webhook"),
    ("POST", "/twilio/sms/status", "Process SMS delivery status updates from Twilio"),
    ("POST", "/auth/token", "Generate Auth Token"),
    ("POST", "/session/expire", "Expire Session"),
    ("GET", "/voice-calls/token", "Get Token"),
    ("POST", "/voice-calls/twiml", "Handle Twiml Call"),
    ("POST", "/twilio/voice/status", "Update voice call status in DB"),
    ("POST", "/business/onboard", "Onboard a business"),
    ("GET", "/business/onboard/{onboarding_id}", "Get business onboarding status"),
]

# Published, and not built yet: whoever builds one moves it up.
COMING: list[tuple[str, str, str]] = []
