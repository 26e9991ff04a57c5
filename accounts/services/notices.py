"""Mails to a person about what changed of their own log-in, so that who did not do it hears of it."""

from enum import IntEnum

from django.contrib.auth.models import User
from django.core.mail import send_mail

from omega_project.lib import jobs

_TEXT = (
    "{what}\n\nThis is about your log-in to omega. If neither you nor your administrator did this, tell them at once.\n"
)


class Change(IntEnum):
    """A job is given numbers alone."""

    PASSWORD = 1
    FACTOR_ON = 2
    FACTOR_OFF = 3
    RECOVERY_CODES = 4


_WHAT = {
    Change.PASSWORD: "A new password was set.",
    Change.FACTOR_ON: "Two-factor log-in was set up with an authenticator.",
    Change.FACTOR_OFF: "Two-factor log-in was turned off.",
    Change.RECOVERY_CODES: "New recovery codes were made; those from before are dead.",
}


def tell(*, user_id: int, change: Change) -> None:
    """Let a worker write to the person once this is committed; a Redis that is away loses it."""
    jobs.enqueue("io", "accounts.jobs.tell_of_change", user_id, int(change))


def write(*, user_id: int, change: int) -> None:
    """Write to the person, where they have an address."""
    user = User.objects.filter(pk=user_id).exclude(email="").first()
    if user is not None:
        what = _WHAT[Change(change)]
        send_mail(f"omega: {what.rstrip('.')}", _TEXT.format(what=what), None, [user.email])
