"""Out: claim, deliver, settle (delivery.md). Claims and settles go by batch; many sends are in flight between them.

No transaction is open while a provider is called. A claim is a lease: a worker that dies leaves its messages to
`recovery`, and a worker that was stopped and wakes up late finds its fence (`attempts`) moved.
"""

import os
import queue
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings

from messaging.providers.base import Outcome, Provider, SendResult
from messaging.services import carriers, circuits, claiming, handover, settling, trail, wakeup
from messaging.services.prepared import NotReady, Prepared
from omega_project.lib import failpoints, jobs, sealing
from omega_project.lib.api.middleware import drop_dead_connection
from omega_project.lib.metrics import PROVIDER_CALLS

log = structlog.get_logger(__name__)
SLICE_SECONDS = 10.0
# Slices in one job where Redis takes no hint; RQ ends a job that takes longer than its time (lib/jobs.py).
_MOST_SLICES = 5
# A try that has not begun this long after its claim is given back: the lease must outlive every call.
BEGIN_WITHIN_SECONDS = 2.0
# What putting a mail and its files together may take besides, before the call begins.
PREPARING_SECONDS = 1.5
# So long a run of the dispatcher gives to messages that go alone, before all others.
ALONE_SECONDS = 2.0
_GATHER_SECONDS = 0.008
_GATHER_MOST = 64
WORKER = f"{socket.gethostname()}:{os.getpid()}"[:64]


@dataclass(frozen=True, slots=True)
class Delivered:
    claim: claiming.Claim
    result: SendResult


class Drain:
    """One run of the dispatcher: keeps up to `concurrency` sends in flight until nothing is due."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.done: queue.SimpleQueue[Delivered] = queue.SimpleQueue()
        self.in_flight = 0
        self.by_business: Counter[int] = Counter()
        self.troubled: frozenset[circuits.Key] = frozenset()
        self.pool = ThreadPoolExecutor(concurrency, thread_name_prefix="send")

    def run(self, seconds: float) -> bool:
        """Send until nothing is due, time is up or the worker is asked to stop. True where work may be left."""
        ends = time.monotonic() + seconds
        try:
            self._suspects()
            while True:
                drop_dead_connection()
                stop = jobs.is_stopping() or time.monotonic() > ends
                moved = 0 if stop else self._claim()
                if not moved and not self.in_flight:
                    return stop
                self._settle(self._gather(wait=self.in_flight > 0))
        finally:
            self._finish()

    def _suspects(self) -> None:
        """What two workers died over goes first, each by itself: if this process dies too, nothing else is lost."""
        ends = time.monotonic() + ALONE_SECONDS
        while time.monotonic() < ends and not jobs.is_stopping():
            drop_dead_connection()
            if not self._take(claiming.claim_alone(worker=WORKER), time.time_ns()):
                return
            while self.in_flight:
                self._settle(self._gather(wait=True))

    def _claim(self) -> int:
        """Claim what there is room for; how many messages that moved, those set aside included."""
        room = self.concurrency - self.in_flight
        if room < self.concurrency // 4 and self.in_flight:
            return 0
        began = time.time_ns()
        claimed = claiming.claim_due(room=room, in_flight=self.by_business, most=self._share(), worker=WORKER)
        return self._take(claimed, began)

    def _take(self, claimed: claiming.Claimed, began: int) -> int:
        claimed_at = time.monotonic()
        self.troubled = claimed.troubled
        trail.told_claimed(claimed.claims, began)
        for claim, ready in zip(claimed.claims, handover.prepare(claimed.claims), strict=True):
            self.in_flight += 1
            self.by_business[claim.business_id] += 1
            self.pool.submit(self._deliver, claim, provider_for(claim), ready, claimed_at)
        return len(claimed.claims) + claimed.set_aside

    def _share(self) -> int:
        """No business fills the last quarter of the slots: another one's message finds room at once."""
        return max(1, self.concurrency * 3 // 4)

    def _deliver(
        self, claim: claiming.Claim, provider: Provider | SendResult, ready: Prepared, claimed_at: float
    ) -> None:
        left = BEGIN_WITHIN_SECONDS - (time.monotonic() - claimed_at)
        if left < 0:
            result = SendResult(Outcome.NOT_TAKEN, code="released", detail="the worker was held up before the call")
        else:
            began, moment = time.monotonic(), time.time_ns()
            result = send(claim, provider, ready, left)
            PROVIDER_CALLS.labels(claim.channel, claim.provider, result.outcome.value).observe(time.monotonic() - began)
            trail.told_called(claim, result, moment)
        self.done.put(Delivered(claim, result))

    def _gather(self, *, wait: bool) -> list[Delivered]:
        """What is finished: at least one (where `wait`), then what comes within some milliseconds."""
        found: list[Delivered] = []
        ends = time.monotonic() + _GATHER_SECONDS
        while len(found) < min(_GATHER_MOST, self.in_flight):
            left = ends - time.monotonic()
            try:
                found.append(self.done.get(timeout=0.25 if wait and not found else max(0.0, left)))
            except queue.Empty:
                break
        return found

    def _settle(self, finished: list[Delivered]) -> None:
        if not finished:
            return
        began, settled = time.time_ns(), [(item.claim, item.result) for item in finished]
        settling.settle(settled, troubled=self.troubled)
        trail.told_settled(settled, began)
        for item in finished:
            self.in_flight -= 1
            self.by_business[item.claim.business_id] -= 1

    def _finish(self) -> None:
        """Settle what is still in flight, within the longest that a call takes; then the lease takes over."""
        ends = time.monotonic() + claiming.LEASE_SECONDS + claiming.UPLOAD_LEASE_SECONDS
        try:
            while self.in_flight > 0 and time.monotonic() < ends:
                self._settle(self._gather(wait=True))
        finally:
            self.pool.shutdown(wait=False, cancel_futures=True)


def provider_for(claim: claiming.Claim) -> Provider | SendResult:
    """The provider that takes this message, or what it means that there is none. Asks the database."""
    try:
        provider = carriers.provider_of(claim.business_id, claim.provider)
    except sealing.CannotOpen as error:
        log.error("send.sealed", business_id=claim.business_id, provider=claim.provider)
        return SendResult(Outcome.NOT_TAKEN, code="sealed", detail=str(error))
    if provider is None:
        return SendResult(Outcome.REFUSED, code="no_provider", detail=f"There is no provider {claim.provider!r}.")
    return provider


def send(
    claim: claiming.Claim, provider: Provider | SendResult, ready: Prepared, seconds: float = BEGIN_WITHIN_SECONDS
) -> SendResult:
    """Call the provider, beginning within `seconds`. Whatever is raised, the outcome loses and doubles nothing."""
    if isinstance(provider, SendResult):
        return provider
    called, latest = False, time.monotonic() + seconds + PREPARING_SECONDS
    try:
        with handover.room.taken(ready.weight, seconds):
            message = ready.make()
            failpoints.hit("deliver.before_call", claim.body)
            if time.monotonic() > latest:  # stopped meanwhile: the lease may have ended, and another worker has it
                return SendResult(Outcome.NOT_TAKEN, code="released", detail="the worker was held up before the call")
            called = True
            result = provider.send(message)
            failpoints.hit("deliver.after_call", claim.body)
            return result
    except NotReady as error:
        return error.result
    except Exception as error:
        log.exception("send.failed", message_id=claim.message_id)
        outcome = Outcome.UNKNOWN if called else Outcome.NOT_TAKEN
        return SendResult(outcome, code="adapter", detail=repr(error)[:300])


def drain(seconds: float = SLICE_SECONDS) -> bool:
    """Send what is due for at most `seconds`. True where work may be left."""
    return Drain(settings.DISPATCH_CONCURRENCY).run(seconds)


def dispatch() -> None:
    """A slice of sending, and a hint for the next one, so that other jobs have their turn between them.

    Where Redis took no hint (it rests a second after a time-out), nobody would go on before the sweep: this does.
    """
    for _ in range(_MOST_SLICES):
        if not drain():
            return
        wakeup.wake_dispatch(1)
        if jobs.redis_line() is not None:
            return


__all__: list[Any] = ["Drain", "dispatch", "drain", "provider_for", "send"]
