"""Circuit breakers: an account at a provider that fails again and again is left alone, and its messages wait.

The state is a row for each account that ever failed, so that all workers share it and a lost Redis changes nothing. A
run of faults shuts the account; after a while a few messages try it, one worker at a time; the first that it takes lets
the rest follow, in their order. What a message meets at a shut account costs it none of its tries.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import structlog

from messaging.providers.base import Outcome, SendResult
from messaging.services import vocabulary
from messaging.services.claiming import Claim
from omega_project.lib import sql

log = structlog.get_logger(__name__)
# An account of a provider: the id of a business's own, None for the platform's.
Key = tuple[str, int | None]
Finished = list[tuple[Claim, SendResult]]
# So many faults in a row, with nothing taken between them, shut an account.
SHUT_AFTER = 8
# Seconds until the next trial, after each that failed; the last stands for all further ones.
_WAITS = [2, 4, 8, 15]
# A provider that names a longer wait is heard, up to so many seconds.
_MOST_WAIT = 300
# What came of us and says nothing of the account.
_OURS = {"released", "attachment", "adapter", "no_provider", "not_configured", "unsupported", "recipient"}

_FAULTS = """
INSERT INTO messaging_circuit AS k (provider, account_id, state, failures, trials, opened_at, failed_at, probe_at,
    code, reason)
SELECT x.provider, a.id, CASE WHEN shuts THEN 'open' ELSE 'closed' END, x.faults, 0,
    CASE WHEN shuts THEN clock_timestamp() END, clock_timestamp(),
    clock_timestamp() + make_interval(secs => GREATEST((%(waits)s::float[])[1], x.wait)),
    x.code, x.reason
FROM unnest(%(providers)s::text[], %(accounts)s::bigint[], %(faults)s::int[], %(retry_after)s::float[],
    %(codes)s::text[], %(reasons)s::text[]) WITH ORDINALITY AS x(provider, account, faults, wait, code, reason, ord)
LEFT JOIN accounts_provideraccount a ON a.id = x.account
CROSS JOIN LATERAL (SELECT x.faults >= %(most)s::int AS shuts) s
WHERE x.account IS NULL OR a.id IS NOT NULL
ORDER BY x.ord
ON CONFLICT (provider, account_id) DO UPDATE SET
    failures = LEAST(k.failures + EXCLUDED.failures, 1000000),
    state = CASE WHEN k.state <> 'closed' OR k.failures + EXCLUDED.failures >= %(most)s::int THEN 'open'
        ELSE 'closed' END,
    trials = CASE k.state WHEN 'half_open' THEN LEAST(k.trials + 1, 1000) WHEN 'closed' THEN 0 ELSE k.trials END,
    opened_at = CASE WHEN k.state = 'closed' AND k.failures + EXCLUDED.failures >= %(most)s::int
        THEN EXCLUDED.failed_at ELSE k.opened_at END,
    probe_at = CASE WHEN k.state = 'open' THEN k.probe_at
        WHEN k.state = 'closed' AND k.failures + EXCLUDED.failures < %(most)s::int THEN NULL
        ELSE EXCLUDED.failed_at + make_interval(secs => %(jitter)s::float * GREATEST(
            EXTRACT(EPOCH FROM EXCLUDED.probe_at - EXCLUDED.failed_at)::float,
            (%(waits)s::float[])[CASE k.state WHEN 'half_open'
                THEN LEAST(cardinality(%(waits)s::float[]), k.trials + 2) ELSE 1 END])) END,
    failed_at = EXCLUDED.failed_at, code = EXCLUDED.code, reason = EXCLUDED.reason
RETURNING k.provider, k.account_id, k.state, k.failures, k.code, k.reason
"""
_WORKS = """
UPDATE messaging_circuit k SET state = 'closed', failures = 0, trials = 0, probe_at = NULL,
    closed_at = CASE WHEN k.state = 'closed' THEN k.closed_at ELSE clock_timestamp() END
FROM (
    SELECT c.id, c.state FROM messaging_circuit c
    JOIN unnest(%(providers)s::text[], %(accounts)s::bigint[]) AS x(provider, account)
        ON c.provider = x.provider AND c.account_id IS NOT DISTINCT FROM x.account
    WHERE c.failures > 0 OR c.state <> 'closed' ORDER BY c.id FOR UPDATE OF c
) was WHERE k.id = was.id RETURNING k.provider, k.account_id, was.state AS was
"""
_TRY_NOW = "UPDATE messaging_circuit SET probe_at = clock_timestamp() WHERE id = %(id)s::bigint AND state <> 'closed'"
_SHUT = """
SELECT k.id, k.provider, k.account_id, a.business_id, k.state, k.opened_at, k.probe_at, k.code, k.reason,
    EXTRACT(EPOCH FROM clock_timestamp() - k.opened_at)::float AS seconds
FROM messaging_circuit k LEFT JOIN accounts_provideraccount a ON a.id = k.account_id
WHERE k.state <> 'closed' ORDER BY k.opened_at, k.id LIMIT 100
"""
_OF_SENDER = """
SELECT k.provider, k.opened_at, k.code, k.reason, k.account_id IS NULL AS is_platforms FROM messaging_circuit k
WHERE k.state <> 'closed' AND k.provider = %(provider)s::text AND k.account_id IS NOT DISTINCT FROM (
    SELECT id FROM accounts_provideraccount
    WHERE business_id = %(business)s::bigint AND provider = %(provider)s::text AND is_active)
"""


@dataclass(slots=True)
class _Tally:
    """What a batch says of one account."""

    faults: int = 0
    works: bool = False
    last: SendResult | None = None
    sentence: str = ""
    retry_after: float = field(default=0.0)


def note(finished: Finished, *, troubled: frozenset[Key] | None = None) -> set[Key]:
    """Count what came of these tries; the accounts that are shut now, of those that only failed.

    `troubled` are the accounts that had a fault when their messages were claimed: only these have a run to end. None:
    any may have had one.
    """
    tallies = _tallied(finished)
    in_order = sorted(tallies.items(), key=_place)
    works = [key for key, one in in_order if one.works and (troubled is None or key in troubled)]
    fails = {key: one for key, one in in_order if one.faults and not one.works}
    if works:
        _write_works(works)
    return _write_faults(fails) if fails else set()


def _place(item: tuple[Key, _Tally]) -> tuple[str, int]:
    """One order for all workers, so that none waits for another in a ring."""
    return item[0][0], item[0][1] or 0


def _tallied(finished: Finished) -> dict[Key, _Tally]:
    tallies: dict[Key, _Tally] = {}
    for claim, result in finished:
        one = tallies.setdefault((claim.provider, claim.account_id), _Tally())
        if is_account_fault(claim, result):
            one.faults += 1
            one.last, one.sentence = result, _sentence(claim, result)
            one.retry_after = max(one.retry_after, min(result.retry_after or 0.0, _MOST_WAIT))
        elif result.code not in _OURS:
            one.works = True
    return tallies


def is_account_fault(claim: Claim, result: SendResult) -> bool:
    """Whether this speaks of the account or the way to it, and not of the message or of us."""
    if result.code in _OURS or result.outcome == Outcome.ACCEPTED:
        return False
    if result.outcome == Outcome.REFUSED:
        meaning = vocabulary.meaning_of(claim.provider, result.code, result.detail)
        return meaning.is_account_wide or result.http_status == 401
    return True


def _sentence(claim: Claim, result: SendResult) -> str:
    words = result.detail or vocabulary.meaning_of(claim.provider, result.code).sentence
    return words[:300]


def _write_faults(fails: dict[Key, _Tally]) -> set[Key]:
    params = {
        "providers": [key[0] for key in fails], "accounts": [key[1] for key in fails],
        "faults": [one.faults for one in fails.values()], "retry_after": [one.retry_after for one in fails.values()],
        "codes": [one.last.code if one.last else "" for one in fails.values()],
        "reasons": [one.sentence for one in fails.values()],
        "most": SHUT_AFTER, "waits": _WAITS, "jitter": random.uniform(1.0, 1.25),  # noqa: S311  jitter, no secret
    }  # fmt: skip
    rows = sql.retried(lambda: sql.rows(_FAULTS, params))
    for row in rows:
        key = (row["provider"], row["account_id"])
        if row["state"] == "open" and row["failures"] - fails[key].faults < SHUT_AFTER:
            log.error("circuit.shut", provider=row["provider"], account=row["account_id"], code=row["code"])
    return {(row["provider"], row["account_id"]) for row in rows if row["state"] != "closed"}


def _write_works(works: list[Key]) -> None:
    params = {"providers": [key[0] for key in works], "accounts": [key[1] for key in works]}
    for row in sql.retried(lambda: sql.rows(_WORKS, params)):
        if row["was"] != "closed":
            log.warning("circuit.works_again", provider=row["provider"], account=row["account_id"])


def shut() -> list[dict[str, Any]]:
    """The accounts that take nothing at the moment, the longest first; a hundred at most."""
    return sql.rows(_SHUT)


def shut_for(*, business_id: int, provider: str) -> dict[str, Any] | None:
    """Why a business's messages by this provider wait; None where its account works."""
    return sql.row(_OF_SENDER, {"business": business_id, "provider": provider})


def try_now(*, circuit_id: int) -> None:
    """Let the next messages try a shut account at once: after somebody mended it."""
    sql.rows(_TRY_NOW, {"id": circuit_id})
