"""Prometheus's scrape: what the processes counted, and what the database and Redis say at this moment.

Each figure is bounded: partial indexes of the outbox, and no count further than ten thousand.
"""

from collections.abc import Iterator
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

from messaging.services import spool
from omega_project import heartbeat
from omega_project.lib import jobs, metrics, sql
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import OmegaViewSet
from omega_project.lib.api.schema import ErrorBody

log = structlog.get_logger(__name__)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST = 10_000

_OUTBOX = """
SELECT channel, status, count(*)::int AS n, COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(due_at)
    FILTER (WHERE due_at <= clock_timestamp())), 0)::float AS oldest
FROM (
    (SELECT channel, status, due_at FROM conversations_message
     WHERE status = 'queued' AND due_at IS NOT NULL
         AND business_id NOT IN (SELECT id FROM accounts_business WHERE status = 'suspended') LIMIT {most})
    UNION ALL
    (SELECT channel, status, due_at FROM conversations_message
     WHERE status IN ('sending', 'unknown') AND due_at IS NOT NULL LIMIT {most})
) x GROUP BY channel, status
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
        yield _gauge(
            "omega_spool_events", "Webhooks on this machine's disk, to be stored.", [], [{"n": spool.waiting()}], "n"
        )


def _gauge(name: str, text: str, labels: list[str], rows: list[dict[str, Any]], value: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for row in rows:
        family.add_metric([str(row[label]) for label in labels], row[value])
    return family


def _of_database() -> list[GaugeMetricFamily]:
    outbox, attempts, events = (sql.rows(one.format(most=MOST)) for one in (_OUTBOX, _ATTEMPTS, _EVENTS))
    marks = sql.rows(_MARKS)
    by_outbox = ["channel", "status"]
    return [
        _gauge("omega_outbox_messages", "Messages on their way, ten thousand at most.", by_outbox, outbox, "n"),
        _gauge("omega_outbox_oldest_due_seconds", "Age of the oldest due message.", by_outbox, outbox, "oldest"),
        _gauge(
            "omega_attempts_last_5_minutes", "Tries to hand a message over, of the last ten thousand.",
            ["channel", "provider", "outcome"], attempts, "n",
        ),
        _gauge("omega_events_waiting", "Webhook events not processed: to be tried again, or failed.",
               ["status"], events, "n"),
        _gauge("omega_reconcile_behind_seconds", "How far the sender that is furthest behind was compared.",
               [], marks, "oldest"),
        _gauge("omega_reconcile_failing_senders", "Senders whose provider could not be asked.", [], marks, "failing"),
    ]  # fmt: skip


def _of_redis() -> list[GaugeMetricFamily]:
    line = jobs.redis_line()
    if line is None:
        raise RedisError("Redis did not answer a moment ago.")
    queues = [{"queue": name, "n": Queue(name, connection=line).count} for name in settings.RQ_QUEUES]
    beat = heartbeat.seconds_since(line)
    return [
        _gauge("omega_queue_jobs", "Jobs that wait in a queue.", ["queue"], queues, "n"),
        _gauge("omega_workers_alive", "Workers heard of in the last minute.", [],
               [{"n": jobs.workers_alive(line)}], "n"),
        _gauge("omega_scheduler_beat_seconds", "Seconds since the scheduler's last beat; -1 where there was none.", [],
               [{"n": -1 if beat is None else beat}], "n"),
    ]  # fmt: skip


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
