"""Wake-ups for messaging's jobs, by name: services sit below jobs and import none."""

from omega_project.lib import jobs

QUEUES = ("high", "default", "bulk")
DISPATCH = "messaging.jobs.dispatch"
FETCH_MEDIA = "messaging.jobs.fetch_media"
PROCESS_EVENT = "messaging.jobs.process_event"
PUSH = "messaging.jobs.push"


def wake_dispatch(priority: int) -> None:
    """After commit: there is something to send, of this priority. A hint; losing it loses nothing."""
    jobs.kick(QUEUES[priority], DISPATCH)


def wake_media(attachment_id: int) -> None:
    """After commit: this attachment is to be fetched."""
    jobs.enqueue("io", FETCH_MEDIA, attachment_id)


def wake_push() -> None:
    """After commit: an endpoint is to be told something, now."""
    jobs.kick("io", PUSH)


def wake_event(event_id: int) -> None:
    """After commit: this event, too large for its hook to wait for, is to be processed."""
    jobs.enqueue("io", PROCESS_EVENT, event_id)
