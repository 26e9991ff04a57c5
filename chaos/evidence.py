"""What a run left behind: the callers' own notes, the carrier's ledger, and omega's rows as they are."""

import json
from dataclasses import dataclass, field
from typing import Any

from chaos.journal import Heard, Journal, Said
from chaos.system import Failed, System

Row = dict[str, Any]
Digests = dict[str, dict[int, str]]

_MESSAGES = """
SELECT id, business_id, conversation_id, client_id, channel, direction, status, request_id, body, to_address,
    from_address, provider_message_id, position, hold_until, lease_until, attempts, error_code, error_message,
    created_at, is_read, sender_id, staff_id FROM conversations_message
"""
_CONVERSATIONS = """
SELECT id, business_id, client_id, unread_count, message_count, last_message_id, channels, assigned_to_id,
    merged_into_id FROM conversations_conversation
"""
# The time at which a change of consent became true for others. Where it is not kept, the time that the row says.
_CHANGES = """
SELECT id, business_id, channel, address, state, source, at,
    COALESCE(pg_xact_commit_timestamp(xmin), at) AS committed_at FROM messaging_consentchange
"""
_QUESTIONS = {
    "messages": _MESSAGES,
    "conversations": _CONVERSATIONS,
    "reads": "SELECT message_id FROM conversations_messageread",
    "events": "SELECT message_id, from_status, status, detail, at FROM conversations_messageevent ORDER BY id",
    "clients": "SELECT id, business_id, phone, email FROM accounts_client WHERE merged_into_id IS NULL",
    "senders": "SELECT id, business_id, address FROM accounts_sender",
    "staff": "SELECT id, business_id FROM accounts_staff",
    "changes": _CHANGES,
    "consents": "SELECT business_id, channel, address, state FROM messaging_consent",
    "attempts": "SELECT message_id, number, outcome, code, started_at, finished_at FROM messaging_attempt",
    "assignments": "SELECT id, conversation_id, staff_id FROM conversations_assignment ORDER BY id",
    "calls": "SELECT sid, business_id, message_id FROM voice_call",
}
# What was there before anybody acted, and concerns nobody who acts.
_STANDING = ("conversations_message", "conversations_conversation", "accounts_client", "messaging_consent")


@dataclass(slots=True)
class Evidence:
    """Everything that is compared."""

    said: list[Said] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    ledger: list[Row] = field(default_factory=list)
    calls_placed: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    conversations: list[Row] = field(default_factory=list)
    reads: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    clients: list[Row] = field(default_factory=list)
    senders: list[Row] = field(default_factory=list)
    staff: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    consents: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    assignments: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    before: Digests = field(default_factory=dict)
    after: Digests = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    trespassed: list[str] = field(default_factory=list)
    doctor: list[str] = field(default_factory=list)


def standing(system: System, limits: Digests | None = None) -> Digests:
    """A digest of each row that is there now; with `limits`, of those same rows as they are by now."""
    found: Digests = {}
    for table in _STANDING:
        rows = system.rows(f"SELECT id, md5(t::text) AS digest FROM {table} t")
        known = {row["id"]: row["digest"] for row in rows}
        found[table] = {key: known.get(key, "gone") for key in limits[table]} if limits is not None else known
    return found


def gather(system: System, journal: Journal, before: Digests) -> Evidence:
    """All of it, once everything is quiet."""
    ledger: list[Row] = system.carrier("GET", "/ledger?kind=message", seconds=120.0)["results"]
    placed: list[Row] = system.carrier("GET", "/ledger?kind=call", seconds=120.0)["results"]
    rows = {name: system.rows(question) for name, question in _QUESTIONS.items()}
    return Evidence(
        said=journal.said, heard=journal.heard, ledger=ledger, calls_placed=placed, before=before,
        after=standing(system, before), strange=journal.strange, trespassed=journal.trespassed, doctor=_doctor(system),
        **rows,
    )  # fmt: skip


# What a person has to decide is no broken promise, and the check for what is lost looks at each of them itself.
_LEFT_TO_PEOPLE = {"unknown_outcomes"}


def _doctor(system: System) -> list[str]:
    output = system.manage("doctor", "--json", "--seconds", "120")
    try:
        report = json.loads(output)
    except json.JSONDecodeError:
        raise Failed(f"The doctor said: {output[-500:]}") from None
    found = []
    for check in report["checks"]:
        if not check["ok"] and check["name"] not in _LEFT_TO_PEOPLE:
            details = "; ".join(f"#{one['id']} {one['detail']}" for one in check["findings"][:5])
            found.append(f"{check['name']}: {check['found']} wrong. {check['error']}{details}")
    return found
