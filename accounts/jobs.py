"""RQ's entries of accounts."""

from accounts.services import notices
from omega_project.lib.reach import everything


@everything()
def tell_of_change(user_id: int, change: int) -> None:
    notices.write(user_id=user_id, change=change)
