"""The scheduler outlives Redis: the same process wakes the sweeps again once it is back."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from omega_project.lib import embedded
from tests.support.processes import wait_for
from tools import programs

QUEUE = "rq:queue:io"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A Redis of this test's own, which it may end."""
    yield tmp_path
    embedded.stop(tmp_path)


@pytest.fixture
def scheduler(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = dict(os.environ) | {"REDIS_URL": embedded.redis_url(home), "DATABASE_URL": "postgres://nobody@/none"}
    with (home / "scheduler.log").open("wb") as log:
        program = programs.scheduler()
        process = subprocess.Popen(program.words, cwd=programs.ROOT, env=environment, stdout=log, stderr=log)
    yield process
    process.kill()
    process.wait()


def wakes(home: Path) -> bool:
    """Whether a job is queued now; those that were are taken away."""
    line = redis.Redis.from_url(embedded.redis_url(home))
    line.delete(QUEUE)
    return bool(wait_for(lambda: line.llen(QUEUE), 20))


def loses_redis(home: Path) -> bool:
    log = home / "scheduler.log"
    before = log.read_text().count("scheduler.waits")
    embedded.stop(home)
    return bool(wait_for(lambda: log.read_text().count("scheduler.waits") > before, 20))


def test_the_scheduler_goes_on_when_redis_is_back_and_ends_only_when_asked(home, scheduler):
    assert wakes(home)
    assert loses_redis(home)
    assert wakes(home)
    assert scheduler.poll() is None
    assert loses_redis(home)
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(20) == 0
