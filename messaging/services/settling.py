"""Settling: what a try's outcome means for its message, written by batch and fenced by the attempt's number."""

import random
from typing import Any

import orjson
import structlog

from messaging.models import CarrierCode
from messaging.providers.base import Outcome, SendResult
from messaging.services import consent, vocabulary
from messaging.services.claiming import Claim
from omega_project.lib import failpoints, sql
from omega_project.lib.metrics import TRIES

log = structlog.get_logger(__name__)
# Back-off after each try, in seconds; then `failed` (delivery.md).
BACKOFF = (5, 30, 120, 600, 3600)
HOLD_SECONDS = 300
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
        hold_until = CASE WHEN r.status IN ('queued', 'unknown') AND r.code <> 'released'
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


def settle(finished: list[tuple[Claim, SendResult]]) -> None:
    """Write what came of these tries. A refusal that means opt-out changes the consent too."""
    failpoints.hit("settle.before_commit")
    rows = [row_of(claim, result) for claim, result in finished]
    write(rows, source="dispatch", states=["sending"])
    failpoints.hit("settle.after_commit")
    for (claim, _), row in zip(finished, rows, strict=True):
        TRIES.labels(claim.channel, claim.provider, row["outcome"]).inc()
    for claim, result in finished:
        if result.outcome == Outcome.REFUSED and _handling(claim, result) == CarrierCode.Handling.OPTED_OUT:
            _opt_out(claim, result)


def write(results: list[dict[str, Any]], *, source: str, states: list[str]) -> None:
    """Write results to the messages that are still in one of `states` and at the attempt that the result is of."""
    params = {"results": orjson.dumps(results).decode(), "hold": HOLD_SECONDS, "source": source, "from": states}
    sql.retried(lambda: sql.rows(_SETTLE, params))


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
    if result.code == "released":
        return {"status": "queued", "outcome": "released", "due_in": 0, "code": result.code}
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
    once = meaning.handling == CarrierCode.Handling.RETRY_ONCE
    if meaning.is_worth_retrying and not (once and claim.attempt >= 2):
        return again(claim, result, meaning.sentence)
    return _failed(result, meaning.sentence, retryable=meaning.is_worth_retrying)


def _failed(result: SendResult, sentence: str, *, retryable: bool) -> dict[str, Any]:
    return {
        "status": "failed", "outcome": "failed", "code": result.code or "failed", "message": sentence,
        "retryable": retryable,
    }  # fmt: skip


def again(claim: Claim, result: SendResult, sentence: str) -> dict[str, Any]:
    """Queued for a later try, or failed where the budget of tries is used up."""
    if claim.attempt >= claim.attempts_allowed:
        return _failed(result, f"{sentence} It was tried {claim.attempt} times.", retryable=True)
    return {
        "status": "queued", "outcome": "retry", "code": result.code, "message": sentence, "retryable": True,
        "due_in": next_try(claim.attempt, result.retry_after),
    }  # fmt: skip


def next_try(attempt: int, retry_after: float | None = None) -> float:
    """Seconds until the next try after the `attempt`-th: back-off with jitter, no less than the provider said."""
    wait = BACKOFF[min((attempt - 1) % 6, len(BACKOFF) - 1)] * random.uniform(1.0, 1.25)  # noqa: S311  jitter, no secret
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
