"""RQ's entries: at most five lines each. Losing one loses nothing: the next beat finds the work again."""

from voice.services import recordings, recovery


def tidy() -> None:
    """Every few seconds: calls that fell silent, recordings that are to go at the provider."""
    recovery.look_at_open()
    recordings.erase_due()


def forget() -> None:
    """Every hour: what a business keeps no longer."""
    while recordings.remove_old():
        pass
