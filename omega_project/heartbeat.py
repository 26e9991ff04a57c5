"""The scheduler's beat as the workers hear it, kept in Redis for the readiness check."""

import time

from redis import Redis

from omega_project.lib import jobs

KEY = "omega:scheduler:beat"
LATE_SECONDS = 30


def beat() -> None:
    """A worker took the scheduler's beat: both are alive."""
    line = jobs.redis_line()
    if line is not None:
        line.set(KEY, int(time.time()), ex=3600)


def seconds_since(redis: Redis) -> float | None:
    """Seconds since the last beat; None where none was heard within the hour."""
    value = redis.get(KEY)
    return max(0.0, time.time() - int(value)) if value else None
