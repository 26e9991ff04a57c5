"""Wake-ups for onboarding's jobs, by name: services sit below jobs and import none."""

from omega_project.lib import jobs

QUEUE = "io"
ADVANCE = "onboarding.jobs.advance"
INVITE = "onboarding.jobs.invite"


def wake_advance() -> None:
    """After commit: a step is due. A hint; losing it loses nothing."""
    jobs.kick(QUEUE, ADVANCE)


def wake_invite() -> None:
    """After commit: an invitation is due."""
    jobs.kick(QUEUE, INVITE)
