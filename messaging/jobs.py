"""RQ's entries: at most five lines each. Losing one loses nothing: the sweep finds the work again."""

from conversations.change_serializers import change_object
from conversations.services import changes, merging, notifying, threads
from messaging.services import (
    backlog,
    delivery,
    intake,
    listening,
    media,
    pushing,
    reconciling,
    recovery,
    report_days,
    spooling,
    wakeup,
)
from omega_project.lib import jobs, metrics
from omega_project.lib.reach import everything


@everything()
def dispatch() -> None:
    """Send what is due, until nothing is or the slice is used up; then let the next job go on."""
    for queue in wakeup.QUEUES:
        jobs.kicked(queue, wakeup.DISPATCH)
    delivery.dispatch()


@everything()
def sweep() -> None:
    """Every second: what a lost hint or a dead worker left behind moves again, and what waited for the database."""
    spooling.drain()
    backlog.count_queues()
    recovery.sweep()
    reconciling.reconcile_due()


@everything()
def tidy() -> None:
    """Every few seconds: events to try again, media to fetch, snoozes that end, stragglers of merges."""
    intake.retry_due()
    media.requeue_due()
    threads.wake_snoozed()
    merging.carry_stragglers()
    notifying.email_due()
    metrics.forget_processes_gone()


@everything()
def reconcile() -> None:
    """Every few seconds: what came in and what became of what went out is compared with the provider's record."""
    reconciling.reconcile_due()


@everything()
def count_days() -> None:
    """Every half minute: the days of reports that changed are counted anew."""
    report_days.count_days()


@everything()
def listen() -> None:
    """Every minute: which senders hear nothing of their provider any more."""
    listening.listen()


@everything()
def forget_changes() -> None:
    """Every minute: what the feed of changes, and the list of deliveries, do not keep any longer goes."""
    changes.prune()
    pushing.prune()


@everything()
def push() -> None:
    """Every second: what changed goes to the host platforms that want to be told; one job at a time is enough."""
    jobs.kicked("io", wakeup.PUSH)
    if pushing.push(change_object):
        wakeup.wake_push()


@everything()
def fetch_media(attachment_id: int) -> None:
    media.fetch_attachment(attachment_id=attachment_id)


@everything()
def process_event(event_id: int) -> None:
    intake.process_waiting(event_id=event_id)
