"""Each piece of news of a call, put beside what is known, and the message told anew. One lock, one home for it all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from conversations.media_links import link_for
from conversations.services import calls as words
from omega_project.lib import sql
from voice.models import Call
from voice.services import missing
from voice.services.story import Facts, LegFacts, Story, is_waiting, story_of

# News that are on their way are waited for this long, before silence means that there are none.
GRACE_SECONDS = 20
# When a call that is open and silent is looked at: often at first, then ever more rarely.
LOOKS = (90, 300, 1800, 7200, 14_400)

_LOCK = """
SELECT c.id, c.sid, c.business_id, c.message_id, c.origin, c.account_id, c.staff_id, c.step, c.refusal, c.dial_status,
    c.dial_seconds, c.is_final, c.missed_at, c.look_at, c.looks, c.created_at, m.direction, m.from_address,
    m.to_address, m.conversation_id, m.client_id
FROM voice_call c JOIN conversations_message m ON m.id = c.message_id
WHERE {which} AND (%(business)s::bigint IS NULL OR c.business_id = %(business)s::bigint)
FOR UPDATE OF c
"""
_BY_SID, _BY_ID = _LOCK.format(which="c.sid = %(sid)s::text"), _LOCK.format(which="c.id = %(id)s::bigint")
_LEGS = """
SELECT l.sid, l.is_parent, l.status, l.rank, l.staff_id, COALESCE(s.name, l.to_address) AS who, l.started_at,
    l.answered_at, l.ended_at, l.seconds
FROM voice_leg l LEFT JOIN accounts_staff s ON s.id = l.staff_id WHERE l.call_id = %(call)s::bigint ORDER BY l.id
"""
_RECORDED = """
SELECT kind, seconds, attachment_id, removed_at FROM voice_recording WHERE call_id = %(call)s::bigint
ORDER BY kind = 'call' DESC, id
"""
_MERGE_LEG = """
INSERT INTO voice_leg (call_id, sid, is_parent, to_address, staff_id, status, rank, sequence, started_at, answered_at,
    ended_at, seconds)
VALUES (%(call)s, %(sid)s, %(is_parent)s, %(to)s,
    (SELECT id FROM accounts_staff WHERE id = %(staff)s::bigint AND business_id = %(business)s::bigint), %(status)s,
    %(rank)s, %(sequence)s, %(started_at)s, %(answered_at)s, %(ended_at)s, %(seconds)s)
ON CONFLICT (sid) DO UPDATE SET
    to_address = GREATEST(voice_leg.to_address, EXCLUDED.to_address),
    staff_id = COALESCE(voice_leg.staff_id, EXCLUDED.staff_id),
    status = CASE WHEN {newer} THEN EXCLUDED.status ELSE voice_leg.status END,
    rank = CASE WHEN {newer} THEN EXCLUDED.rank ELSE voice_leg.rank END,
    sequence = CASE WHEN {newer} THEN EXCLUDED.sequence ELSE voice_leg.sequence END,
    started_at = LEAST(voice_leg.started_at, EXCLUDED.started_at),
    answered_at = LEAST(voice_leg.answered_at, EXCLUDED.answered_at),
    ended_at = LEAST(voice_leg.ended_at, EXCLUDED.ended_at),
    seconds = GREATEST(voice_leg.seconds, EXCLUDED.seconds)
WHERE voice_leg.call_id = EXCLUDED.call_id
RETURNING id
""".replace(
    "{newer}",
    # An order that is total: whichever comes last, the same one stays.
    "(EXCLUDED.rank, EXCLUDED.sequence, EXCLUDED.status) > (voice_leg.rank, voice_leg.sequence, voice_leg.status)",
)
_MERGE_DIAL = """
UPDATE voice_call SET
    dial_status = CASE WHEN dial_status = ANY(%(bridged)s::text[]) THEN dial_status
        WHEN %(status)s::text = ANY(%(bridged)s::text[]) THEN %(status)s::text
        ELSE GREATEST(dial_status, %(status)s::text) END,
    dial_seconds = GREATEST(dial_seconds, %(seconds)s::int),
    step = GREATEST(step, %(step)s::int)
WHERE id = %(call)s::bigint
"""
_LOOK = """
UPDATE voice_call SET look_at = clock_timestamp() + make_interval(secs => %(seconds)s::float)
WHERE id = %(call)s::bigint
"""


@dataclass(frozen=True, slots=True)
class LegNews:
    """What is said of one line: times in UTC, None where they are not told; `sequence` -1 where it has none."""

    sid: str
    status: str
    rank: int
    is_parent: bool = False
    sequence: int = -1
    to: str = ""
    staff_id: int | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: int | None = None


def locked(*, sid: str = "", call_id: int | None = None, business_id: int | None = None) -> dict[str, Any] | None:
    """The call, locked until the transaction ends; None where there is none such in that business (None: in any)."""
    if call_id is not None:
        return sql.row(_BY_ID, {"id": call_id, "business": business_id})
    return sql.row(_BY_SID, {"sid": sid, "business": business_id}) if sid else None


def note_leg(call: Mapping[str, Any], news: LegNews) -> None:
    """Put news of a line beside what is known of it. The call is locked."""
    sql.rows(
        _MERGE_LEG,
        {
            "call": call["id"], "business": call["business_id"], "sid": news.sid, "is_parent": news.is_parent,
            "to": news.to, "staff": news.staff_id,
            "status": news.status, "rank": news.rank, "sequence": news.sequence, "started_at": news.started_at,
            "answered_at": news.answered_at, "ended_at": news.ended_at, "seconds": news.seconds,
        },
    )  # fmt: skip


def note_dial(call: Mapping[str, Any], *, status: str, seconds: int | None, step: int, bridged: list[str]) -> None:
    """Put how a Dial went beside what is known: answered stays, and no step goes back. The call is locked."""
    sql.rows(_MERGE_DIAL, {"call": call["id"], "status": status, "seconds": seconds, "step": step, "bridged": bridged})


def tell(call_id: int, *, source: str = "twilio") -> Story | None:
    """Tell the message what is known now, and do what a missed call asks for, once. In a transaction."""
    row = locked(call_id=call_id)
    if row is None or row["refusal"]:  # one that was not put through said all of it at once
        return None
    facts, recording_url = facts_of(row)
    story = story_of(facts)
    words.tell_call(_news(row, story, recording_url, source))
    if story.is_missed and row["missed_at"] is None and row["origin"] == Call.Origin.TWIML:
        missing.note_missed(row)
    _look_again(row, facts, story)
    return story


def facts_of(row: Mapping[str, Any]) -> tuple[Facts, str | None]:
    """All that is known of a call, and the link of what was recorded."""
    legs = [LegFacts(**leg) for leg in sql.rows(_LEGS, {"call": row["id"]})]
    recorded = sql.rows(_RECORDED, {"call": row["id"]})
    left = [one["seconds"] for one in recorded if one["kind"] == "voicemail" and one["seconds"]]
    kept = [one["attachment_id"] for one in recorded if one["attachment_id"] and one["removed_at"] is None]
    facts = Facts(
        direction=row["direction"],
        created_at=row["created_at"],
        legs=legs,
        is_ours=row["origin"] == Call.Origin.TWIML,
        step=row["step"],
        refusal=row["refusal"],
        dial_status=row["dial_status"],
        dial_seconds=row["dial_seconds"],
        voicemail_seconds=max(left, default=None),
        is_final=row["is_final"],
    )
    return facts, link_for(kept[0]) if kept else None


def _news(row: Mapping[str, Any], story: Story, recording_url: str | None, source: str) -> words.CallNews:
    is_outbound = row["direction"] == "outbound"
    staff_id = row["staff_id"] if is_outbound else story.staff_id
    told = words.call_object(
        sid=row["sid"],
        status=story.status,
        direction=row["direction"],
        from_=row["from_address"],
        to=row["to_address"],
        staff_id=staff_id,
        answered_by=story.answered_by or None,
        duration=story.duration,
        started_at=story.started_at,
        answered_at=story.answered_at,
        ended_at=story.ended_at,
        recording_url=recording_url,
        voicemail=story.has_voicemail,
    )
    return words.CallNews(
        message_id=row["message_id"],
        body=story.line,
        call=told,
        status=words.MESSAGE_STATUS.get(story.status) if is_outbound else None,
        staff_id=staff_id,
        sent_at=story.started_at if is_outbound else None,
        delivered_at=story.answered_at if is_outbound else None,
        error_code=story.status if is_outbound else "",
        error_message=words.SENTENCES.get(story.status, ""),
        source=source,
    )


def _look_again(row: Mapping[str, Any], facts: Facts, story: Story) -> None:
    """Let the sweep look at the call where its end, or who answered it, is not known; at none that is all told."""
    is_told = story.status != "completed" or story.answered_by or facts.is_final
    if story.is_settled and is_told:
        sql.rows("UPDATE voice_call SET look_at = NULL WHERE id = %(call)s::bigint", {"call": row["id"]})
    elif story.is_settled or is_waiting(facts):
        sql.rows(_LOOK, {"call": row["id"], "seconds": GRACE_SECONDS})
