"""What a lost hint, a dead worker or a cut line left behind: found every second, and asked before it is sent again."""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings

from messaging.providers.base import CanBeAsked, CannotAsk, Listed, Outcome, Provider, SendResult
from messaging.services import claiming, delivery, handover, settling, trail, wakeup
from messaging.services.claiming import as_claim
from messaging.services.prepared import Prepared
from omega_project.lib import jobs, sql

log = structlog.get_logger(__name__)
# A message that ended its worker this often is set aside.
MOST_DEATHS = 3
# An outcome that could not be found out for so long stays unknown: only a person sends it again.
ASKED_FOR = timedelta(hours=1)
_ASKING_SECONDS = 30
# Talk with providers beside sends: one worker at a time (resolve_unknown, reconciling).
TALK = "talk"
# Of each account at once: a share of the hundred.
ASKED_AT_ONCE = 16
_MOST_THREADS = 64
_ASK_AGAIN_SECONDS = 10
_LISTEN_AGAIN_SECONDS = 5
_SILENCE = "the provider has it not on its record, or told nothing of it"

_EXPIRE = """
WITH lost AS (
    SELECT id, attempts FROM conversations_message
    WHERE status = 'sending' AND due_at IS NOT NULL AND lease_until < clock_timestamp()
    ORDER BY lease_until LIMIT 500 FOR UPDATE SKIP LOCKED
), marked AS (
    UPDATE conversations_message m SET status = 'unknown', lease_until = clock_timestamp(),
        hold_until = COALESCE(m.hold_until, clock_timestamp() + make_interval(secs => %(hold)s::int)),
        error_code = 'worker_lost', error_message = 'The worker was lost in mid-send: the provider is being asked.'
    FROM lost WHERE m.id = lost.id RETURNING m.id, m.attempts
), tries AS (
    UPDATE messaging_attempt a SET outcome = 'unknown', code = 'worker_lost', finished_at = clock_timestamp(),
        detail = 'the lease ended before the outcome was known'
    FROM marked m WHERE a.message_id = m.id AND a.number = m.attempts
)
INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
SELECT id, 'sending', 'unknown', 'sweep', 'the worker was lost', clock_timestamp() FROM marked
RETURNING message_id
"""
# No account has more asked about at once than its share: one that does not answer keeps nobody else waiting.
_TAKE_UNKNOWN = """
UPDATE conversations_message m SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s::int)
FROM (
    SELECT l.id, x.account_id FROM (
        SELECT u.id, p.id AS account_id,
            row_number() OVER (PARTITION BY u.provider, p.id ORDER BY u.lease_until) AS place
        FROM (
            SELECT id, business_id, provider, lease_until FROM conversations_message
            WHERE status = 'unknown' AND due_at IS NOT NULL AND lease_until < clock_timestamp()
            ORDER BY lease_until LIMIT 5000
        ) u LEFT JOIN accounts_provideraccount p
            ON p.business_id = u.business_id AND p.provider = u.provider AND p.is_active
    ) x JOIN conversations_message l ON l.id = x.id
    WHERE x.place <= %(share)s::int AND l.status = 'unknown' AND l.lease_until < clock_timestamp()
    ORDER BY x.place, l.lease_until LIMIT 100 FOR UPDATE OF l SKIP LOCKED
) due
WHERE m.id = due.id
RETURNING m.id, m.business_id, m.attempts, m.attempts_allowed, m.channel, m.provider, m.from_address, m.to_address,
    m.body, m.media_count, m.traceparent, m.error_code, clock_timestamp() AS now,
    (SELECT e.processed_at FROM messaging_email e
     JOIN messaging_attempt a ON a.message_id = e.message_id AND a.number = m.attempts
     WHERE e.message_id = m.id AND e.processed_at >= a.started_at) AS told_at,
    (SELECT count(*)::int FROM conversations_messageevent v WHERE v.message_id = m.id AND v.status = 'unknown')
        AS unknowns, due.account_id,
    (SELECT a.started_at FROM messaging_attempt a WHERE a.message_id = m.id AND a.number = m.attempts) AS started_at,
    (SELECT a.finished_at FROM messaging_attempt a WHERE a.message_id = m.id AND a.number = m.attempts) AS finished_at,
    (SELECT count(*)::int FROM messaging_attempt a WHERE a.message_id = m.id AND a.code = 'worker_lost') AS deaths
"""
_OURS = """
SELECT provider_message_id AS sid FROM conversations_message
WHERE provider_message_id = ANY(%(sids)s) AND provider = %(provider)s AND id <> %(id)s
UNION SELECT provider_message_id FROM messaging_attempt WHERE provider_message_id = ANY(%(sids)s)
"""
_LATER = """
UPDATE conversations_message SET lease_until = clock_timestamp() + make_interval(secs => %(wait)s::float),
    error_message = %(why)s
WHERE id = %(id)s AND status = 'unknown' AND attempts = %(attempt)s
"""
_DUE = """
SELECT DISTINCT priority FROM (
    SELECT priority FROM conversations_message WHERE status = 'queued' AND due_at IS NOT NULL
    AND due_at <= clock_timestamp() LIMIT 200) due
"""
_ORPHANS = """
WITH orphans AS (
    UPDATE conversations_message SET status = 'failed', error_code = 'no_sender', lease_until = NULL,
        error_message = 'The sender of this message was removed.'
    WHERE status = 'queued' AND due_at IS NOT NULL AND sender_id IS NULL RETURNING id
)
INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
SELECT id, 'queued', 'failed', 'sweep', 'its sender was removed', clock_timestamp() FROM orphans RETURNING message_id
"""


def sweep() -> dict[str, int]:
    """Expire dead leases, promote the scheduled, look into unknown outcomes, wake dispatch; how many of each."""
    lost = sql.rows(_EXPIRE, {"hold": claiming.HOLD_SECONDS})
    promoted = claiming.promote_scheduled()
    sql.rows(_ORPHANS)
    _wake_due()
    asked = resolve_unknown()
    if asked:
        _wake_due()
    if lost or asked:
        log.info("sweep", lost=len(lost), asked=asked, promoted=promoted)
    return {"lost": len(lost), "promoted": promoted, "asked": asked}


def _wake_due() -> None:
    for row in sql.rows(_DUE):
        wakeup.wake_dispatch(row["priority"])


def resolve_unknown() -> int:
    """Find out about outcomes that nobody knows: the provider has it, it surely has not, or it cannot be told yet.

    Some providers can be asked; of the others their events tell, or their silence does. One worker at a time: a
    provider that does not answer keeps no other one from sending.
    """
    with jobs.alone(TALK, _ASKING_SECONDS) as is_mine:
        return _resolve() if is_mine else 0


def _resolve() -> int:
    began, taken = time.time_ns(), sql.rows(_TAKE_UNKNOWN, {"seconds": _ASKING_SECONDS, "share": ASKED_AT_ONCE})
    providers = [delivery.provider_for(as_claim(row)) for row in taken]
    asked = [(row, one) for row, one in zip(taken, providers, strict=True) if _can_be_asked(one)]
    _ask_all(asked)
    for row, provider in zip(taken, providers, strict=True):
        if not _can_be_asked(provider):
            _listen(row)
    trail.told_asked(map(as_claim, taken), began)
    return len(taken)


def _can_be_asked(provider: Provider | SendResult) -> bool:
    """True besides where there is no provider now: what keeps it away may be mended within the hour."""
    return isinstance(provider, (CanBeAsked, SendResult))


def _ask_all(asked: list[tuple[dict[str, Any], Provider | SendResult]]) -> None:
    """Ask about all of them at once; what is answered is written down at once too."""
    if not asked:
        return
    ready = handover.prepare([as_claim(row) for row, _ in asked])
    with ThreadPoolExecutor(min(_MOST_THREADS, len(asked))) as pool:
        answers = {
            pool.submit(_ask, row, provider, one): row for (row, provider), one in zip(asked, ready, strict=True)
        }
        for answer in as_completed(answers):
            _conclude(answers[answer], answer.result())


def _ask(row: dict[str, Any], provider: Provider | SendResult, ready: Prepared) -> list[Listed] | CannotAsk:
    if not isinstance(provider, CanBeAsked):
        return CannotAsk(provider.detail if isinstance(provider, SendResult) else "it keeps no record")
    try:
        return provider.find(ready.make(), since=row["started_at"])
    except CannotAsk as error:
        return error
    except Exception as error:
        log.exception("ask.failed", message_id=row["id"])
        return CannotAsk(repr(error)[:300])


def _listen(row: dict[str, Any]) -> None:
    """A provider that only tells: an event means that it has the mail, long silence that it surely has not.

    Silence is believed once. After a second unknown outcome only a person sends it again.
    """
    claim, waited = as_claim(row), (row["now"] - row["finished_at"]).total_seconds()
    if row["told_at"] is not None:
        result = SendResult(Outcome.ACCEPTED, detail="the provider told of it")
        settling.write([settling.row_of(claim, result)], source="reconcile", states=["unknown"])
    elif waited < settings.EMAIL_UNKNOWN_GRACE:
        wait = min(_LISTEN_AGAIN_SECONDS, settings.EMAIL_UNKNOWN_GRACE - waited)
        _look_again(row, wait, "Nobody knows yet whether the provider took the message: its events will tell.")
    elif row["unknowns"] > 1:
        _look_again(row, None, "Twice nobody could tell whether the provider took it. Only a person sends it again.")
    else:
        settling.write([_surely_not(row, claim)], source="reconcile", states=["unknown"])


def _conclude(row: dict[str, Any], answer: list[Listed] | CannotAsk) -> None:
    if isinstance(answer, CannotAsk):
        _ask_later(row, str(answer))
        return
    unclaimed = _not_ours_yet(row, answer)
    claim = as_claim(row)
    if unclaimed:
        result = SendResult(Outcome.ACCEPTED, unclaimed[0].provider_message_id, detail="found on the provider's record")
        settling.write([settling.row_of(claim, result)], source="reconcile", states=["unknown"])
    elif (wait := _still_to_wait(row)) > 0:
        _look_again(row, wait, "The provider has it not on its record so far: it is asked once more.")
    else:
        settling.write([_surely_not(row, claim)], source="reconcile", states=["unknown"])


def _still_to_wait(row: dict[str, Any]) -> float:
    """Seconds until "not on the record" counts: the time of the back-off is spent looking, not just waiting.

    A worker that was lost ended well after the longest call, so that there is nothing to wait for.
    """
    if row["error_code"] == "worker_lost":
        return 0.0
    waited = (row["now"] - row["finished_at"]).total_seconds()
    return float(settling.seconds_to_look(row["attempts"], row["attempts_allowed"]) - waited)


def _not_ours_yet(row: dict[str, Any], found: list[Listed]) -> list[Listed]:
    """Of the provider's messages with this text, those that stand for no other message of ours; oldest first."""
    if not found:
        return []
    sids = [item.provider_message_id for item in found]
    known = {r["sid"] for r in sql.rows(_OURS, {"sids": sids, "provider": row["provider"], "id": row["id"]})}
    oldest_first = sorted(found, key=lambda item: item.created_at or row["started_at"])
    return [item for item in oldest_first if item.provider_message_id not in known]


def _surely_not(row: dict[str, Any], claim: claiming.Claim) -> dict[str, Any]:
    """The provider surely has it not: queued again at once, since the back-off has passed already."""
    nothing = SendResult(Outcome.NOT_TAKEN, code=row["error_code"], detail=_SILENCE)
    settled = settling.row_of(claim, nothing)
    if settled["status"] != "queued":
        return settled
    if row["error_code"] == "worker_lost" and row["deaths"] >= MOST_DEATHS:
        sentence = f"Set aside: it ended its worker {row['deaths']} times."
        return settled | {"status": "failed", "outcome": "failed", "due_in": None, "message": sentence}
    return settled | {"due_in": 0}


def _ask_later(row: dict[str, Any], why: str) -> None:
    sentence = f"Nobody knows whether the provider took the message; it cannot be asked: {why}"
    wait: float | None = _ASK_AGAIN_SECONDS
    if row["now"] - row["started_at"] > ASKED_FOR:
        wait, sentence = None, f"{sentence} Only a person sends it again."
    _look_again(row, wait, sentence)


def _look_again(row: dict[str, Any], wait: float | None, why: str) -> None:
    sql.rows(_LATER, {"wait": wait, "why": why, "id": row["id"], "attempt": row["attempts"]})
