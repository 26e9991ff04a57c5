"""RQ's entries of the thread."""

from conversations.services import notifying


def email_notifications() -> None:
    notifying.email_due()
