"""The one door to the queue: after commit, ids only; and a worker that comes back when Redis does.

Redis holds hints, never truth: each function here may lose its job, and the sweep finds the work again.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import connection, transaction
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import StopRequested
from rq.job import Job
from rq.worker import SimpleWorker

from omega_project.lib import failpoints, reach, tracing
from omega_project.lib.api.middleware import drop_dead_connection
from omega_project.lib.metrics import JOB_WAITS, JOBS

log = structlog.get_logger(__name__)
# A caller waits for the answer, not for Redis: after a failure it is left alone for a moment.
_TIMEOUT_SECONDS = 0.1
_REST_SECONDS = 1.0
_KICK_SECONDS = 5
# How often a worker looks whether Redis is back.
_AGAIN_SECONDS = 0.5
_JOB_SECONDS = 120
# The scheduler's beats come every second and go round the workers: one that took none for so long is gone.
_WORKERS = "omega:workers"
_ALIVE_SECONDS = 60.0


class _Line:
    """This process's connection to Redis for enqueueing, with short time-outs and a rest after a failure."""

    def __init__(self) -> None:
        self.redis: Redis | None = None
        self.resting_until = 0.0

    def get(self) -> Redis | None:
        if time.monotonic() < self.resting_until:
            return None
        if self.redis is None:
            self.redis = Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        return self.redis

    def rest(self, error: RedisError) -> None:
        self.resting_until = time.monotonic() + _REST_SECONDS
        log.warning("queue.unreachable", error=str(error))


_line = _Line()


def redis_line() -> Redis | None:
    """Redis with short time-outs; None in the moment after it failed."""
    return _line.get()


def redis_failed(error: RedisError) -> None:
    """Tell that `redis_line` failed: it is left alone for a second."""
    _line.rest(error)


def enqueue(queue: str, job: str, *ids: int) -> None:
    """Queue `job(*ids)` once this transaction commits; `job` is a dotted path, so that services import no jobs.

    A Redis that is away loses the hint, nothing else.
    """
    transaction.on_commit(lambda: _push(queue, job, ids))


def kick(queue: str, job: str) -> None:
    """Wake `job` on `queue` once this transaction commits; one pending wake-up is enough for any number of kicks."""
    transaction.on_commit(lambda: _kick(queue, job))


def kicked(queue: str, job: str) -> None:
    """The woken job says that it has begun: the next kick is a new one."""
    line = _line.get()
    if line is not None:
        try:
            line.delete(_kick_key(queue, job))
        except RedisError as error:
            _line.rest(error)


@contextmanager
def alone(name: str, seconds: int) -> Iterator[bool]:
    """Whether this process is to do what one at a time suffices for: another one may be at it, for `seconds` at most.

    A hint like all in Redis: where that is away, everybody does it.
    """
    mine = _taken(name, seconds)
    try:
        yield mine
    finally:
        if mine and (line := _line.get()) is not None:
            try:
                line.delete(f"omega:alone:{name}")
            except RedisError as error:
                _line.rest(error)


def _taken(name: str, seconds: int) -> bool:
    line = _line.get()
    if line is None:
        return True
    try:
        return bool(line.set(f"omega:alone:{name}", 1, nx=True, ex=seconds))
    except RedisError as error:
        _line.rest(error)
        return True


def _kick_key(queue: str, job: str) -> str:
    return f"omega:kick:{queue}:{job}"


def _kick(queue: str, job: str) -> None:
    failpoints.hit("queue.before_kick", job)
    line = _line.get()
    if line is None:
        return
    try:
        if line.set(_kick_key(queue, job), 1, nx=True, ex=_KICK_SECONDS):
            _enqueue(line, queue, job, ())
    except RedisError as error:
        _line.rest(error)


def _push(queue: str, job: str, ids: tuple[int, ...]) -> None:
    line = _line.get()
    if line is None:
        return
    try:
        _enqueue(line, queue, job, ids)
    except RedisError as error:
        _line.rest(error)


def _enqueue(line: Redis, queue: str, job: str, ids: tuple[int, ...]) -> None:
    traceparent = tracing.current() if ids else None
    meta = {"traceparent": traceparent} if traceparent else None
    Queue(queue, connection=line, default_timeout=_JOB_SECONDS).enqueue(
        job, *ids, result_ttl=0, failure_ttl=3600, ttl=300, meta=meta
    )


def _tell_wait(job: Job, queue: Queue) -> None:
    if job.enqueued_at is not None:
        JOB_WAITS.labels(queue.name).observe(max(0.0, (datetime.now(UTC) - job.enqueued_at).total_seconds()))


def _trace_of(job: Job) -> str | None:
    """The request that asked for this job; None for a wake-up, which is nobody's."""
    return job.meta.get("traceparent") if tracing.is_on() else None


class OmegaWorker(SimpleWorker):
    """RQ's worker without a fork per job (limits.md: four times the jobs).

    It waits for a lost Redis, whatever it was at, and goes on when that is back; it drops a dead database connection
    before a job, and tells a running drain to finish when it is asked to stop.
    """

    max_connection_wait_time = 1.0
    stopping = False

    def work(self, burst: bool = False, *args: Any, **options: Any) -> bool:
        """As RQ's; only that it ends with Redis alone, at the end of a job or at its own start, and this does not."""
        worked, is_limited = False, burst or bool(options.get("max_jobs") or options.get("max_idle_time"))
        while True:
            try:
                worked = super().work(burst, *args, **options) or worked
                if is_limited or self.stopping:
                    return worked
                self._wait_for_redis("ended by itself")
            except RedisError as error:
                self._wait_for_redis(str(error))
            except StopRequested:
                return worked

    def _wait_for_redis(self, why: str) -> None:
        """A moment; then it is another worker to RQ, since nobody could be told that the last one is gone."""
        log.warning("worker.waits", error=why)
        time.sleep(_AGAIN_SECONDS)
        self.name = uuid4().hex
        if self.stopping:
            raise StopRequested

    def subscribe(self) -> None:
        """Not to RQ's commands: none is sent, and the thread that hears them reads Redis's answers to `unsubscribe`.

        Where Redis came back in that moment, a worker waited for ever for an answer that its thread had taken.
        """

    def _set_ip_address(self, connection: Redis) -> None:
        while True:
            try:
                return super()._set_ip_address(connection)
            except RedisError as error:
                log.warning("worker.waits", error=str(error))
                time.sleep(_AGAIN_SECONDS)

    def perform_job(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> bool:
        self._say_alive()
        drop_dead_connection()
        _tell_wait(job, queue)
        began, well = time.perf_counter(), False
        try:
            with tracing.span(str(job.func_name), kind="consumer", parent=_trace_of(job), job_queue=queue.name) as span:
                with reach.within(reach.NOTHING):  # each job says by itself how far it reaches
                    well = super().perform_job(job, queue, *args, **kwargs)
                if span is not None and not well:
                    span.fail()
            return well
        finally:
            outcome = "done" if well else "failed"
            JOBS.labels(queue.name, job.func_name, outcome).observe(time.perf_counter() - began)
            if connection.in_atomic_block:
                connection.close()

    def _say_alive(self) -> None:
        """RQ registers a worker once, at its start: after a flush of Redis nobody would know of it any more."""
        now = time.time()
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.zadd(_WORKERS, {self.name: now})
            pipeline.zremrangebyscore(_WORKERS, 0, now - _ALIVE_SECONDS)
            pipeline.execute()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        type(self).stopping = True
        super().request_stop(signum, frame)

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        type(self).stopping = True
        super().request_force_stop(signum, frame)


def workers_alive(line: Redis) -> int:
    """How many workers took a job within the last minute."""
    return int(line.zcount(_WORKERS, time.time() - _ALIVE_SECONDS, "+inf"))


def is_stopping() -> bool:
    """True once this worker was asked to stop (SIGTERM, SIGINT): a drain ends after what it has in hand."""
    return OmegaWorker.stopping


__all__ = [
    "OmegaWorker",
    "alone",
    "enqueue",
    "is_stopping",
    "kick",
    "kicked",
    "redis_failed",
    "redis_line",
    "workers_alive",
]
