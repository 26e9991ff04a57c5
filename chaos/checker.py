"""The checker: the callers' own notes, the carrier's ledger and omega's rows, laid beside each other.

It uses none of omega's code. Each check gives sentences; none means that the promise was kept.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chaos.journal import Heard, Said

Row = dict[str, Any]
ENDS = frozenset({"delivered", "read", "failed", "undelivered", "blocked", "canceled", "sent"})
_RANK = {"scheduled": 0, "queued": 1, "sending": 2, "unknown": 2, "sent": 3, "delivered": 4, "undelivered": 4,
         "failed": 4, "blocked": 4, "canceled": 4, "read": 5}  # fmt: skip
# How long one that waits on a retry holds the next back (delivery.md, 3).
HELD_SECONDS = 300


@dataclass(slots=True)
class Evidence:
    """Everything that is compared."""

    said: list[Said]
    heard: list[Heard]
    ledger: list[Row]
    messages: list[Row]
    events: list[Row]
    clients: list[Row]
    changes: list[Row]
    attempts: list[Row]
    strange: list[str] = field(default_factory=list)
    doctor: list[str] = field(default_factory=list)


def lost(found: Evidence) -> Iterable[str]:
    """Accepted and not there, or there and not at an end; at an end that the ledger contradicts; said and not heard."""
    by_request = {(row["business_id"], row["request_id"]): row for row in found.messages}
    carried = Counter(entry["body"] for entry in found.ledger)
    for said in found.said:
        if not said.is_accepted:
            continue
        row = by_request.get((said.business_id, said.request_id))
        if row is None:
            yield f"{said.request_id} was accepted ({said.status}) and has no message"
        elif row["status"] not in ENDS:
            yield f"{said.request_id} (message {row['id']}) is still {row['status']}: {row['error_message']}"
        elif row["status"] in {"sent", "delivered", "read"} and not carried[said.body]:
            yield f"{said.request_id} (message {row['id']}) is {row['status']}, and the carrier never had it"
    inbound = Counter(row["provider_message_id"] for row in found.messages if row["direction"] == "inbound")
    bodies = {row["body"] for row in found.messages if row["direction"] == "inbound"}
    for heard in found.heard:
        if heard.body not in bodies if heard.is_mail else not inbound[heard.sid]:
            yield f"what {heard.sender} wrote ({heard.sid} {heard.body!r}) is in no conversation"


def doubled(found: Evidence) -> Iterable[str]:
    """In the ledger twice, in the timeline twice, or handed over though its caller was told that it is canceled."""
    for body, count in Counter(entry["body"] for entry in found.ledger).items():
        if body.startswith("chaos ") and count > 1:
            yield f"the carrier has {body!r} {count} times"
    inbound = Counter(row["provider_message_id"] for row in found.messages if row["direction"] == "inbound")
    for sid, count in inbound.items():
        if sid and count > 1:
            yield f"the text {sid} is {count} messages"
    mails = Counter(row["body"] for row in found.messages if row["body"].startswith("mail "))
    yield from (f"{body!r} is {count} messages" for body, count in mails.items() if count > 1)
    requests = Counter((row["business_id"], row["request_id"]) for row in found.messages)
    yield from (f"{key[1]} made {count} messages" for key, count in requests.items() if count > 1)
    carried = {entry["body"] for entry in found.ledger}
    for said in found.said:
        if said.kind == "canceled" and said.body in carried:
            yield f"{said.request_id} was canceled and went all the same"


def out_of_order(found: Evidence) -> Iterable[str]:
    """Two messages to one client from one business that left in another order than they were queued in."""
    by_body = {row["body"]: row for row in found.messages if row["direction"] == "outbound"}
    queues: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for entry in found.ledger:
        row = by_body.get(entry["body"])
        if row is not None:
            queues[row["business_id"], entry["to"]].append(row)
    for (_, to), rows in queues.items():
        for first, second in itertools.pairwise(rows):
            held = first["hold_until"] is not None and first["attempts"] > 1
            if first["position"] > second["position"] and not (held or _was_retried_by_hand(second)):
                yield f"to {to}: {first['body']!r} left before {second['body']!r}, which was queued before it"


def _was_retried_by_hand(row: Row) -> bool:
    return bool(row["attempts_allowed"] > 6)


def backwards(found: Evidence) -> Iterable[str]:
    """A status that moved to an earlier one, but for a new try of what had not left."""
    by_message: dict[int, list[Row]] = defaultdict(list)
    for event in found.events:
        by_message[event["message_id"]].append(event)
    for message_id, events in by_message.items():
        for event in events:
            before, after = _RANK.get(event["from_status"], 0), _RANK.get(event["status"], 0)
            tried_again = event["status"] in {"queued", "unknown"} and event["from_status"] in {
                "sending", "unknown", "failed", "undelivered",
            }  # fmt: skip
            if after < before and not tried_again:
                yield f"message {message_id} went from {event['from_status']} to {event['status']}"


def after_opt_out(found: Evidence) -> Iterable[str]:
    """Handed over by a claim that was made after a STOP had been written."""
    changes: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for change in found.changes:
        changes[change["business_id"], change["address"]].append(change)
    by_id = {row["id"]: row for row in found.messages}
    for attempt in found.attempts:
        row = by_id.get(attempt["message_id"])
        if row is None or attempt["outcome"] != "accepted":
            continue
        before = [c for c in changes[row["business_id"], row["to_address"]] if c["at"] < attempt["started_at"]]
        if before and max(before, key=lambda c: c["id"])["state"] == "opted_out":
            yield f"message {row['id']} was handed over after {row['to_address']} had said stop"


def conversation_doubled(found: Evidence) -> Iterable[str]:
    """Two clients of one business with one phone."""
    phones = Counter((row["business_id"], row["phone"]) for row in found.clients if row["phone"])
    yield from (f"{phone} is {count} clients of business {business}" for (business, phone), count in phones.items()
                if count > 1)  # fmt: skip


def other_tenant(found: Evidence) -> Iterable[str]:
    """A message in another business than its caller named."""
    by_request = {row["request_id"]: row for row in found.messages}
    for said in found.said:
        row = by_request.get(said.request_id)
        if row is not None and row["business_id"] != said.business_id:
            yield f"{said.request_id} of business {said.business_id} stands in business {row['business_id']}"


def answers(found: Evidence) -> Iterable[str]:
    """Answers that nobody should ever get: a 500, or what is no JSON."""
    yield from found.strange


def sums(found: Evidence) -> Iterable[str]:
    """What `manage.py doctor` finds: counters, last messages, tenants, history, outbox."""
    yield from found.doctor


CHECKS = {
    "lost": lost, "doubled": doubled, "out of order": out_of_order, "status gone backwards": backwards,
    "sent after opt-out": after_opt_out, "conversation doubled": conversation_doubled,
    "another tenant's row": other_tenant, "strange answers": answers, "unread, last message, sums": sums,
}  # fmt: skip


def verdict(found: Evidence) -> dict[str, list[str]]:
    """Every check's sentences."""
    return {name: list(check(found)) for name, check in CHECKS.items()}
