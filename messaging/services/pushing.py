"""Pushing what changes to host platforms: an endpoint is a reader of the feed, and a delivery one change for it.

Deliveries are made from the feed in its order, once each, and sent in that order: the next one leaves when the one
before it was taken. A lease keeps an endpoint to one worker. A worker that dies in the middle leaves a delivery that
may have arrived and is sent again under the same id: at least once, and never out of order.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import transaction

from conversations.services import changes
from messaging.services import webhook_endpoints, webhook_signing
from omega_project.lib import jobs, sealing, sql
from omega_project.lib.api.middleware import drop_dead_connection
from omega_project.lib.http import FetchError
from omega_project.lib.metrics import WEBHOOK_DELIVERIES
from omega_project.lib.posting import Line

log = structlog.get_logger(__name__)
# What a change is to its reader: made by the app's serializers, which stand above services.
Render = Callable[[int, changes.Change], dict[str, Any]]

SLICE_SECONDS = 10.0
POST_SECONDS = 10.0
# The lease outlives a slice's longest batch: what began within the slice ends within a post's time.
_LEASE_SECONDS = 60
_AT_ONCE, _BATCH, _READ_AT_ONCE = 16, 50, 100
# How long after each try that failed the next one is made, a quarter more at random; after the last of them no more.
BACK_OFF = (5, 30, 120, 600, 3600, 7200, 14400, 28800, 43200, 86400)
_MOST_RESPONSE = 1000
# A secret that opens with none of our keys is our own trouble: until it is mended nothing is tried, nor given up.
_SEALED_SECONDS = 60.0
KEPT_DAYS = 30
_MOST_PRUNED = 2000

_CLAIM = """
UPDATE messaging_webhookendpoint e SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s::int)
FROM (
    SELECT o.id FROM messaging_webhookendpoint o
    WHERE o.is_enabled AND o.due_at <= clock_timestamp()
      AND (o.lease_until IS NULL OR o.lease_until < clock_timestamp())
      AND (EXISTS (SELECT 1 FROM messaging_webhookdelivery d WHERE d.endpoint_id = o.id AND d.status = 'pending')
        OR EXISTS (SELECT 1 FROM conversations_change c WHERE c.business_id = o.business_id AND c.position IS NULL)
        OR EXISTS (SELECT 1 FROM conversations_change c
                   WHERE c.business_id = o.business_id AND c.position > o.position))
    ORDER BY o.due_at, o.id LIMIT %(most)s::int FOR UPDATE OF o SKIP LOCKED
) due
WHERE e.id = due.id
RETURNING e.id, e.business_id, e.url, e.events, e.secrets, e.rotated_at, e.position, e.lease_until
"""
_NEXT = """
SELECT id, webhook_id, payload, type, tries FROM messaging_webhookdelivery
WHERE endpoint_id = %(endpoint)s::bigint AND status = 'pending' ORDER BY id LIMIT %(most)s::int
"""
_MAKE = """
INSERT INTO messaging_webhookdelivery (business_id, endpoint_id, position, webhook_id, type, client_id, payload, status,
    attempts, tries, response, error, created_at)
SELECT %(business)s::bigint, %(endpoint)s::bigint, x.position, x.webhook_id, x.type, x.client_id, x.payload, 'pending',
    0, 0, '', '', clock_timestamp()
FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS x(position bigint, webhook_id text, type text, client_id bigint, payload text)
ORDER BY x.position ON CONFLICT DO NOTHING
"""
_MOVE_ON = """
UPDATE messaging_webhookendpoint SET position = %(position)s::bigint
WHERE id = %(endpoint)s::bigint AND position < %(position)s::bigint
"""
_TOLD = """
UPDATE messaging_webhookdelivery d SET status = x.status, attempts = d.attempts + 1, tries = d.tries + 1,
    response_status = x.response_status, response = x.response, error = x.error, milliseconds = x.milliseconds,
    attempted_at = clock_timestamp(), delivered_at = CASE WHEN x.status = 'delivered' THEN clock_timestamp() END
FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS x(id bigint, status text, response_status int, response text, error text, milliseconds int)
WHERE d.id = x.id AND d.status = 'pending'
"""
_ONLY_ONE = "SELECT pg_try_advisory_lock(hashtextextended('messaging.push', 0)) AS mine"
_DONE = "SELECT pg_advisory_unlock(hashtextextended('messaging.push', 0))"
# The lease is the fence: whoever comes back after it ran out changes nothing of what the next one does.
_LET_GO = """
UPDATE messaging_webhookendpoint SET lease_until = NULL,
    due_at = clock_timestamp() + make_interval(secs => %(wait)s::float),
    failing_since = CASE WHEN %(fails)s::bool THEN COALESCE(failing_since, clock_timestamp()) END,
    is_enabled = is_enabled AND %(off)s::text = '',
    disabled_reason = CASE WHEN %(off)s::text = '' THEN disabled_reason ELSE %(off)s::text END,
    updated_at = CASE WHEN %(off)s::text = '' THEN updated_at ELSE clock_timestamp() END
WHERE id = %(endpoint)s::bigint AND lease_until = %(lease)s::timestamptz
"""
_PRUNE = """
DELETE FROM messaging_webhookdelivery WHERE id IN (
    SELECT id FROM messaging_webhookdelivery WHERE status <> 'pending' ORDER BY id LIMIT %(most)s::int
) AND created_at < now() - make_interval(days => %(days)s::int)
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint whose lease we hold."""

    id: int
    business_id: int
    url: str
    events: list[str]
    secrets: bytes
    rotated_at: datetime | None
    position: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery that waits."""

    id: int
    webhook_id: str
    payload: str
    type: str
    tries: int


@dataclass(slots=True)
class Try:
    """What became of a delivery. `again_after`: what the receiver asked for, in seconds."""

    delivery: Delivery
    error: str = ""
    status: int | None = None
    response: str = ""
    milliseconds: int | None = None
    again_after: int | None = None
    is_gone: bool = False

    @property
    def is_last(self) -> bool:
        return self.is_gone or self.delivery.tries >= len(BACK_OFF)

    @property
    def row(self) -> dict[str, Any]:
        state = "delivered" if not self.error else "failed" if self.is_last else "pending"
        return {
            "id": self.delivery.id, "status": state, "response_status": self.status, "response": self.response,
            "error": self.error, "milliseconds": self.milliseconds,
        }  # fmt: skip


@dataclass(slots=True)
class Round:
    """One endpoint's turn: what waits, how it went, and whether more may wait behind it."""

    endpoint: Endpoint
    waiting: list[Delivery]
    more: bool
    tries: list[Try] = field(default_factory=list)
    is_sealed: bool = False

    @property
    def failure(self) -> Try | None:
        return self.tries[-1] if self.tries and self.tries[-1].error else None


def push(render: Render, seconds: float = SLICE_SECONDS) -> bool:
    """Push what waits, endpoints side by side, for at most `seconds`. True where more may wait.

    One worker at a time: slow receivers must not hold up all that send messages.
    """
    if not sql.rows(_ONLY_ONE)[0]["mine"]:
        return False
    try:
        return _push(render, time.monotonic() + seconds)
    finally:
        sql.rows(_DONE)


def _push(render: Render, ends: float) -> bool:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="push") as pool:
        while True:
            drop_dead_connection()
            if jobs.is_stopping() or time.monotonic() > ends:
                return True
            rounds = [_round(one, render) for one in _claim()]
            list(pool.map(lambda one: _send(one, ends), rounds))
            for one in rounds:
                _settle(one)
            if not any(one.more and not one.failure and not one.is_sealed for one in rounds):
                return False


def _claim() -> list[Endpoint]:
    rows = sql.in_transaction(lambda: sql.rows(_CLAIM, {"lease": _LEASE_SECONDS, "most": _AT_ONCE}))
    return [Endpoint(**row) for row in rows]


def _round(endpoint: Endpoint, render: Render) -> Round:
    """What waits for the endpoint; where nothing does, made from the feed."""
    waiting = _waiting(endpoint)
    if waiting:
        return Round(endpoint, waiting, more=True)
    more = _make(endpoint, render)
    waiting = _waiting(endpoint)
    return Round(endpoint, waiting, more=more or len(waiting) == _BATCH)


def _waiting(endpoint: Endpoint) -> list[Delivery]:
    rows = sql.rows(_NEXT, {"endpoint": endpoint.id, "most": _BATCH})
    return [Delivery(**row) for row in rows]


def _make(endpoint: Endpoint, render: Render) -> bool:
    """Deliveries of the changes behind the endpoint's place; whether there are more."""
    try:
        page = changes.read(business_id=endpoint.business_id, after=endpoint.position, limit=_READ_AT_ONCE)
    except changes.Forgotten:
        log.warning("push.gap", endpoint_id=endpoint.id, after=endpoint.position)
        page = changes.read(business_id=endpoint.business_id, after=None, limit=_READ_AT_ONCE)
    wanted = [one for one in page.changes if not endpoint.events or one.kind in endpoint.events]
    rows = [_row(endpoint, one, render) for one in wanted]

    def store() -> None:
        if rows:
            params = {"business": endpoint.business_id, "endpoint": endpoint.id, "rows": orjson.dumps(rows).decode()}
            sql.rows(_MAKE, params)
        sql.rows(_MOVE_ON, {"endpoint": endpoint.id, "position": page.position})

    if page.position > endpoint.position:
        sql.in_transaction(store)
    return page.has_more


def _row(endpoint: Endpoint, change: changes.Change, render: Render) -> dict[str, Any]:
    told = render(endpoint.business_id, change)
    payload = {
        "type": told["type"], "timestamp": told["at"], "business_id": endpoint.business_id, "cursor": told["cursor"],
        "data": told["data"],
    }  # fmt: skip
    return {
        "position": change.position,
        "webhook_id": f"msg_{endpoint.id}_{change.position}",
        "type": change.kind,
        "client_id": change.row.get("client_id"),
        "payload": orjson.dumps(payload, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC).decode(),
    }


def _send(one: Round, ends: float) -> None:
    """Post what waits, in order, until one is not taken or time is up. Asks no database."""
    try:
        signers = webhook_endpoints.signers_of(one.endpoint.secrets, one.endpoint.rotated_at)
        line = None
        for delivery in one.waiting:
            if one.tries and (time.monotonic() > ends or jobs.is_stopping()):
                break
            line = line or Line(one.endpoint.url, private_is_fine=settings.WEBHOOKS_TO_PRIVATE_ADDRESSES)
            one.tries.append(_try(line, delivery, signers))
            if one.failure:
                break
        if line is not None:
            line.close()
    except FetchError as error:
        one.tries.append(Try(one.waiting[len(one.tries)], error=str(error)))
    except sealing.CannotOpen as error:
        log.error("push.sealed", endpoint_id=one.endpoint.id, error=str(error))
        one.is_sealed = True


def _try(line: Line, delivery: Delivery, signers: list[str]) -> Try:
    payload = delivery.payload.encode()
    headers = {"Content-Type": "application/json"}
    headers |= webhook_signing.headers(signers, delivery.webhook_id, int(time.time()), payload)
    try:
        answer = line.post(payload, headers, seconds=POST_SECONDS)
    except FetchError as error:
        return Try(delivery, error=str(error))
    done = Try(delivery, "", answer.status, answer.text[:_MOST_RESPONSE], answer.milliseconds, answer.retry_after)
    if not 200 <= answer.status < 300:
        done.error = f"The endpoint answered with status {answer.status}."
        done.is_gone = answer.status == 410  # the spec's word for "send nothing more"
    return done


def _settle(one: Round) -> None:
    for each in one.tries:
        WEBHOOK_DELIVERIES.labels("failed" if each.error else "delivered").inc()
    params = {
        "endpoint": one.endpoint.id, "lease": one.endpoint.lease_until, "wait": _wait(one),
        "fails": one.failure is not None, "off": _why_off(one.failure),
    }  # fmt: skip
    rows = orjson.dumps([each.row for each in one.tries]).decode()
    with transaction.atomic():
        if one.tries:
            sql.rows(_TOLD, {"rows": rows})
        sql.rows(_LET_GO, params)


def _wait(one: Round) -> float:
    """Until the next try: the back-off, and never sooner than the receiver asked for."""
    failure = one.failure
    if failure is None:
        return _SEALED_SECONDS if one.is_sealed else 0.0
    seconds = BACK_OFF[min(failure.delivery.tries, len(BACK_OFF) - 1)] * random.uniform(1.0, 1.25)  # noqa: S311
    return max(seconds, float(min(failure.again_after or 0, BACK_OFF[-1])))


def _why_off(failure: Try | None) -> str:
    if failure is None or not failure.is_last:
        return ""
    if failure.is_gone:
        return "It answered 410: nothing more is wanted there."
    return f"A delivery failed {failure.delivery.tries + 1} times over days; the last time: {failure.error}"[:255]


def prune() -> int:
    """Forget the oldest deliveries that are done with; the room is made by a job each minute."""
    return len(sql.rows(_PRUNE + " RETURNING id", {"most": _MOST_PRUNED, "days": KEPT_DAYS}))
