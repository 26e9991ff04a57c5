"""Prometheus's scrape: what the processes counted, and what the database and Redis say at this moment.

Each figure is bounded: partial indexes of the outbox, and no count further than ten thousand.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from rest_framework.request import Request
from rq import Queue
from rq.job import Job

from messaging.services import circuits, listening, spool, wakeup
from omega_project import heartbeat
from omega_project.lib import jobs, metrics, sql
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import OmegaViewSet
from omega_project.lib.api.schema import ErrorBody

log = structlog.get_logger(__name__)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST = 10_000
_FOLDERS = {"spool": settings.SPOOL_DIR, "media": Path(settings.MEDIA_ROOT), "metrics": settings.METRICS_DIR}

_OUTBOX = """
SELECT channel, provider, priority, status, count(*)::int AS n,
    count(*) FILTER (WHERE status = 'queued' AND due_at <= clock_timestamp())::int AS due,
    COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(due_at)), 0)::float AS oldest
FROM (
    (SELECT channel, provider, priority, status, due_at FROM conversations_message
     WHERE status = 'queued' AND due_at IS NOT NULL
         AND business_id NOT IN (SELECT id FROM accounts_business WHERE status = 'suspended') LIMIT {most})
    UNION ALL
    (SELECT channel, provider, priority, status, due_at FROM conversations_message
     WHERE status IN ('sending', 'unknown') AND due_at IS NOT NULL LIMIT {most})
) x GROUP BY channel, provider, priority, status
"""
# The oldest of each sender and priority, by the index `outbox`: exact, however many are queued.
_OLDEST = """
WITH RECURSIVE active AS (
    (SELECT sender_id FROM conversations_message WHERE status = 'queued' AND due_at IS NOT NULL
     AND sender_id IS NOT NULL ORDER BY sender_id LIMIT 1)
    UNION ALL
    SELECT (SELECT m.sender_id FROM conversations_message m WHERE m.status = 'queued' AND m.due_at IS NOT NULL
            AND m.sender_id > a.sender_id ORDER BY m.sender_id LIMIT 1)
    FROM active a WHERE a.sender_id IS NOT NULL
)
SELECT s.channel, s.provider, p.priority, EXTRACT(EPOCH FROM clock_timestamp() - min(o.due_at))::float AS oldest
FROM active a JOIN accounts_sender s ON s.id = a.sender_id
JOIN accounts_business b ON b.id = s.business_id AND b.status <> 'suspended'
CROSS JOIN (VALUES (0), (1), (2)) AS p(priority) CROSS JOIN LATERAL (
    SELECT m.due_at FROM conversations_message m
    WHERE m.status = 'queued' AND m.due_at IS NOT NULL AND m.sender_id = s.id AND m.priority = p.priority
    ORDER BY m.due_at LIMIT 1
) o WHERE o.due_at <= clock_timestamp() GROUP BY 1, 2, 3
"""
_ATTEMPTS = """
SELECT m.channel, m.provider, a.outcome, count(*)::int AS n FROM (
    SELECT message_id, outcome FROM messaging_attempt WHERE id > (SELECT max(id) - {most} FROM messaging_attempt)
    AND started_at > clock_timestamp() - interval '5 minutes') a
JOIN conversations_message m ON m.id = a.message_id GROUP BY 1, 2, 3
"""
_EVENTS = """
SELECT status, count(*)::int AS n FROM (
    (SELECT status FROM messaging_webhookevent WHERE status IN ('pending', 'failed') AND next_attempt_at IS NOT NULL
     LIMIT {most})
    UNION ALL
    (SELECT status FROM messaging_webhookevent WHERE status = 'failed' AND next_attempt_at IS NULL
     ORDER BY id DESC LIMIT {most})
) x GROUP BY status
"""
_CONNECTIONS = """
SELECT numbackends AS n, current_setting('max_connections')::int AS most FROM pg_stat_database
WHERE datname = current_database()
"""
_MARKS = """
SELECT count(*) FILTER (WHERE error <> '')::int AS failing,
    COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(listed_until)), 0)::float AS oldest FROM messaging_watermark
"""


class Now(Collector):
    """The database's and Redis's figures of this moment; one of them that is away says so by `omega_up`."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("omega_up", "1 where the part answers.", labels=["part"])
        for part, figures in (("database", _of_database), ("redis", _of_redis)):
            try:
                yield from figures()
                up.add_metric([part], 1)
            except Exception as error:
                log.warning("metrics.part_away", part=part, error=str(error).split("\n")[0])
                up.add_metric([part], 0)
        yield up
        yield from _of_machine()


def _gauge(name: str, text: str, labels: list[str], rows: list[dict[str, Any]], value: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for row in rows:
        family.add_metric([str(row[label]) for label in labels], row[value])
    return family


def _of_database() -> list[GaugeMetricFamily]:
    attempts, events = (sql.rows(one.format(most=MOST)) for one in (_ATTEMPTS, _EVENTS))
    marks, connections = sql.rows(_MARKS), sql.rows(_CONNECTIONS)
    return [
        *_of_outbox(),
        _gauge(
            "omega_attempts_last_5_minutes", "Tries to hand a message over, of the last ten thousand.",
            ["channel", "provider", "outcome"], attempts, "n",
        ),
        _gauge("omega_events_waiting", "Webhook events not processed: to be tried again, or failed.",
               ["status"], events, "n"),
        _gauge("omega_reconcile_behind_seconds", "How far the sender that is furthest behind was compared.",
               [], marks, "oldest"),
        _gauge("omega_reconcile_failing_senders", "Senders whose provider could not be asked.", [], marks, "failing"),
        _of_circuits(),
        _of_silence(),
        _gauge("omega_database_connections", "Connections to this database.", [], connections, "n"),
        _gauge("omega_database_connections_limit", "Connections that the server takes.", [], connections, "most"),
    ]  # fmt: skip


def _of_circuits() -> GaugeMetricFamily:
    shut = [row | {"account": row["account_id"] or "platform"} for row in circuits.shut()]
    text = "Seconds since an account at a provider was shut: it failed again and again, and its messages wait."
    return _gauge("omega_provider_shut_seconds", text, ["provider", "account"], shut, "seconds")


def _of_silence() -> GaugeMetricFamily:
    found = [row | {"kind": kind, "n": row[kind]} for row in listening.silent() for kind in ("inbound", "receipts")]
    text = "Senders that used to hear callbacks and hear none: of incoming messages, or of receipts."
    return _gauge("omega_silent_senders", text, ["channel", "provider", "kind"], found, "n")


def _of_outbox() -> list[GaugeMetricFamily]:
    outbox, oldest = sql.rows(_OUTBOX.format(most=MOST)), sql.rows(_OLDEST)
    for row in [*outbox, *oldest]:
        row["queue"] = wakeup.QUEUES[row["priority"]]
    by_status = _summed(outbox, ("channel", "status"))
    ages = [row | {"status": "queued"} for row in oldest] + [row for row in outbox if row["status"] != "queued"]
    by_queue = ["channel", "provider", "queue"]
    return [
        _gauge("omega_outbox_messages", "Messages on their way, ten thousand at most.", ["channel", "status"],
               by_status, "n"),
        _gauge("omega_outbox_oldest_due_seconds", "Age of the oldest due message.", ["channel", "status"],
               _oldest(ages, by_status), "oldest"),
        _gauge("omega_due_messages", "Messages that could go now, ten thousand at most.", by_queue,
               _summed(outbox, ("channel", "provider", "queue"), "due"), "due"),
        _gauge("omega_due_oldest_seconds", "Age of the oldest message that could go now.", by_queue, oldest, "oldest"),
    ]  # fmt: skip


def _summed(rows: list[dict[str, Any]], labels: tuple[str, ...], value: str = "n") -> list[dict[str, Any]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        found[tuple(row[label] for label in labels)] += row[value]
    return [dict(zip(labels, key, strict=True)) | {value: count} for key, count in found.items()]


def _oldest(ages: list[dict[str, Any]], by_status: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The greatest age by channel and status; 0 where there are messages and none of them is due."""
    found = {(row["channel"], row["status"]): 0.0 for row in by_status}
    for row in ages:
        key = row["channel"], row["status"]
        found[key] = max(found.get(key, 0.0), row["oldest"])
    return [{"channel": key[0], "status": key[1], "oldest": age} for key, age in found.items()]


def _of_redis() -> list[GaugeMetricFamily]:
    line = jobs.redis_line()
    if line is None:
        raise RedisError("Redis did not answer a moment ago.")
    queues = [
        {"queue": one.name} | _waiting(one) for one in (Queue(name, connection=line) for name in settings.RQ_QUEUES)
    ]
    beat, alive, memory = heartbeat.seconds_since(line), jobs.workers_alive(line), line.info("memory")
    slots = [{"n": alive * settings.DISPATCH_CONCURRENCY}]
    return [
        _gauge("omega_queue_jobs", "Jobs that wait in a queue.", ["queue"], queues, "n"),
        _gauge("omega_queue_oldest_job_seconds", "Age of the job that is next.", ["queue"], queues, "oldest"),
        _gauge("omega_workers_alive", "Workers heard of in the last minute.", [], [{"n": alive}], "n"),
        _gauge("omega_dispatch_slots", "Messages that the living workers can have in flight at once.", [], slots, "n"),
        _gauge("omega_scheduler_beat_seconds", "Seconds since the scheduler's last beat; -1 where there was none.", [],
               [{"n": -1 if beat is None else beat}], "n"),
        _gauge("omega_redis_memory_bytes", "Memory that Redis uses.", [], [memory], "used_memory"),
        _gauge("omega_redis_memory_limit_bytes", "Memory that Redis may use; 0: no limit.", [], [memory], "maxmemory"),
    ]  # fmt: skip


def _waiting(queue: Queue) -> dict[str, Any]:
    """How many jobs wait, and for how long the next one has: 0 where none waits."""
    first = Job.fetch_many(queue.get_job_ids(0, 1), connection=queue.connection)
    since = first[0].enqueued_at if first and first[0] else None
    age = (datetime.now(UTC) - since).total_seconds() if since else 0.0
    return {"n": queue.count, "oldest": max(0.0, age)}


def _of_machine() -> list[GaugeMetricFamily]:
    kept = spool.usage()
    disks = [{"folder": name, "n": _free(path)} for name, path in _FOLDERS.items()]
    return [
        _gauge("omega_spool_events", "Webhooks on this machine's disk, to be stored.", [], [kept], "waiting"),
        _gauge("omega_spool_set_aside", "Files of the spool that could not be used.", [], [kept], "set_aside"),
        _gauge("omega_spool_bytes", "Bytes of webhooks on this machine's disk.", [], [kept], "bytes"),
        _gauge("omega_spool_limit_bytes", "Bytes that the spool may hold.", [], [{"n": settings.SPOOL_MAX_BYTES}], "n"),
        _gauge("omega_disk_free_bytes", "Free on the disk that a folder lies on.", ["folder"], disks, "n"),
    ]  # fmt: skip


def _free(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


class Metrics(OmegaViewSet):
    """`/metrics`: a platform key, or none under DEBUG."""

    def get_permissions(self) -> list[Any]:
        return [] if settings.DEBUG else list(super().get_permissions())

    @extend_schema(
        summary="Prometheus metrics",
        operation_id="metrics",
        description="Prometheus's text format. A platform key; none where DEBUG is on.",
        tags=["health"],
        responses={
            (200, "text/plain"): OpenApiResponse(str, description="Metrics."),
            401: OpenApiResponse(ErrorBody, description="No credential."),
            403: OpenApiResponse(ErrorBody, description="A business's key."),
            422: OpenApiResponse(ErrorBody, description="The request cannot be read."),
            429: OpenApiResponse(ErrorBody, description="Over the key's rate."),
            503: OpenApiResponse(ErrorBody, description="The keys cannot be looked up: the database is away."),
        },
    )
    def scrape(self, request: Request) -> HttpResponse:
        if request.auth is not None:
            caller(request).require_platform()
        now = CollectorRegistry()
        now.register(Now())
        return HttpResponse(generate_latest(metrics.counted()) + generate_latest(now), content_type=CONTENT_TYPE)
