"""Log-ins to the admin, made where a session is made and not by its door."""

from bench.system import System

_SCRIPT = """
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import AdminRole
for name in {names}:
    user, _ = User.objects.get_or_create(username=name, is_staff=True, is_superuser={is_superuser})
    if not {is_superuser}:
        AdminRole.objects.get_or_create(user=user, role="owner", business_id={business})
    session = SessionStore()
    session[auth.SESSION_KEY], session[auth.HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[auth.BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.create()
    print("SESSION", session.session_key)
"""


def cookies_of(system: System, *names: str, owner_of: int | None = None) -> list[str]:
    """The cookie of each of these people: owners of a business, or superusers where none is named."""
    told = system.manage("shell", "-c", _SCRIPT.format(names=names, business=owner_of, is_superuser=owner_of is None))
    return [f"__Host-sessionid={line.split()[1]}" for line in told.splitlines() if line.startswith("SESSION")]
