"""A message's spans, in the trace of the request that it came from: that context stands in its row.

A claim, a settle and a batch of reports are of many messages, and so of many traces: each message is told its own.
"""

from collections.abc import Iterable
from typing import Any

from messaging.providers.base import Outcome, SendResult
from messaging.services.claiming import Claim
from messaging.services.mail_folding import Change
from messaging.services.mail_matching import Found
from omega_project.lib import tracing


def told_claimed(claims: Iterable[Claim], began: int) -> None:
    """These were claimed, by one transaction that began at `began` (`time.time_ns`)."""
    for claim in claims:
        tracing.tell("message.claim", claim.traceparent, began, **_facts(claim))


def told_called(claim: Claim, result: SendResult, began: int) -> None:
    """A provider was called for this one, or could not be."""
    facts = {"message_outcome": result.outcome.value, "message_code": result.code, **_facts(claim)}
    failed = result.outcome != Outcome.ACCEPTED
    tracing.tell("provider.send", claim.traceparent, began, kind="client", failed=failed, **facts)


def told_settled(finished: Iterable[tuple[Claim, SendResult]], began: int) -> None:
    """What came of these was written, by one statement."""
    for claim, result in finished:
        outcome = result.outcome.value
        tracing.tell("message.settle", claim.traceparent, began, message_outcome=outcome, **_facts(claim))


def told_reported(row: dict[str, Any], began: int, *, status: str, source: str, applied: bool) -> None:
    """A delivery receipt was applied to a message; `row` has its `id`, `business_id` and `traceparent`."""
    facts = {"message_id": row["id"], "message_business__id": row["business_id"], "message_status": status}
    tracing.tell("message.receipt", row["traceparent"], began, message_source=source, message_applied=applied, **facts)


def told_mailed(found: Found, change: Change, source: str, began: int) -> None:
    """What a provider told of a mail was applied to it, by one statement for many."""
    row = {"id": found.id, "business_id": found.business_id, "traceparent": found.traceparent}
    told_reported(row, began, status=str(change.status), source=source, applied=change.is_moved)


def told_asked(claims: Iterable[Claim], began: int) -> None:
    """Nobody knew what had become of these: the provider was asked, or its events were waited for."""
    for claim in claims:
        tracing.tell("message.ask", claim.traceparent, began, kind="client", **_facts(claim))


def _facts(claim: Claim) -> dict[str, Any]:
    return {
        "message_id": claim.message_id,
        "message_business__id": claim.business_id,
        "message_channel": claim.channel,
        "message_provider": claim.provider,
        "message_attempt": claim.attempt,
    }
