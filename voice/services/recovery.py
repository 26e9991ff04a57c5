"""Calls whose news were lost: looked at when silence lasts, asked about, and brought to an end."""

import time
from collections.abc import Mapping
from typing import Any

import structlog

from messaging.providers.base import CannotAsk
from omega_project.lib import sealing, sql
from voice import provider
from voice.models import Call
from voice.services import telling
from voice.services.identities import read_identity
from voice.services.story import ANSWERED, ENDED, RANKS
from voice.services.telling import LOOKS, LegNews

log = structlog.get_logger(__name__)

# How long a worker asks about calls before it does something else.
ASKING_SECONDS = 5.0
# Each is taken for as long as asking may take; who dies over it leaves it to the next sweep.
_TAKE = """
UPDATE voice_call c SET looks = looks + 1,
    look_at = clock_timestamp() + make_interval(secs => (%(looks)s::int[])[LEAST(looks + 2, %(most)s::int)])
FROM (
    SELECT id FROM voice_call WHERE look_at <= clock_timestamp() ORDER BY look_at LIMIT %(limit)s::int
    FOR UPDATE SKIP LOCKED
) due WHERE c.id = due.id
RETURNING c.id, c.sid, c.business_id, c.account_id, c.looks
"""


def look_at_open(*, seconds: float = ASKING_SECONDS) -> int:
    """Ask the provider about calls that are open and silent, and end those that are over; how many.

    Each is taken when its turn comes, and none after `seconds`: a provider that does not answer holds no worker up.
    """
    count, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        row = sql.row(_TAKE, {"looks": list(LOOKS), "most": len(LOOKS), "limit": 1})
        if row is None:
            break
        _look(row)
        count += 1
    return count


def _look(row: Mapping[str, Any]) -> None:
    """No transaction is open while the provider is asked."""
    try:
        lines = provider.lines_of(business_id=row["business_id"], account_id=row["account_id"], sid=row["sid"])
    except (CannotAsk, sealing.CannotOpen) as error:
        log.warning("call.cannot_ask", call_id=row["id"], error=str(error))
        lines = None
    sql.in_transaction(lambda: _conclude(row, lines))


def _conclude(row: Mapping[str, Any], lines: list[provider.Line] | None) -> None:
    call = telling.locked(call_id=row["id"])
    if call is None:
        return
    for line in lines or ():
        if (news := _news(line, call)) is not None:
            telling.note_leg(call, news)
    gave_up = row["looks"] >= len(LOOKS)
    own = next((line for line in lines or () if line.sid == call["sid"]), None)
    if (own is not None and RANKS.get(own.status, -1) >= ENDED) or (lines == [] and row["looks"] > 1) or gave_up:
        Call.objects.filter(pk=call["id"]).update(is_final=True)
    telling.tell(call["id"], source="reconcile")


def _news(line: provider.Line, call: Mapping[str, Any]) -> LegNews | None:
    """A line of the provider's record as news. A leg's start is when it began to ring, or was answered."""
    rank = RANKS.get(line.status)
    if rank is None:
        return None
    is_parent, named = line.sid == call["sid"], read_identity(line.to)
    return LegNews(
        sid=line.sid[:64],
        status=line.status,
        rank=rank,
        is_parent=is_parent,
        to="" if is_parent else line.to[:254],
        staff_id=named[1] if named and named[0] == call["business_id"] and not is_parent else None,
        started_at=line.started_at,
        answered_at=line.started_at if line.status in {"in-progress", "completed"} and rank >= ANSWERED else None,
        ended_at=line.ended_at if rank >= ENDED else None,
        seconds=line.seconds or None,
    )
