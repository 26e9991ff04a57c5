"""Why a message went as it did: its history and its trace, in words and without secrets."""

from typing import Any

import orjson

from omega_project.lib import sql

_EVENTS = """
SELECT from_status, status, source, detail, at FROM conversations_messageevent WHERE message_id = %(id)s ORDER BY id
"""
_ATTEMPTS = """
SELECT number, started_at, finished_at, outcome, http_status, code, detail, provider_message_id
FROM messaging_attempt WHERE message_id = %(id)s ORDER BY number
"""
_BEGAN = "SELECT accepted_status, decision::text AS decision FROM conversations_message WHERE id = %(id)s"


def explain(message: dict[str, Any]) -> dict[str, Any]:
    """`history` (each status with its time and source) and `trace` (each decision and attempt) of a message."""
    params = {"id": message["id"]}
    began = sql.rows(_BEGAN, params)[0]
    attempts = sql.rows(_ATTEMPTS, params)
    decision = orjson.loads(began["decision"])
    return {
        "history": _history(message, began["accepted_status"], decision, sql.rows(_EVENTS, params), attempts),
        "trace": [*_door(message, decision), *(_try(one) for one in attempts)],
    }


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
    if "would" not in decision:
        return []
    at = message["created_at"]
    consent = {"state": decision["consent"]}
    sender = {"address": message["from_address"], "why": decision["sender"]}
    text = {"encoding": decision["encoding"], "segments": message["segments"]}
    timing = {"reason": decision["reason"] or None, "release_at": decision["release_at"]}
    return [
        {
            "step": "consent",
            "at": at,
            "result": "refused" if decision["would"] == "block" else "passed",
            "detail": consent,
        },
        {"step": "sender", "at": at, "result": "chosen", "detail": sender},
        {"step": "segments", "at": at, "result": "counted", "detail": text},
        {"step": "timing", "at": at, "result": decision["would"], "detail": timing},
    ]


def _try(attempt: dict[str, Any]) -> dict[str, Any]:
    detail = {
        "number": attempt["number"], "http_status": attempt["http_status"], "code": attempt["code"] or None,
        "answer": attempt["detail"] or None, "provider_message_id": attempt["provider_message_id"] or None,
        "finished_at": attempt["finished_at"],
    }  # fmt: skip
    return {"step": "attempt", "at": attempt["started_at"], "result": attempt["outcome"], "detail": detail}
