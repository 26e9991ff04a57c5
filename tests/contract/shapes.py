"""The objects of the HTTP contract: the keys that each must have, no more and no fewer (api.md, 5)."""

import re

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
MESSAGE = {
    "id", "request_id", "business_id", "client_id", "conversation_id", "channel", "direction", "status", "body",
    "subject", "html", "from", "to", "cc", "bcc", "staff_id", "provider", "provider_message_id", "error",
    "attempts", "segments", "media", "call", "is_read", "read_at", "scheduled_at", "created_at", "sent_at",
    "delivered_at", "metadata",
}  # fmt: skip
CONVERSATION = {
    "id", "business_id", "client", "location_id", "status", "assigned_to", "unread_count", "channels",
    "last_message", "labels", "snoozed_until", "first_response_at", "created_at", "updated_at", "closed_at",
}  # fmt: skip
CLIENT = {
    "id", "external_id", "first_name", "last_name", "name", "phone", "email", "timezone", "locale",
    "home_location_id", "tags", "consent", "created_at", "updated_at",
}  # fmt: skip
STATS = {"messages_in", "messages_out", "calls", "first_contact_at", "last_contact_at"}
LAST_MESSAGE = {"id", "channel", "direction", "preview", "status", "at"}
MEDIA = {"id", "url", "content_type", "size", "name"}
ACCEPTED = {"request_id", "message_id", "conversation_id", "client_id", "status", "segments"}
DRY_RUN = {
    "dry_run", "would", "reason", "from", "to", "segments", "encoding", "ucs2_characters", "consent", "release_at",
    "body",
}  # fmt: skip
FAULT = {"loc", "msg", "type"}


def assert_keys(given, wanted):
    assert set(given) == wanted, {"missing": wanted - set(given), "more": set(given) - wanted}


def assert_times(thing):
    """Every time in it is RFC 3339 in UTC with a Z."""
    for name, value in thing.items():
        if (name.endswith("_at") or name == "at") and value is not None:
            assert TIME.match(value), (name, value)


def assert_error(answer, status, code):
    """An error in the contract's shape."""
    assert answer.status == status, (answer.status, answer.raw[:500])
    assert answer.body["code"] == code, answer.body
    assert isinstance(answer.body["detail"], str)
    assert answer.body["detail"]
    assert "Traceback" not in answer.body["detail"]


def assert_faults(answer, *fields):
    """A 422 in the contract's shape that names these fields, such as `body.to`."""
    assert answer.status == 422, (answer.status, answer.raw[:500])
    assert set(answer.body) == {"detail"}
    for fault in answer.body["detail"]:
        assert_keys(fault, FAULT)
        assert fault["loc"][0] in {"path", "query", "header", "body"}
        assert fault["msg"]
    assert set(fields) <= answer.faulty, (set(fields) - answer.faulty, answer.body)
