"""Where a person is logged in to the admin, and the end of it. Django's own table of sessions is the record."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone

BEGAN, SEEN, FROM = "omega_began", "omega_seen", "omega_from"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """One log-in that has not ended. `name` stands for its key, which nobody is shown."""

    name: str
    began_at: datetime
    seen_at: datetime
    address: str
    agent: str
    is_this: bool


def log_ins_of(*, user_id: int, this_key: str | None) -> list[LoggedIn]:
    """A person's log-ins, the last one used first."""
    found = [_told(key, data, this_key) for key, data in _alive(user_id)]
    return sorted(found, key=lambda one: (one.is_this, one.seen_at), reverse=True)


def end_log_ins(*, user_id: int, but_key: str | None, name: str | None = None) -> int:
    """End the log-in of this name, or all of the person's but the one with `but_key`; how many."""
    keys = [key for key, _ in _alive(user_id) if key != but_key and name in (None, name_of(key))]
    return Session.objects.filter(session_key__in=keys).delete()[0]


def name_of(key: str) -> str:
    """What stands for a session's key on a page."""
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _alive(user_id: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sessions with what they hold; those that a page would end at once are none. A row says not whose it is."""
    now = timezone.now()
    for session in Session.objects.filter(expire_date__gt=now).iterator(chunk_size=500):
        data = session.get_decoded()
        idle = now.timestamp() - float(data.get(SEEN, 0.0))
        if data.get(SESSION_KEY) == str(user_id) and idle <= settings.ADMIN_IDLE_MINUTES * 60:
            yield session.session_key, data


def _told(key: str, data: dict[str, Any], this_key: str | None) -> LoggedIn:
    came = data.get(FROM) or {}
    began, seen = (datetime.fromtimestamp(float(data.get(name, 0.0)), UTC) for name in (BEGAN, SEEN))
    return LoggedIn(name_of(key), began, seen, came.get("address", ""), came.get("agent", ""), key == this_key)
