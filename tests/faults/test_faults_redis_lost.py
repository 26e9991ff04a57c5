"""Worker and scheduler outlive Redis, whatever they were at: the same processes go on once it is back."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import rq

from omega_project.lib import embedded
from tests.support.processes import wait_for
from tools import programs

WAKENED = "rq:queue:io"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A Redis of this test's own, which it may end."""
    yield tmp_path
    embedded.stop(tmp_path)


@contextlib.contextmanager
def running(home: Path, program: programs.Program) -> Iterator[subprocess.Popen[bytes]]:
    environment = dict(os.environ) | {"REDIS_URL": embedded.redis_url(home), "DATABASE_URL": "postgres://nobody@/none"}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(program.words, cwd=programs.ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def log_of(home: Path) -> str:
    return (home / "log").read_text()


def loses_redis(home: Path, word: str) -> bool:
    before = log_of(home).count(word)
    embedded.stop(home)
    return bool(wait_for(lambda: log_of(home).count(word) > before, 20))


def wakes(home: Path) -> bool:
    """Whether a job is queued now; those that were are taken away."""
    line = redis.Redis.from_url(embedded.redis_url(home))
    line.delete(WAKENED)
    return bool(wait_for(lambda: line.llen(WAKENED), 20))


def test_the_scheduler_goes_on_when_redis_is_back_and_ends_only_when_asked(home):
    with running(home, programs.scheduler()) as process:
        assert wakes(home), log_of(home)
        assert loses_redis(home, "scheduler.waits")
        assert wakes(home), log_of(home)
        assert process.poll() is None
        assert loses_redis(home, "scheduler.waits")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def works(home: Path, seconds: float) -> rq.job.Job:
    """A job that takes so long, once a worker has it."""
    queue = rq.Queue("io", connection=redis.Redis.from_url(embedded.redis_url(home)))
    job = queue.enqueue("time.sleep", seconds)
    assert wait_for(lambda: job.get_status() in {"started", "finished"}, 20), log_of(home)
    return job


def test_a_worker_goes_on_when_redis_is_back_even_where_that_died_under_its_job(home):
    with running(home, programs.workers()[1]) as process:
        works(home, 2.0)
        assert redis.Redis.from_url(embedded.redis_url(home)).pubsub_channels() == []  # its thread would take answers
        assert loses_redis(home, "worker.waits")
        assert wait_for(lambda: works(home, 0.0).get_status() == "finished", 20), log_of(home)
        assert process.poll() is None
        assert loses_redis(home, "could not connect")  # in the midst of its wait for a job
        assert wait_for(lambda: works(home, 0.0).get_status() == "finished", 20), log_of(home)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_worker_that_starts_without_redis_waits_for_it(home):
    embedded.redis_url(home)
    with running(home, programs.workers()[1]) as process:
        embedded.stop(home)
        assert wait_for(lambda: "worker.waits" in log_of(home), 20), log_of(home)
        assert wait_for(lambda: works(home, 0.0).get_status() == "finished", 20), log_of(home)
        assert process.poll() is None
