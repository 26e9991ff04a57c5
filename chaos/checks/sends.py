"""What left omega: nothing lost, nothing twice, in order, never back, and never to who said stop."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from chaos.evidence import Evidence, Row
from chaos.journal import Said

ENDS = frozenset({"delivered", "read", "failed", "undelivered", "blocked", "canceled", "sent"})
_WENT = {"sent", "delivered", "read", "undelivered"}
_RANK = {"scheduled": 0, "queued": 1, "sending": 2, "unknown": 2, "sent": 3, "delivered": 4, "undelivered": 4,
         "failed": 4, "blocked": 4, "canceled": 4, "read": 5}  # fmt: skip
_FINAL_OF_A_TEXT = {"delivered", "undelivered", "failed"}
# A claim looks at the consents when its statement begins, and writes its time some moments later.
CLAIM_SECONDS = 0.5
# Two words of one client that were said closer together than this have no sure order.
APART_SECONDS = 5.0
# A report that was taken is heeded by then, also where it waited on the disk for the database.
HEED_SECONDS = 10.0


def lost_sends(found: Evidence) -> Iterable[str]:
    """Accepted and not there, or there and not at an end, or at an end that the ledger contradicts."""
    by_request = {(row["business_id"], row["request_id"]): row for row in found.messages}
    carried: dict[str, list[Row]] = defaultdict(list)
    for entry in found.ledger:
        carried[entry["body"]].append(entry)
    again = _by_hand(found)
    for said in found.said:
        if said.is_accepted and said.request_id:
            row = by_request.get((said.business_id, said.request_id))
            if row is None:
                yield f"{said.request_id} was accepted ({said.status}) and has no message"
            elif said.channel != "note":
                yield from _at_its_end(said, row, carried[said.body], again[row["id"]])


def _at_its_end(said: Said, row: Row, entries: list[Row], again: int) -> Iterable[str]:
    name = f"{said.request_id} (message {row['id']})"
    if row["status"] not in ENDS and not is_left_to_a_person(row):
        yield f"{name} is still {row['status']}: {row['error_message']}"
    elif row["status"] in _WENT and not entries:
        yield f"{name} is {row['status']}, and the carrier never had it"
    elif row["channel"] == "sms" and entries and row["status"] in {"sent", "failed", "blocked", "canceled"}:
        carrier_says = entries[-1]["status"]
        if again and carrier_says == "undelivered" and row["status"] in {"blocked", "canceled"}:
            return  # it came back, was tried again, and was held back before the carrier had it once more
        if carrier_says in {"delivered", "undelivered"} and not (row["status"] == "failed" and len(entries) > 1):
            yield f"{name} is {row['status']}: {row['error_message']}; at the carrier it is {carrier_says}"


def _by_hand(found: Evidence) -> Counter[Any]:
    """How often each message that came back was tried again by hand."""
    return Counter(
        event["message_id"] for event in found.events
        if event["detail"] == "tried again by hand" and event["from_status"] == "undelivered"
    )  # fmt: skip


def is_left_to_a_person(row: Row) -> bool:
    """A mail of which nobody could tell twice: shown to staff, and never sent again by itself (decision 12)."""
    return row["channel"] == "email" and row["status"] == "unknown" and row["lease_until"] is None


def doubled_sends(found: Evidence) -> Iterable[str]:
    """In the ledger twice, made twice by one request, or handed over though its caller was told that it is canceled."""
    by_body: dict[str, list[Row]] = defaultdict(list)
    for entry in found.ledger:
        if entry["body"].startswith("chaos "):
            by_body[entry["body"]].append(entry)
    rows = {row["body"]: row for row in found.messages if row["direction"] == "outbound"}
    by_hand = _by_hand(found)
    for body, entries in by_body.items():
        row = rows.get(body)
        allowed = 1 + (by_hand[row["id"]] if row else 0) + _untold(entries)
        if len(entries) > allowed:
            yield f"the carrier has {body!r} {len(entries)} times"
    requests = Counter((row["business_id"], row["request_id"]) for row in found.messages)
    yield from (f"{key[1]} made {count} messages" for key, count in requests.items() if count > 1)
    for said in found.said:
        if said.kind == "canceled" and said.body in by_body:
            yield f"{said.request_id} was canceled and went all the same"


def _untold(entries: list[Row]) -> int:
    """Mails that the provider took and had not told of by the next: silence counts once as not taken (decision 12)."""
    silent = [
        one for one, following in itertools.pairwise(entries)
        if one["provider"] == "sendgrid" and not _was_told(one, _time(following["at"]))
    ]  # fmt: skip
    return min(1, len(silent))


def _was_told(entry: Row, before: datetime) -> bool:
    """Whether omega took the provider's word for it, and had a moment to heed it."""
    return any(
        200 <= (call["http_status"] or 0) < 300 and _time(call["at"]) < before - timedelta(seconds=HEED_SECONDS)
        for call in entry["callbacks"]
    )


def out_of_order(found: Evidence) -> Iterable[str]:
    """Two messages to one client from one business that left in another order than they were queued in.

    Passed by is only one that held the next back for its full time, or whose call and the other's were at one time.
    """
    by_body = {row["body"]: row for row in found.messages if row["direction"] == "outbound"}
    said = {one.body: one for one in found.said if one.request_id}
    queues: dict[tuple[int, str, str], list[tuple[Row, Row]]] = defaultdict(list)
    for entry in found.ledger:
        row = by_body.get(entry["body"])
        if row is not None:
            queues[row["business_id"], row["channel"], row["to_address"]].append((row, entry))
    for (_, _, to), handed in queues.items():
        for (first, entry), (second, _) in itertools.pairwise(handed):
            if first["position"] > second["position"] and not _may_pass(first, entry, second, said):
                yield f"to {to}: {first['body']!r} left before {second['body']!r}, which was queued before it"


def _may_pass(first: Row, entry: Row, second: Row, said: dict[str, Said]) -> bool:
    if second["hold_until"] is not None and second["hold_until"] <= _time(entry["at"]) + timedelta(seconds=1):
        return True
    one, other = said.get(first["body"]), said.get(second["body"])
    return one is None or other is None or not other.is_before(one)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def backwards(found: Evidence) -> Iterable[str]:
    """A status that moved to an earlier one, but for a new try of what had not left; a text's end is final."""
    channels = {row["id"]: row["channel"] for row in found.messages}
    for event in found.events:
        was, now = event["from_status"], event["status"]
        tried_again = now in {"queued", "unknown"} and was in {"sending", "unknown", "failed", "undelivered"}
        swapped = was != now and {was, now} <= _FINAL_OF_A_TEXT and channels.get(event["message_id"]) == "sms"
        if (_RANK.get(now, 0) < _RANK.get(was, 0) and not tried_again) or swapped:
            yield f"message {event['message_id']} went from {was} to {now}"


def after_opt_out(found: Evidence) -> Iterable[str]:
    """Claimed after a STOP had been committed; or a client's last word and their consent differ."""
    changes: dict[tuple[int, str, str], list[Row]] = defaultdict(list)
    for change in sorted(found.changes, key=lambda one: one["id"]):
        changes[change["business_id"], change["channel"], change["address"]].append(change)
    by_id = {row["id"]: row for row in found.messages}
    grace = timedelta(seconds=CLAIM_SECONDS)
    for attempt in found.attempts:
        row = by_id.get(attempt["message_id"])
        if row is None or attempt["outcome"] == "released":
            continue
        known = changes[row["business_id"], row["channel"], row["to_address"]]
        before = [one for one in known if one["committed_at"] < attempt["started_at"] - grace]
        since = [one for one in known if one not in before and one["committed_at"] < attempt["started_at"]]
        if before and before[-1]["state"] == "opted_out" and not since:
            yield f"message {row['id']} was handed over after {row['to_address']} had said stop"
    yield from _last_words(found, changes)


def _last_words(found: Evidence, changes: dict[tuple[int, str, str], list[Row]]) -> Iterable[str]:
    businesses = {row["address"]: row["business_id"] for row in found.senders}
    states = {(row["business_id"], row["address"]): row["state"] for row in found.consents if row["channel"] == "sms"}
    words: dict[tuple[int, str], list[tuple[float, str]]] = defaultdict(list)
    for heard in found.heard:
        if heard.body in {"STOP", "START"}:
            words[businesses[heard.to], heard.sender].append((heard.at, heard.body))
    for (business, client), said in words.items():
        said.sort()
        sure = len(said) < 2 or said[-1][0] - said[-2][0] > APART_SECONDS or said[-1][1] == said[-2][1]
        last = changes[business, "sms", client][-1:]
        wanted = "opted_out" if said[-1][1] == "STOP" else "opted_in"
        # What the carrier refused in between may come in later than the word that lifted it.
        if sure and states.get((business, client)) != wanted and not (last and last[0]["source"] == "provider"):
            yield f"{client} said {said[-1][1]} last, and is {states.get((business, client), 'unknown')}"
