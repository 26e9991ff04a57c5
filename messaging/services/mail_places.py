"""Where a mail belongs: by the token that it was written to, else by what it answers, else by who wrote it.

A token or a reference counts only together with a sender who is known to be that client. A good token from another
address is held for staff in that conversation; a forged one opens nothing. What the look-ups find never leaves the
business whose address, token or message it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.conf import settings

from messaging.mail.letter import Letter
from messaging.services.receiving import UnknownReceiver
from messaging.services.reply_tokens import read_message_id, read_reply_address
from omega_project.lib import sql
from omega_project.lib.addresses import normalise_email

UNKNOWN_SENDER, FORGED_SENDER = "unknown_sender", "forged_sender"
MOST_RECEIVERS = 50

# A conversation that was merged stands for the one that it became a part of.
_CONVERSATION = """
WITH RECURSIVE way AS (
    SELECT id, merged_into_id, 0 AS step FROM conversations_conversation WHERE id = %(id)s::bigint
    UNION ALL SELECT v.id, v.merged_into_id, w.step + 1 FROM way w
        JOIN conversations_conversation v ON v.id = w.merged_into_id WHERE w.step < 20
)
SELECT v.id AS conversation_id, v.business_id, c.id AS client_id, c.is_blocked, {knows} AS knows
FROM (SELECT id FROM way ORDER BY step DESC LIMIT 1) t
JOIN conversations_conversation v ON v.id = t.id JOIN accounts_client c ON c.id = v.client_id
"""
_KNOWS = """
(%(sender)s::text <> '' AND (lower(c.email) = %(sender)s::text OR EXISTS (
    SELECT 1 FROM accounts_clientaddress a
    WHERE a.business_id = c.business_id AND a.kind = 'email' AND a.address = %(sender)s::text AND a.client_id = c.id)))
"""
# What it answers: our own message by its signed Message-ID, by the provider's id in front of the @, or any mail of the
# business by its Message-ID. `ord` is how near the reference stands.
_ANSWERED = """
WITH given AS (SELECT * FROM jsonb_to_recordset(%(refs)s::jsonb) AS x(ord int, own bigint, name text, stem text)
    LIMIT 60), found AS (
    SELECT g.ord, m.conversation_id FROM given g JOIN conversations_message m ON m.id = g.own
    UNION ALL
    SELECT g.ord, m.conversation_id FROM given g
    JOIN conversations_message m ON m.provider_message_id = g.stem
    WHERE m.channel = 'email' AND m.direction = 'outbound'
    UNION ALL
    SELECT g.ord, m.conversation_id FROM given g
    JOIN messaging_email e ON e.rfc_message_id = g.name AND e.rfc_message_id <> ''
    JOIN conversations_message m ON m.id = e.message_id
    WHERE e.held_from = ''
)
SELECT v.id AS conversation_id FROM found f
JOIN conversations_conversation v ON v.id = f.conversation_id
WHERE %(business)s::bigint IS NULL OR v.business_id = %(business)s::bigint
GROUP BY v.id ORDER BY min(f.ord) LIMIT 20
"""
_RECEIVER = """
SELECT id, business_id, address FROM accounts_sender
WHERE channel = 'email' AND address = ANY(%(addresses)s::text[])
ORDER BY array_position(%(addresses)s::text[], address::text), is_active DESC LIMIT 1
"""
_DOMAIN = """
SELECT business_id, min(id) FILTER (WHERE is_active) AS id FROM accounts_sender
WHERE channel = 'email' AND address LIKE '%%@' || %(domain)s::text GROUP BY business_id LIMIT 2
"""
# By the index of the clients' search: there is none by e-mail alone, whatever the business.
_SOLE_BUSINESS = """
SELECT DISTINCT business_id FROM accounts_client
WHERE upper(email) = upper(%(sender)s::text) AND email <> '' AND merged_into_id IS NULL LIMIT 2
"""
_BY_SENDER = """
SELECT c.id AS client_id, c.is_blocked, v.id AS conversation_id FROM (
    SELECT id FROM accounts_client WHERE business_id = %(business)s::bigint AND email = %(sender)s::text AND email <> ''
    UNION ALL
    SELECT client_id FROM accounts_clientaddress
    WHERE business_id = %(business)s::bigint AND kind = 'email' AND address = %(sender)s::text
) k JOIN accounts_client c ON c.id = k.id LEFT JOIN conversations_conversation v ON v.client_id = c.id
WHERE c.merged_into_id IS NULL
ORDER BY c.email = %(sender)s::text DESC, v.last_message_at DESC NULLS LAST, c.id DESC LIMIT 1
"""
_OWN_ADDRESS = """
SELECT 1 AS one FROM accounts_sender
WHERE channel = 'email' AND address = %(address)s::text AND business_id = %(business)s::bigint
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail belongs in one business, as far as it is known. `how`: token, reference, sender or nobody."""

    business_id: int
    to: str
    how: str
    client_id: int | None = None
    conversation_id: int | None = None
    is_blocked: bool = False
    sender_id: int | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What places are found by: the sender's address (empty where there is none), and what the mail answers."""

    sender: str
    letter: Letter
    is_bounce: bool


def places(question: Question, receivers: list[str]) -> list[Place]:
    """A place in each business that was written to, at least one. Raises UnknownReceiver with a sentence."""
    found: dict[int, Place] = {}
    for to in _addresses(receivers):
        for place in _places_by(question, to):
            known = found.get(place.business_id)
            if known is None or (known.how != "token" and place.how == "token"):
                found[place.business_id] = place
            break
    if not found:
        raise UnknownReceiver(_nobody(receivers))
    return list(found.values())


def _nobody(receivers: list[str]) -> str:
    named = ", ".join(_addresses(receivers)[:5]) or "no address that can be read"
    return f"No business has the address {named} for mail. Add it as a sender, then replay this."


def _addresses(receivers: list[str]) -> list[str]:
    """At most fifty addresses, those of our own domain first: a mail may have ten thousand."""
    ours = [one for one in receivers if _is_ours(one.rstrip(">").lower())]
    found = []
    for one in [*ours, *receivers][:MOST_RECEIVERS]:
        bare = one.rpartition("<")[2].partition(">")[0]  # the envelope's have no name, but not every provider knows
        try:
            found.append(normalise_email(bare))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


def _places_by(question: Question, to: str) -> Iterator[Place]:
    """The ways to a place, the surest first."""
    if (by_token := _by_token(question, to)) is not None:
        yield by_token
        return
    receiver = _receiver_of(to)
    if (by_answer := _by_reference(question, to, receiver)) is not None:
        yield by_answer
    if receiver is None and _is_ours(to):
        receiver = _sole_business(question.sender)
    if receiver is not None:
        yield _by_sender(question, to, receiver)


def _is_ours(address: str) -> bool:
    return bool(settings.INBOUND_EMAIL_DOMAIN) and address.endswith(f"@{settings.INBOUND_EMAIL_DOMAIN.lower()}")


def _conversation(conversation_id: int, sender: str) -> dict[str, Any] | None:
    return sql.row(_CONVERSATION.format(knows=_KNOWS), {"id": conversation_id, "sender": sender})


def _by_token(question: Question, to: str) -> Place | None:
    conversation_id = read_reply_address(to)
    row = _conversation(conversation_id, question.sender) if conversation_id else None
    return None if row is None else _place(row, to, "token", held="" if row["knows"] else UNKNOWN_SENDER)


def _place(row: dict[str, Any], to: str, how: str, held: str = "") -> Place:
    return Place(
        row["business_id"], to, how, row["client_id"], row["conversation_id"], bool(row["is_blocked"]), None, held
    )


def _by_reference(question: Question, to: str, receiver: dict[str, Any] | None) -> Place | None:
    """The conversation that the nearest reference names and in which the sender is known.

    A bounce is never from the client: it is held in the conversation of the mail that it returns, where that is ours
    by its signed Message-ID.
    """
    names = _references(question.letter)
    business_id = receiver["business_id"] if receiver else None
    for conversation_id in _answered(names, business_id):
        row = _conversation(conversation_id, question.sender)
        if row is not None and row["knows"]:
            return replace(_place(row, to, "reference"), sender_id=receiver["id"] if receiver else None)
    if question.is_bounce and business_id is not None:
        own = [one for one in question.letter.quoted_ids if read_message_id(one) is not None]
        for conversation_id in _answered(own, business_id):
            row = _conversation(conversation_id, question.sender)
            return _place(row, to, "reference", held=UNKNOWN_SENDER) if row else None
    return None


def _references(letter: Letter) -> list[str]:
    """Message-IDs, the nearest first: In-Reply-To, then References from the right."""
    return list(dict.fromkeys([*letter.in_reply_to, *reversed(letter.references)]))[:50]


def _answered(names: list[str], business_id: int | None) -> list[int]:
    if not names:
        return []
    given = [
        {"ord": at, "own": read_message_id(name), "name": name[:998], "stem": name.partition("@")[0][:128]}
        for at, name in enumerate(names)
    ]
    params = {"refs": orjson.dumps(given).decode(), "business": business_id}
    return [row["conversation_id"] for row in sql.rows(_ANSWERED, params)]


def _receiver_of(to: str) -> dict[str, Any] | None:
    """Whose address it is: a sender's own, with or without what stands behind a +; else of the only business that has
    senders in its domain, where any address of it may be written to (a catch-all)."""
    local, _, domain = to.partition("@")
    spellings = list(dict.fromkeys([to, f"{local.partition('+')[0]}@{domain}"]))
    if (found := sql.row(_RECEIVER, {"addresses": spellings})) is not None:
        return found
    if _is_ours(to):
        return None
    owners = sql.rows(_DOMAIN, {"domain": domain})
    return owners[0] if len(owners) == 1 else None


def _sole_business(sender: str) -> dict[str, Any] | None:
    """For mail to the platform's own domain that no token leads on: the only business that knows the sender."""
    found = sql.rows(_SOLE_BUSINESS, {"sender": sender}) if sender else []
    return {"business_id": found[0]["business_id"], "id": None} if len(found) == 1 else None


def _by_sender(question: Question, to: str, receiver: dict[str, Any]) -> Place:
    params = {"business": receiver["business_id"], "sender": question.sender}
    row = sql.row(_BY_SENDER, params) if question.sender else None
    if row is None:
        return Place(receiver["business_id"], to, "nobody", sender_id=receiver["id"])
    facts = row | {"business_id": receiver["business_id"]}
    return replace(_place(facts, to, "sender"), sender_id=receiver["id"])


def is_own_address(address: str, business_id: int) -> bool:
    """Whether the business itself, or omega, writes from this address: such a mail went round in a circle."""
    return _is_ours(address) or bool(sql.row(_OWN_ADDRESS, {"address": address, "business": business_id}))
