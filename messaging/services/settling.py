"""Settling: what a try's outcome means for its message, written by batch and fenced by the attempt's number."""

import random
from typing import Any

import orjson
import structlog
from django.db import IntegrityError, transaction

from messaging.models import CarrierCode, RetryRule
from messaging.providers.base import Outcome, SendResult
from messaging.services import circuits, consent, vocabulary
from messaging.services.claiming import HOLD_SECONDS, Claim
from omega_project.lib import failpoints, sql
from omega_project.lib.metrics import CARRIER_ALERTS, TRIES

log = structlog.get_logger(__name__)
FaultClass = RetryRule.FaultClass
# Back-off of what is tried again beside messages (events, media), in seconds. A message's stands in RetryRule.
BACKOFF = (5, 30, 120, 600, 3600)
# `attempts_allowed` is so far ahead of the tries that a message had when it was queued, or queued again by hand.
_ROUND = 6
# When an outcome that nobody knows is first looked into: the provider has had time to put it on its own record.
ASK_AFTER_SECONDS = 3
_MOST_RETRY_AFTER = 3600.0
# When a delivery receipt that was not heard of is first asked for (services/reconciling.py).
RECEIPT_SECONDS = 120

_SETTLE = """
WITH result AS (
    SELECT * FROM jsonb_to_recordset(%(results)s::jsonb) AS x(
        id bigint, attempt int, status text, sid text, due_in float, ask_in float, code text,
        message text, retryable bool, outcome text, http_status int, detail text)
), before AS (
    SELECT m.id, m.status, r.status AS wanted FROM conversations_message m JOIN result r ON r.id = m.id
    WHERE m.attempts = r.attempt
      AND (m.status = ANY(%(from)s) OR (r.status = 'sent' AND m.status IN ('unknown', 'queued')))
    ORDER BY m.id FOR UPDATE OF m
), settled AS (
    UPDATE conversations_message m SET
        status = r.status, provider_message_id = COALESCE(m.provider_message_id, NULLIF(r.sid, '')),
        sent_at = CASE WHEN r.status = 'sent' THEN COALESCE(m.sent_at, clock_timestamp()) ELSE m.sent_at END,
        due_at = COALESCE(clock_timestamp() + make_interval(secs => r.due_in), m.due_at),
        lease_until = clock_timestamp() + make_interval(secs => r.ask_in),
        hold_until = CASE WHEN r.status IN ('queued', 'unknown')
            THEN COALESCE(m.hold_until, clock_timestamp() + make_interval(secs => %(hold)s::int)) ELSE m.hold_until END,
        error_code = r.code, error_message = r.message, error_retryable = r.retryable
    FROM result r, before b WHERE b.id = m.id AND r.id = m.id
    RETURNING m.id, b.status AS from_status, m.status, r.detail
), overtaken AS (
    UPDATE conversations_message m SET provider_message_id = COALESCE(m.provider_message_id, r.sid),
        sent_at = COALESCE(m.sent_at, clock_timestamp()),
        lease_until = CASE WHEN m.status = 'sent' THEN clock_timestamp() + make_interval(secs => r.ask_in) END
    FROM result r WHERE r.id = m.id AND r.status = 'sent' AND m.attempts = r.attempt
      AND m.status NOT IN ('sending', 'unknown', 'queued')
), tries AS (
    UPDATE messaging_attempt a SET finished_at = clock_timestamp(), outcome = r.outcome, http_status = r.http_status,
        code = r.code, detail = r.detail, provider_message_id = r.sid
    FROM result r WHERE a.message_id = r.id AND a.number = r.attempt
), told AS (
    INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
    SELECT id, from_status, status, %(source)s, detail, clock_timestamp() FROM settled
)
SELECT id, status FROM settled
"""
# What was no try of the message: its place in the queue and its tries are as before. What was surely not taken can be
# claimed under the same number again.
_PUT_BACK = """
WITH result AS (
    SELECT * FROM jsonb_to_recordset(%(results)s::jsonb) AS x(id bigint, attempt int, code text, message text)
), back AS (
    UPDATE conversations_message m SET status = 'queued', attempts = m.attempts - 1, lease_until = NULL,
        error_code = r.code, error_message = r.message, error_retryable = r.code <> ''
    FROM result r WHERE m.id = r.id AND m.status = 'sending' AND m.attempts = r.attempt
    RETURNING m.id, m.attempts + 1 AS number
)
DELETE FROM messaging_attempt a USING back WHERE a.message_id = back.id AND a.number = back.number
"""


def settle(finished: circuits.Finished, *, troubled: frozenset[circuits.Key] | None = None) -> None:
    """Write what came of these tries. A refusal that means opt-out changes the consent too.

    What an account that is shut did not take waits for it, in its place, and has lost no try. `troubled` as in
    `circuits.note`.
    """
    failpoints.hit("settle.before_commit")
    shut = circuits.note(finished, troubled=troubled)
    waits = [one for one in finished if _waits(*one, shut)]
    tried = [one for one in finished if not _waits(*one, shut)]
    rows = [row_of(claim, result) for claim, result in tried]
    if rows:
        write(rows, source="dispatch", states=["sending"])
    if waits:
        _put_back(waits)
    failpoints.hit("settle.after_commit")
    _tell(tried, rows, waits)
    for claim, result in tried:
        if result.outcome == Outcome.REFUSED and _handling(claim, result) == CarrierCode.Handling.OPTED_OUT:
            _opt_out(claim, result)


def _tell(tried: circuits.Finished, rows: list[dict[str, Any]], waits: circuits.Finished) -> None:
    for (claim, _), row in zip(tried, rows, strict=True):
        TRIES.labels(claim.channel, claim.provider, row["outcome"]).inc()
    for claim, _ in waits:
        TRIES.labels(claim.channel, claim.provider, "released").inc()


def _waits(claim: Claim, result: SendResult, shut: set[circuits.Key]) -> bool:
    """Whether it goes back to its place: the call was never made, or a shut account surely took nothing."""
    if result.outcome == Outcome.NOT_TAKEN and result.code == "released":
        return True
    is_shut = (claim.provider, claim.account_id) in shut and result.outcome != Outcome.UNKNOWN
    return is_shut and circuits.is_account_fault(claim, result)


def _put_back(waits: circuits.Finished) -> None:
    rows = [
        {"id": claim.message_id, "attempt": claim.attempt, **_reason_to_wait(claim, result)} for claim, result in waits
    ]
    sql.retried(lambda: sql.rows(_PUT_BACK, {"results": orjson.dumps(rows).decode()}))


def _reason_to_wait(claim: Claim, result: SendResult) -> dict[str, str]:
    if result.code == "released":
        return {"code": "", "message": ""}
    sentence = _NOT_TAKEN.get(result.code) or vocabulary.meaning_of(claim.provider, result.code, result.detail).sentence
    return {"code": result.code, "message": f"{sentence} The message waits until the account works again."}


def write(results: list[dict[str, Any]], *, source: str, states: list[str]) -> None:
    """Write results to the messages that are still in one of `states` and at the attempt that the result is of."""
    params = {"results": orjson.dumps(results).decode(), "hold": HOLD_SECONDS, "source": source, "from": states}
    try:
        sql.retried(lambda: _in_savepoint(params))
    except IntegrityError as error:
        _write_apart(results, error, source=source, states=states)


def _in_savepoint(params: dict[str, Any]) -> None:
    with transaction.atomic():
        sql.rows(_SETTLE, params)


def _write_apart(results: list[dict[str, Any]], error: IntegrityError, *, source: str, states: list[str]) -> None:
    """A provider that gives one id twice spoils its own message's id and nobody else's outcome."""
    if len(results) > 1:
        for one in results:
            write([one], source=source, states=states)
        return
    (only,) = results
    if not only["sid"]:
        raise error
    log.error("settle.id_given_twice", message_id=only["id"], provider_message_id=only["sid"])
    write([only | {"sid": ""}], source=source, states=states)


def _handling(claim: Claim, result: SendResult) -> str:
    return vocabulary.meaning_of(claim.provider, result.code, result.detail).handling


def row_of(claim: Claim, result: SendResult) -> dict[str, Any]:
    row = {
        "id": claim.message_id, "attempt": claim.attempt, "sid": result.provider_message_id, "due_in": None,
        "ask_in": None, "code": "", "message": "", "retryable": False, "http_status": result.http_status,
        "detail": result.detail,
    }  # fmt: skip
    return row | _MEANINGS[result.outcome](claim, result)


def _accepted(claim: Claim, result: SendResult) -> dict[str, Any]:
    return {"status": "sent", "outcome": "accepted", "ask_in": RECEIPT_SECONDS}


def _unknown(claim: Claim, result: SendResult) -> dict[str, Any]:
    sentence = "Nobody knows yet whether the provider took the message: it is being asked."
    return {
        "status": "unknown", "outcome": "unknown", "ask_in": ASK_AFTER_SECONDS, "code": result.code or "unknown",
        "message": sentence,
    }  # fmt: skip


def _not_taken(claim: Claim, result: SendResult) -> dict[str, Any]:
    return again(claim, result, _NOT_TAKEN.get(result.code, "The provider takes no messages at the moment."))


_NOT_TAKEN = {
    "connect": "The provider could not be reached.",
    "attachment": "An attachment is still being fetched.",
    "adapter": "The message could not be put into the provider's terms.",
    "sealed": "The provider account's secrets could not be opened.",
}
# What was refused by ourselves, before any provider was called: the detail is the sentence.
_OWN_REFUSALS = {"attachment", "no_provider", "not_configured", "unsupported"}


def _refused(claim: Claim, result: SendResult) -> dict[str, Any]:
    if result.code in _OWN_REFUSALS:
        return _failed(result, result.detail, retryable=False)
    meaning = vocabulary.meaning_of(claim.provider, result.code, result.detail)
    if vocabulary.rule_of(meaning.handling).alerts or not meaning.is_written_down:
        log.error("carrier.refused", provider=claim.provider, code=result.code, message_id=claim.message_id)
        CARRIER_ALERTS.labels(claim.provider, result.code).inc()
    return again(claim, result, meaning.sentence, meaning.handling)


def _failed(result: SendResult, sentence: str, *, retryable: bool) -> dict[str, Any]:
    return {
        "status": "failed", "outcome": "failed", "code": result.code or "failed", "message": sentence,
        "retryable": retryable,
    }  # fmt: skip


def again(claim: Claim, result: SendResult, sentence: str, fault_class: str = FaultClass.RETRY) -> dict[str, Any]:
    """Queued for a later try by the rule of its class of faults, or failed where that has no further one."""
    waits = vocabulary.rule_of(fault_class).waits
    tried = _tried(claim)
    if tried > len(waits):
        words = f"{sentence} It was tried {claim.attempt} times." if waits else sentence
        return _failed(result, words, retryable=bool(waits))
    return {
        "status": "queued", "outcome": "retry", "code": result.code, "message": sentence, "retryable": True,
        "due_in": _spread(waits[tried - 1], result.retry_after),
    }  # fmt: skip


def _tried(claim: Claim) -> int:
    """How many tries the message had since it was queued, or queued again by hand; this one counts."""
    return max(1, claim.attempt - (claim.attempts_allowed - _ROUND))


def seconds_to_look(attempt: int, attempts_allowed: int) -> float:
    """How long after an ambiguous try "the provider has it not" counts: the time of the back-off is spent looking."""
    waits = vocabulary.rule_of(FaultClass.AMBIGUOUS).waits or BACKOFF
    tried = max(1, attempt - (attempts_allowed - _ROUND))
    return float(waits[min(tried, len(waits)) - 1])


def next_try(attempt: int, retry_after: float | None = None) -> float:
    """Seconds until the next try after the `attempt`-th: back-off with jitter, no less than the provider said."""
    return _spread(BACKOFF[min((attempt - 1) % 6, len(BACKOFF) - 1)], retry_after)


def _spread(seconds: float, retry_after: float | None) -> float:
    wait = seconds * random.uniform(1.0, 1.25)  # noqa: S311  jitter, no secret
    if retry_after is not None:
        wait = max(wait, min(retry_after, _MOST_RETRY_AFTER))
    return wait


_MEANINGS = {
    Outcome.ACCEPTED: _accepted,
    Outcome.UNKNOWN: _unknown,
    Outcome.NOT_TAKEN: _not_taken,
    Outcome.REFUSED: _refused,
}


def _opt_out(claim: Claim, result: SendResult) -> None:
    evidence = {"message_id": claim.message_id, "code": result.code, "sender": claim.from_address}
    sql.in_transaction(
        lambda: consent.change_consent(
            business_id=claim.business_id, channel=claim.channel, address=claim.to_address, state=consent.OPTED_OUT,
            source="provider", evidence=evidence,
        )
    )  # fmt: skip
