"""Is it alive, and can it work: for load balancers and operators; no credential is needed."""

import time
from collections.abc import Callable
from typing import Any, Literal

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from drf_spectacular.utils import OpenApiResponse, extend_schema
from pydantic import BaseModel, ConfigDict
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.services import circuits, listening
from omega_project import heartbeat
from omega_project.lib import jobs, sql
from omega_project.lib.api.endpoints import OmegaViewSet
from omega_project.lib.api.errors import Unavailable

# A message that has been due for so long says that nothing dispatches.
OVERDUE_SECONDS = 120
# A sender's budget that was used up for so long without being looked at says the same.
_RATE_SECONDS = 15

_OLDEST_DUE = """
SELECT COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(due_at)), 0)::float AS age FROM conversations_message m
WHERE status = 'queued' AND due_at IS NOT NULL AND due_at <= clock_timestamp() AND attempts = 0
    AND business_id NOT IN (SELECT id FROM accounts_business WHERE status = 'suspended')
    -- What waits for a shut account of a provider waits on purpose: `provider_accounts` tells of it.
    AND NOT EXISTS (
        SELECT 1 FROM messaging_circuit k WHERE k.state <> 'closed' AND k.provider = m.provider
        AND COALESCE(k.account_id, 0) = COALESCE((SELECT p.id FROM accounts_provideraccount p
            WHERE p.business_id = m.business_id AND p.provider = m.provider AND p.is_active), 0))
    -- So does what waits for its sender's rate. Where nothing dispatches any more, the rate is free within seconds.
    AND NOT EXISTS (
        SELECT 1 FROM messaging_senderbudget u JOIN accounts_sender s ON s.id = u.sender_id
        WHERE u.sender_id = m.sender_id AND u.tokens + EXTRACT(EPOCH FROM clock_timestamp() - u.refilled_at)::float
            * s.messages_per_second::float < 1 + %(seconds)s::float * s.messages_per_second::float)
"""


class Alive(BaseModel):
    status: str
    version: str


class Part(BaseModel):
    """One part: `ok` with its figures, `error` with a sentence, or `degraded`: to be looked at, and no 503."""

    model_config = ConfigDict(extra="allow")
    status: Literal["ok", "degraded", "error"]
    error: str | None = None


class DatabasePart(Part):
    latency_ms: float | None = None


class DatabaseHealth(BaseModel):
    status: Literal["ok", "error"]
    database: DatabasePart


class Ready(BaseModel):
    """Each part by its name."""

    status: Literal["ok", "error"]
    database: Part
    redis: Part
    migrations: Part
    oldest_due_message: Part
    workers: Part
    scheduler: Part
    provider_accounts: Part
    silent_senders: Part


class Health(OmegaViewSet):
    """`/health…`: open to all."""

    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    throttle_classes: list[type] = []

    @extend_schema(
        summary="Get Health",
        operation_id="health",
        description="Touches nothing: the program answers.",
        tags=["health"],
        responses={200: Alive},
    )
    def alive(self, request: Request) -> Response:
        return Response({"status": "ok", "version": settings.SPECTACULAR_SETTINGS["VERSION"]})

    @extend_schema(
        summary="Check Db Connection",
        operation_id="health_db",
        description="Asks the database one question.",
        tags=["health"],
        responses={200: DatabaseHealth, 503: OpenApiResponse(DatabaseHealth, description="With `error`.")},
    )
    def database(self, request: Request) -> Response:
        found = _asked(_database)
        status = "ok" if found["status"] == "ok" else "error"
        headers = {} if status == "ok" else {"Retry-After": "2"}
        return Response({"status": status, "database": found}, status=200 if status == "ok" else 503, headers=headers)

    @extend_schema(
        summary="Check every part",
        operation_id="health_ready",
        description=(
            "Database, Redis, migrations, the oldest due message, workers and scheduler, each named. Accounts at "
            "providers that take no messages at the moment, and senders that hear nothing of their provider any more, "
            "make their part `degraded`, and the answer no 503."
        ),
        tags=["health"],
        responses={200: Ready, 503: OpenApiResponse(Ready, description="A part is not well.")},
    )
    def ready(self, request: Request) -> Response:
        parts = {name: _asked(ask) for name, ask in PARTS.items()}
        well = all(part["status"] != "error" for part in parts.values())
        headers = {} if well else {"Retry-After": "2"}
        body = {"status": "ok" if well else "error", **parts}
        return Response(body, status=200 if well else 503, headers=headers)


def _asked(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"status": "ok"} | ask()
    except (DatabaseError, RedisError, Unavailable) as error:
        return {"status": "error", "error": str(error).strip().split("\n")[0]}


def _database() -> dict[str, Any]:
    began = time.perf_counter()
    sql.rows("SELECT 1 AS one")
    return {"latency_ms": round((time.perf_counter() - began) * 1000, 2)}


def _redis() -> dict[str, Any]:
    began = time.perf_counter()
    _line().ping()
    return {"latency_ms": round((time.perf_counter() - began) * 1000, 2)}


def _line() -> Any:
    line = jobs.redis_line()
    if line is None:
        raise Unavailable("Redis did not answer a moment ago.")
    return line


def _migrations() -> dict[str, Any]:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return {"status": "error" if pending else "ok", "pending": len(pending)}


def _oldest_due() -> dict[str, Any]:
    age = sql.rows(_OLDEST_DUE, {"seconds": _RATE_SECONDS})[0]["age"]
    return {"status": "error" if age > OVERDUE_SECONDS else "ok", "age_seconds": round(max(0.0, age), 1)}


def _workers() -> dict[str, Any]:
    alive = jobs.workers_alive(_line())
    return {"status": "ok" if alive else "error", "alive": alive}


def _scheduler() -> dict[str, Any]:
    age = heartbeat.seconds_since(_line())
    late = age is None or age > heartbeat.LATE_SECONDS
    return {"status": "error" if late else "ok", "last_beat_seconds_ago": age}


def _provider_accounts() -> dict[str, Any]:
    shut = [
        {
            "provider": row["provider"],
            "account": "platform" if row["account_id"] is None else f"account {row['account_id']}",
            "seconds": round(row["seconds"], 1),
            "code": row["code"],
        }
        for row in circuits.shut()
    ]
    return {"status": "degraded" if shut else "ok", "shut": shut}


def _silent_senders() -> dict[str, Any]:
    found = [row for row in listening.silent() if row["inbound"] or row["receipts"]]
    return {"status": "degraded" if found else "ok", "silent": found}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "database": _database,
    "redis": _redis,
    "migrations": _migrations,
    "oldest_due_message": _oldest_due,
    "workers": _workers,
    "scheduler": _scheduler,
    "provider_accounts": _provider_accounts,
    "silent_senders": _silent_senders,
}
