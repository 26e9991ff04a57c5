"""A call in the timeline: the line that tells it, and the one write that lets its message follow it.

A call's message is received (from a client), or goes from `sent` (it rings) to `delivered` (somebody answered),
`undelivered` (busy, nobody answered, hung up before) or `failed`; `blocked` where it was never placed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from omega_project.lib import sql

# What a call may be said to be: Twilio's words, and two of ours for calls that were not put through.
ProvidersWord = Literal[
    "queued", "initiated", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"
]
REJECTED, BLOCKED = "rejected", "blocked"
# The status of an outgoing call's message.
MESSAGE_STATUS = {
    "queued": "sent",
    "initiated": "sent",
    "ringing": "sent",
    "in-progress": "delivered",
    "completed": "delivered",
    "busy": "undelivered",
    "no-answer": "undelivered",
    "canceled": "undelivered",
    "failed": "failed",
    BLOCKED: "blocked",
}
_OUTBOUND = {
    "in-progress": "Outgoing call, answered",
    "completed": "Outgoing call{time}",
    "busy": "Outgoing call: the line was busy",
    "no-answer": "Outgoing call: nobody answered",
    "canceled": "Outgoing call, hung up before an answer",
    "failed": "Outgoing call that could not be connected",
    BLOCKED: "Outgoing call that was not placed",
}
_INBOUND = {
    "in-progress": "Call answered{who}",
    "completed": "Call answered{who}{time}",
    "busy": "Missed call{voicemail}",
    "no-answer": "Missed call{voicemail}",
    "canceled": "Missed call{voicemail}",
    "failed": "Missed call{voicemail}",
    REJECTED: "Call of a blocked client, not put through",
}
_WORDS = {"inbound": (_INBOUND, "Incoming call"), "outbound": (_OUTBOUND, "Outgoing call")}
# What a call that nobody answered is called in `error.message`.
SENTENCES = {
    "busy": "The line was busy.",
    "no-answer": "Nobody answered.",
    "canceled": "The call was ended before anybody answered.",
    "failed": "The call could not be connected.",
}


def line_of(
    *, direction: str, status: str, answered_by: str = "", seconds: int | None = None, voicemail: int | None = None
) -> str:
    """The line that tells a call, such as "Call answered by Sam, 2 min 10 s". `voicemail`: its length in seconds."""
    words, otherwise = _WORDS[direction]
    return words.get(status, otherwise).format(
        who=f" by {answered_by}" if answered_by else "",
        time=f", {length_of(seconds)}" if seconds else "",
        voicemail="" if voicemail is None else f", voicemail of {length_of(voicemail)}",
    )


def length_of(seconds: int) -> str:
    """Seconds as people say them: "2 min 10 s"."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{value} {unit}" for value, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if value]
    return " ".join(parts[:2]) or "0 s"


@dataclass(slots=True)
class CallNews:
    """What a call's message is to say now. `status` None: a call from a client, whose message stays received."""

    message_id: int
    body: str
    call: Mapping[str, Any]
    status: str | None = None
    staff_id: int | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    error_code: str = ""
    error_message: str = ""
    source: str = "twilio"


# A call that was answered stays so. Of two ends without an answer the better told one counts: neither is before.
_TELL = """
WITH found AS (
    SELECT m.id, m.conversation_id, m.status, CASE
        WHEN %(status)s::text IS NULL OR m.direction <> 'outbound' THEN m.status
        WHEN m.status IN ('sent', 'undelivered', 'failed') AND NOT (m.status <> 'sent' AND %(status)s::text = 'sent')
            THEN %(status)s::text
        ELSE m.status END AS next
    FROM conversations_message m WHERE m.id = %(id)s::bigint FOR UPDATE
), moved AS (
    UPDATE conversations_message m SET
        body = %(body)s, call = %(call)s::jsonb, status = f.next, staff_id = COALESCE(%(staff)s::bigint, m.staff_id),
        sent_at = COALESCE(%(sent_at)s::timestamptz, m.sent_at),
        delivered_at = COALESCE(%(delivered_at)s::timestamptz, m.delivered_at),
        error_code = CASE WHEN f.next IN ('undelivered', 'failed', 'blocked') THEN %(code)s::text ELSE '' END,
        error_message = CASE WHEN f.next IN ('undelivered', 'failed', 'blocked') THEN %(message)s::text ELSE '' END
    FROM found f
    WHERE m.id = f.id AND (m.status <> f.next OR m.body <> %(body)s::text OR m.call IS DISTINCT FROM %(call)s::jsonb)
    RETURNING m.id, m.conversation_id
), told AS (
    INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
    SELECT f.id, f.status, f.next, %(source)s, %(code)s, clock_timestamp() FROM found f JOIN moved ON moved.id = f.id
    WHERE f.status <> f.next
), kept AS (
    UPDATE conversations_conversation c SET updated_at = clock_timestamp() FROM moved WHERE c.id = moved.conversation_id
)
SELECT id FROM moved
"""


def tell_call(news: CallNews) -> bool:
    """Let a call's message say what is known of the call now; False where it said so already.

    The same news in any order end in the same words.
    """
    params = {
        "id": news.message_id, "body": news.body, "call": orjson.dumps(news.call).decode(), "status": news.status,
        "staff": news.staff_id, "sent_at": news.sent_at, "delivered_at": news.delivered_at, "code": news.error_code,
        "message": news.error_message, "source": news.source,
    }  # fmt: skip
    return bool(sql.rows(_TELL, params))


def call_object(
    *,
    sid: str | None,
    status: str,
    direction: str,
    from_: str,
    to: str,
    staff_id: int | None = None,
    answered_by: str | None = None,
    duration: int | None = None,
    started_at: datetime | None = None,
    answered_at: datetime | None = None,
    ended_at: datetime | None = None,
    recording_url: str | None = None,
    voicemail: bool = False,
) -> dict[str, Any]:
    """The `call` of a Message (api.md, 5 and 7). `duration` in seconds of talk; times in UTC."""
    times = {"started_at": started_at, "answered_at": answered_at, "ended_at": ended_at}
    return {
        "sid": sid,
        "status": status,
        "direction": direction,
        "from": from_,
        "to": to,
        "staff_id": staff_id,
        "answered_by": answered_by,
        "duration": duration,
        **{name: _utc(at) for name, at in times.items()},
        "recording_url": recording_url,
        "voicemail": voicemail,
    }


def _utc(at: datetime | None) -> str | None:
    return None if at is None else orjson.dumps(at, option=orjson.OPT_UTC_Z).decode().strip('"')
