"""RQ's entries of the thread."""

from conversations.services import notifying
from omega_project.lib.reach import everything


@everything()
def email_notifications() -> None:
    notifying.email_due()
