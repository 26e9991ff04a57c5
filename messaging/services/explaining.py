"""Why a message went as it did: its history and its trace, in words and without secrets."""

from typing import Any

import orjson

from messaging.services import circuits, reply_tokens
from omega_project.lib import sql

_EVENTS = """
SELECT from_status, status, source, detail, at FROM conversations_messageevent WHERE message_id = %(id)s ORDER BY id
"""
_ATTEMPTS = """
SELECT number, started_at, finished_at, outcome, http_status, code, detail, provider_message_id
FROM messaging_attempt WHERE message_id = %(id)s ORDER BY number
"""
_BEGAN = """
SELECT m.business_id, m.accepted_status, m.decision::text AS decision, b.status = 'suspended' AS suspended
FROM conversations_message m JOIN accounts_business b ON b.id = m.business_id WHERE m.id = %(id)s
"""

_HELD = {"step": "hold", "at": None, "result": "waiting", "detail": {"reason": "business_suspended"}}


def explain(message: dict[str, Any]) -> dict[str, Any]:
    """`history` (each status with its time and source) and `trace` (each decision and attempt) of a message."""
    params = {"id": message["id"]}
    began = sql.rows(_BEGAN, params)[0]
    attempts = sql.rows(_ATTEMPTS, params)
    decision = orjson.loads(began["decision"])
    return {
        "history": _history(message, began["accepted_status"], decision, sql.rows(_EVENTS, params), attempts),
        "trace": [*_door(message, decision), *(_try(one) for one in attempts), *_holds(message, began)],
    }


def _holds(message: dict[str, Any], began: dict[str, Any]) -> list[dict[str, Any]]:
    """What keeps it from going at the moment, besides its own time and its place in the queue."""
    if message["status"] not in {"queued", "scheduled"}:
        return []
    holds = [_HELD] if began["suspended"] else []
    shut = circuits.shut_for(business_id=began["business_id"], provider=message["provider"])
    if shut is None:
        return holds
    detail = {"reason": "provider_account_unavailable", "provider": shut["provider"], "code": shut["code"] or None}
    return [*holds, {"step": "hold", "at": shut["opened_at"], "result": "waiting", "detail": detail}]


def _history(
    message: dict[str, Any],
    first: str,
    decision: dict[str, Any],
    events: list[dict[str, Any]],
    attempts: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    source = decision.get("source") or (
        "dispatch" if message["direction"] == "outbound" else message["provider"] or "api"
    )
    steps = [{"status": first, "at": message["created_at"], "source": source, "detail": None}]
    steps += [
        {"status": "sending", "at": one["started_at"], "source": "dispatch", "detail": f"attempt {one['number']}"}
        for one in attempts
    ]
    steps += [
        {"status": one["status"], "at": one["at"], "source": one["source"], "detail": one["detail"] or None}
        for one in events
    ]
    return sorted(steps, key=lambda step: step["at"])


def _door(message: dict[str, Any], decision: dict[str, Any]) -> list[dict[str, Any]]:
    at = message["created_at"]
    if "threaded_by" in decision:
        detail = {"address": message["to_address"], "sender": message["from_address"]}
        return [{"step": "thread", "at": at, "result": decision["threaded_by"], "detail": detail}]
    if "would" not in decision:
        return []
    consent = {"state": decision["consent"]}
    sender = {"address": message["from_address"], "why": decision["sender"]}
    timing = {"reason": decision["reason"] or None, "release_at": decision["release_at"]}
    return [
        {
            "step": "consent",
            "at": at,
            "result": "refused" if decision["would"] == "block" else "passed",
            "detail": consent,
        },
        {"step": "sender", "at": at, "result": "chosen", "detail": sender},
        *_CONTENT[message["channel"]](message, decision),
        {"step": "timing", "at": at, "result": decision["would"], "detail": timing},
    ]


def _text(message: dict[str, Any], decision: dict[str, Any]) -> list[dict[str, Any]]:
    detail = {"encoding": decision["encoding"], "segments": message["segments"]}
    return [{"step": "segments", "at": message["created_at"], "result": "counted", "detail": detail}]


def _mail(message: dict[str, Any], decision: dict[str, Any]) -> list[dict[str, Any]]:
    at = message["created_at"]
    detail = {
        "recipients": decision["recipients"], "bytes": decision["bytes"], "in_reply_to": decision["in_reply_to"],
        "message_id": f"<{reply_tokens.message_id_for(message['id'])}>",
    }  # fmt: skip
    files = [
        {
            "step": "attachment",
            "at": at,
            "result": file["status"],
            "detail": {"name": file["name"], "size": file["size"]},
        }
        for file in message["media"]
    ]
    return [{"step": "mail", "at": at, "result": "composed", "detail": detail}, *files]


# What was made of the content, by channel.
_CONTENT = {"sms": _text, "email": _mail}


def _try(attempt: dict[str, Any]) -> dict[str, Any]:
    detail = {
        "number": attempt["number"], "http_status": attempt["http_status"], "code": attempt["code"] or None,
        "answer": attempt["detail"] or None, "provider_message_id": attempt["provider_message_id"] or None,
        "finished_at": attempt["finished_at"],
    }  # fmt: skip
    return {"step": "attempt", "at": attempt["started_at"], "result": attempt["outcome"], "detail": detail}
