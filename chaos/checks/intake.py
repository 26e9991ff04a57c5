"""What came in: each text, mail and call in its conversation, once."""

from collections import Counter
from collections.abc import Iterable

from chaos.evidence import Evidence


def lost_intake(found: Evidence) -> Iterable[str]:
    """Said by a client, and in no conversation."""
    inbound = [row for row in found.messages if row["direction"] == "inbound"]
    texts = {row["provider_message_id"] for row in inbound if row["channel"] == "sms"}
    mails = {row["body"] for row in inbound if row["channel"] == "email"}
    for heard in found.heard:
        if heard.kind == "text" and heard.sid not in texts:
            yield f"what {heard.sender} wrote ({heard.sid} {heard.body!r}) is in no conversation"
        elif heard.kind == "mail" and heard.body not in mails:
            yield f"the mail of {heard.sender} ({heard.body!r}) is in no conversation"
    known = {row["sid"] for row in found.calls}
    for call in found.calls_placed:
        if call["id"] not in known and _was_taken(call):
            yield f"the call {call['id']} of {call['from']} was answered by us, and is in no conversation"


def _was_taken(call: dict[str, object]) -> bool:
    """Whether omega answered its first request with a way on; one that it refused to place rings nobody."""
    requests = call["requests"]
    first = requests[0] if isinstance(requests, list) and requests else None
    return bool(first and first["http_status"] == 200 and (call["direction"] == "inbound" or call["legs"]))


def doubled_intake(found: Evidence) -> Iterable[str]:
    """In a conversation twice."""
    inbound = [row for row in found.messages if row["direction"] == "inbound"]
    texts = Counter(row["provider_message_id"] for row in inbound if row["channel"] == "sms")
    yield from (f"the text {sid} is {count} messages" for sid, count in texts.items() if sid and count > 1)
    mails = Counter(row["body"] for row in inbound if row["body"].startswith("mail "))
    yield from (f"{body!r} is {count} messages" for body, count in mails.items() if count > 1)
    calls = Counter(row["provider_message_id"] for row in found.messages if row["channel"] == "voice")
    yield from (f"the call {sid} is {count} messages" for sid, count in calls.items() if sid and count > 1)
