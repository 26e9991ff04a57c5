"""Mails in a provider's terms: their headers, and their files out of our storage."""

from functools import partial
from typing import Any

import orjson
from django.core.files.storage import default_storage

from conversations.models import Message
from messaging.providers.base import File, Mail, Outcome, Outgoing, SendResult
from messaging.services import reply_tokens, unsubscribing
from messaging.services.claiming import Claim
from messaging.services.prepared import NotReady, Prepared
from omega_project.lib import sql

# What a file that is still being fetched lets its mail wait at least.
_WAIT_SECONDS = 30.0
# One header's line may have 998 characters; it is folded by nobody on our way.
_MOST_REFERENCES = 900

_PARTS = """
SELECT m.id, m.subject, m.html, m.cc, m.bcc, m.priority, m.conversation_id, b.name AS business,
    m.staff_id IS NULL AND m.decision ->> 'source' <> 'admin' AS is_automatic,
    COALESCE(e.in_reply_to, '') AS in_reply_to, COALESCE(e."references", '{}') AS "references",
    COALESCE(e.reply_to, '') AS reply_to, COALESCE(e.headers, '{}')::text AS headers,
    CASE WHEN m.media_count > 0 THEN (
        SELECT jsonb_agg(jsonb_build_object('name', a.name, 'type', a.content_type, 'path', a.file, 'size', a.size,
            'status', a.status, 'error', a.error) ORDER BY a.id)::text
        FROM conversations_attachment a WHERE a.message_id = m.id) END AS files
FROM conversations_message m JOIN accounts_business b ON b.id = m.business_id
LEFT JOIN messaging_email e ON e.message_id = m.id
WHERE m.id = ANY(%(ids)s::bigint[])
"""


def prepare(claims: list[Claim]) -> list[Prepared]:
    """The mails with all that they have besides their texts: one statement."""
    found = {row["id"]: row for row in sql.rows(_PARTS, {"ids": [claim.message_id for claim in claims]})}
    return [_prepared(claim, found.get(claim.message_id)) for claim in claims]


def _prepared(claim: Claim, row: dict[str, Any] | None) -> Prepared:
    if row is None:
        return Prepared(_gone)
    files = orjson.loads(row["files"] or "[]")
    return Prepared(partial(_outgoing, claim, row, files), sum(file["size"] or 0 for file in files))


def _gone() -> Outgoing:
    raise NotReady(SendResult(Outcome.REFUSED, code="attachment", detail="The mail was removed meanwhile."))


def _outgoing(claim: Claim, row: dict[str, Any], files: list[dict[str, Any]]) -> Outgoing:
    mail = Mail(
        subject=row["subject"],
        html=row["html"],
        from_name=" ".join(row["business"].split()),
        cc=row["cc"],
        bcc=row["bcc"],
        reply_to=row["reply_to"] or reply_tokens.reply_address(row["conversation_id"]),
        headers=headers_of(row),
        files=[_file(one) for one in files],
    )
    return Outgoing(
        message_id=claim.message_id,
        attempt=claim.attempt,
        from_address=claim.from_address,
        to_address=claim.to_address,
        body=claim.body,
        mail=mail,
    )


def headers_of(row: dict[str, Any]) -> dict[str, str]:
    """Ours, and the caller's over those that say whether a person wrote it."""
    own = {"Message-ID": f"<{reply_tokens.message_id_for(row['id'])}>"}
    if row["in_reply_to"]:
        own |= {"In-Reply-To": f"<{row['in_reply_to']}>", "References": _references(row["references"])}
    if row["priority"] == Message.Priority.BULK:
        own |= unsubscribing.headers_for(row["id"])
    given: dict[str, str] = orjson.loads(row["headers"])
    return (_AUTOMATIC if row["is_automatic"] else {}) | given | own


# RFC 3834: no out-of-office reply, please; the second one is what Exchange understands.
_AUTOMATIC = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def _references(ids: list[str]) -> str:
    """The thread's beginning and as many of its last mails as one line holds."""
    marks = [f"<{one}>" for one in ids]
    while len(marks) > 2 and len(" ".join(marks)) > _MOST_REFERENCES:
        marks.pop(1)
    return " ".join(marks)


def _file(one: dict[str, Any]) -> File:
    if one["status"] == "pending":
        detail = f"The attachment {one['name']} is still being fetched."
        raise NotReady(SendResult(Outcome.NOT_TAKEN, code="attachment", detail=detail, retry_after=_WAIT_SECONDS))
    if one["status"] != "stored":
        raise NotReady(_lost(one["name"], one["error"] or "it is not kept here"))
    try:
        with default_storage.open(one["path"], "rb") as file:
            return File(one["name"], one["type"], file.read())
    except OSError as error:
        raise NotReady(_lost(one["name"], "our copy cannot be read")) from error


def _lost(name: str, why: str) -> SendResult:
    return SendResult(Outcome.REFUSED, code="attachment", detail=f"The attachment {name} cannot be sent: {why}")
