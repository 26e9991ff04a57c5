"""RQ's entries: at most five lines each. Losing one loses nothing: the next beat finds the work again."""

from omega_project.lib import jobs
from omega_project.lib.reach import everything
from voice.services import recordings, recovery


@everything()
def tidy() -> None:
    """Every few seconds: calls that fell silent, recordings that are to go at the provider. One worker at a time."""
    with jobs.alone("calls", 60) as is_mine:
        if is_mine:
            recovery.look_at_open()
            recordings.erase_due()


@everything()
def forget() -> None:
    """Every hour: what a business keeps no longer."""
    while recordings.remove_old():
        pass
