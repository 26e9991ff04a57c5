"""What Django tells of passwords, wherever they are set: a form, the admin, a command."""

from typing import Any

from accounts.services import notices


class TellsOfChange:
    """One of AUTH_PASSWORD_VALIDATORS: it refuses nothing, and hears of each new password."""

    def validate(self, password: str, user: Any = None) -> None:
        """Every password will do, as far as this goes."""

    def get_help_text(self) -> str:
        return "You get a mail when your password was changed."

    def password_changed(self, password: str, user: Any = None) -> None:
        if user is not None and user.email:
            notices.tell(user_id=user.pk, change=notices.Change.PASSWORD)
