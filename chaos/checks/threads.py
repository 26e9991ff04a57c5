"""What stands: one conversation a client, sums that are those of the rows, and nobody in another's house.

Counted here from the rows themselves, by other words than omega's own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from chaos.evidence import Evidence, Row
from chaos.journal import Said


def conversation_doubled(found: Evidence) -> Iterable[str]:
    """Two clients of one business with one phone or address, or two conversations of one client."""
    for field in ("phone", "email"):
        held = Counter((row["business_id"], row[field]) for row in found.clients if row[field])
        yield from (f"{who} is {count} clients of business {business}" for (business, who), count in held.items()
                    if count > 1)  # fmt: skip
    threads = Counter(row["client_id"] for row in found.conversations)
    yield from (f"client {client} has {count} conversations" for client, count in threads.items() if count > 1)


def sums(found: Evidence) -> Iterable[str]:
    """Unread, number of messages, last message and channels of each conversation, counted anew; and read marks."""
    read = {row["message_id"] for row in found.reads}
    by_thread: dict[int, list[Row]] = defaultdict(list)
    for row in found.messages:
        by_thread[row["conversation_id"]].append(row)
    for thread in found.conversations:
        rows = by_thread[thread["id"]]
        spoken = [row for row in rows if row["channel"] != "activity"]
        last = max(spoken, key=lambda row: (row["created_at"], row["id"]))["id"] if spoken else None
        unread = sum(1 for row in rows if not row["is_read"] and row["id"] not in read)
        channels = sorted({row["channel"] for row in rows} & {"sms", "email", "voice"})
        counted = {"unread_count": unread, "message_count": len(rows), "last_message_id": last, "channels": channels}
        for name, value in counted.items():
            shown = sorted(thread[name]) if name == "channels" else thread[name]
            if shown != value:
                yield f"conversation {thread['id']}: {name} is {shown}, its rows say {value}"
    yield from _marks(found, read)


def _marks(found: Evidence, read: set[int]) -> Iterable[str]:
    unread = {row["id"] for row in found.messages if not row["is_read"] and row["id"] not in read}
    for said in found.said:
        if said.kind == "read" and said.is_accepted:
            left = [one for one in said.message_ids if one in unread]
            if left:
                yield f"messages {left} of conversation {said.conversation_id} were marked read, and are unread"


def assignments(found: Evidence) -> Iterable[str]:
    """An assignment that was answered, that no later one took the place of, and that does not stand."""
    asked: dict[int, list[Said]] = defaultdict(list)
    for said in found.said:
        if said.kind == "assign" and (said.is_accepted or not said.status):
            asked[said.conversation_id].append(said)
    held = {row["id"]: row["assigned_to_id"] for row in found.conversations}
    last = {row["conversation_id"]: row["staff_id"] for row in found.assignments}
    for thread, all_of_it in asked.items():
        sure = [one for one in all_of_it if one.is_accepted]
        possible = {one.staff_id for one in all_of_it if not any(one.is_before(other) for other in sure)}
        owner = held.get(thread)
        if sure and owner not in possible:
            yield f"conversation {thread} is assigned to {owner}, and was given to {sorted(map(str, possible))}"
        if thread in last and owner != last[thread]:
            yield f"conversation {thread} is assigned to {owner}, its last assignment says {last[thread]}"


def other_tenant(found: Evidence) -> Iterable[str]:
    """A row in a business that is not its own, one that nobody should have touched, or a door that was open."""
    yield from found.trespassed
    owners = {
        "conversation_id": {row["id"]: row["business_id"] for row in found.conversations},
        "client_id": {row["id"]: row["business_id"] for row in found.clients},
        "sender_id": {row["id"]: row["business_id"] for row in found.senders},
        "staff_id": {row["id"]: row["business_id"] for row in found.staff},
    }
    for row in found.messages:
        for name, known in owners.items():
            if known.get(row[name], row["business_id"]) != row["business_id"]:
                yield f"message {row['id']} of business {row['business_id']} has a {name} of {known[row[name]]}"
    yield from _misplaced(found)
    for table, digests in found.before.items():
        for key, digest in digests.items():
            if found.after[table][key] != digest:
                yield f"{table} {key} was there before, concerns nobody who acted, and was changed"


def _misplaced(found: Evidence) -> Iterable[str]:
    """A message in another business than its caller named, or than its number is of."""
    by_request: dict[str, list[Row]] = defaultdict(list)
    for row in found.messages:
        by_request[row["request_id"]].append(row)
    for said in found.said:
        for row in by_request[said.request_id] if said.request_id else ():
            if row["business_id"] != said.business_id:
                yield f"{said.request_id} of business {said.business_id} stands in business {row['business_id']}"
    numbers = {row["address"]: row["business_id"] for row in found.senders}
    texts = {heard.sid: numbers[heard.to] for heard in found.heard if heard.kind == "text"}
    for row in found.messages:
        wanted = texts.get(row["provider_message_id"]) if row["direction"] == "inbound" else None
        if wanted is not None and wanted != row["business_id"]:
            yield f"the text {row['provider_message_id']} to business {wanted} stands in business {row['business_id']}"
