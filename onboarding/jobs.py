"""RQ's entries: at most five lines each. Losing one loses nothing: `tidy` finds the work again."""

from omega_project.lib import jobs
from omega_project.lib.reach import everything
from onboarding.services import advancing, invitations, wakeup


@everything()
def advance() -> None:
    """Take the steps that are due, for a slice; then let the next job go on, behind what has come meanwhile."""
    jobs.kicked(wakeup.QUEUE, wakeup.ADVANCE)
    if advancing.drain():
        wakeup.wake_advance()


@everything()
def invite() -> None:
    """Send the invitations that are due, for a slice."""
    jobs.kicked(wakeup.QUEUE, wakeup.INVITE)
    if invitations.send_due():
        wakeup.wake_invite()


@everything()
def tidy() -> None:
    """Every second: what a lost hint or a dead worker left behind moves again."""
    advancing.wake_due()
    invitations.wake_due()
