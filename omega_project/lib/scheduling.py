"""The clock that wakes the sweeps, and that outlives Redis: it waits for it instead of ending with it."""

import time
from types import FrameType

import structlog
from django_rq.cron import DjangoCronScheduler
from redis.exceptions import RedisError
from rq.exceptions import StopRequested

log = structlog.get_logger(__name__)
# What waits in the outbox goes within five seconds of Redis's return: a start anew would take most of them.
_AGAIN_SECONDS = 0.5


class OmegaScheduler(DjangoCronScheduler):
    """RQ's scheduler, which ends where Redis does; this one goes on as soon as it is back."""

    is_stopping = False

    def start(self) -> None:
        """Run until somebody asks to stop."""
        try:
            while not self.is_stopping:
                self._run()
        except StopRequested:  # in the pause
            return

    def _run(self) -> None:
        try:
            super().start()
        except RedisError as error:
            log.warning("scheduler.waits", error=str(error))
            if not self.is_stopping:
                time.sleep(_AGAIN_SECONDS)
        else:
            self.is_stopping = True

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.is_stopping = True
        super()._request_stop(signum, frame)
