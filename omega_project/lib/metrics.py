"""What is counted as it happens, by every process of a machine together: prometheus_client's multiprocess files.

An increment writes a few bytes into a mapped file (microseconds): no lock, no call to another service. What can be
asked of the database at the moment of the scrape is not counted here (omega_project/metrics.py).
"""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])  # set by the settings, before anybody imports prometheus_client
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_own = CollectorRegistry()
REQUESTS = Histogram(
    "omega_http_request_seconds", "Time to answer a request, by route.", ["method", "route", "status"],
    buckets=_SECONDS, registry=_own,
)  # fmt: skip
PROVIDER_CALLS = Histogram(
    "omega_provider_call_seconds", "Time that a provider took for a send, by what came of it.", ["provider", "outcome"],
    buckets=_SECONDS, registry=_own,
)  # fmt: skip
EVENTS = Counter(
    "omega_webhook_events", "Webhook events processed beside the plain way, by what came of them.",
    ["provider", "kind", "status"], registry=_own,
)  # fmt: skip


def forget_processes_gone() -> None:
    """Files of processes that ended long ago are not needed on: what they counted is lost after a week."""
    from_before = 7 * 86400
    newest = max((file.stat().st_mtime for file in FOLDER.glob("*.db")), default=0.0)
    for file in FOLDER.glob("*.db"):
        if newest - file.stat().st_mtime > from_before:
            file.unlink(missing_ok=True)


def counted() -> CollectorRegistry:
    """What all processes of this machine have counted, for one scrape."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(FOLDER))
    return registry
