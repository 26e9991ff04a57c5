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
_LONG_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_own = CollectorRegistry()
REQUESTS = Histogram(
    "omega_http_request_seconds", "Time to answer a request, by route.", ["method", "route", "status"],
    buckets=_SECONDS, registry=_own,
)  # fmt: skip
PROVIDER_CALLS = Histogram(
    "omega_provider_call_seconds", "Time that a provider took for a send, by what came of it.",
    ["channel", "provider", "outcome"], buckets=_SECONDS, registry=_own,
)  # fmt: skip
WAITS = Histogram(
    "omega_message_wait_seconds", "From when a message was due until it was first claimed.", ["channel", "queue"],
    buckets=_LONG_SECONDS, registry=_own,
)  # fmt: skip
MESSAGES = Counter(
    "omega_messages", "Messages written into timelines, with the status that they began with.",
    ["channel", "direction", "status"], registry=_own,
)  # fmt: skip
TRIES = Counter(
    "omega_message_tries", "Tries to hand a message over, by what they meant for it.",
    ["channel", "provider", "outcome"], registry=_own,
)  # fmt: skip
RECEIPTS = Histogram(
    "omega_receipt_seconds", "From the hand-over until a delivery receipt that changed the status, by what it says.",
    ["channel", "provider", "status"], buckets=_LONG_SECONDS, registry=_own,
)  # fmt: skip
WEBHOOKS = Counter(
    "omega_webhook_events", "What providers told us, by what came of it: at once, and when tried again.",
    ["provider", "kind", "outcome"], registry=_own,
)  # fmt: skip
WEBHOOK_DELIVERIES = Counter(
    "omega_webhook_deliveries", "Tries to push a change to a host platform, by what came of them.", ["outcome"],
    registry=_own,
)  # fmt: skip
JOBS = Histogram(
    "omega_job_seconds", "Time that a job took.", ["queue", "job", "outcome"], buckets=_LONG_SECONDS, registry=_own
)
JOB_WAITS = Histogram(
    "omega_job_wait_seconds", "From when a job was queued until a worker took it.", ["queue"], buckets=_LONG_SECONDS,
    registry=_own,
)  # fmt: skip
CARRIER_ALERTS = Counter(
    "omega_carrier_alerts", "Refusals that somebody has to know of: our set-up, or a code that nobody wrote down.",
    ["provider", "code"], registry=_own,
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
