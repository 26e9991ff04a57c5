"""Guessing is slow: log-ins are counted before the password is looked at, and refused above a limit."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from accounts.models import LoginTries
from omega_project.lib import sql


class Limit(NamedTuple):
    """So many tries within a time that begins with the first."""

    tries: int
    seconds: int


# A person from one place, a person from everywhere, a place with everybody: the first stops guessing without shutting
# the person out elsewhere; the second, many machines guessing at one person; the third, one password tried on many.
LIMITS = {"pair": Limit(8, 600), "name": Limit(80, 3600), "address": Limit(160, 3600)}


def _key(name: str) -> str:
    """A user name as it is counted: who is guessed at, in whatever letters it was typed."""
    return name.strip().casefold()[:150].replace("\0", "")


def take_try(*, name: str, address: str) -> datetime | None:
    """Count one log-in. None where it may go on, else when the next one may be tried."""
    kinds = [
        {"kind": "address", "name": "", "address": address},
        {"kind": "name", "name": _key(name), "address": ""},
        {"kind": "pair", "name": _key(name), "address": address},
    ]
    ends = [end for one in kinds if (end := _count(one))]
    return max(ends, default=None)


_COUNT = """
INSERT INTO accounts_logintries AS t (kind, name, address, tries, since)
VALUES (%(kind)s, %(name)s, %(address)s, 1, now())
ON CONFLICT (kind, name, address) DO UPDATE SET
    tries = CASE WHEN t.since <= now() - make_interval(secs => %(seconds)s) THEN 1 ELSE t.tries + 1 END,
    since = CASE WHEN t.since <= now() - make_interval(secs => %(seconds)s) THEN now() ELSE t.since END
RETURNING tries, since
"""


def _count(key: dict[str, str]) -> datetime | None:
    limit = LIMITS[key["kind"]]
    found = sql.row(_COUNT, {**key, "seconds": limit.seconds})
    if found is None or found["tries"] <= limit.tries:
        return None
    ends: datetime = found["since"] + timedelta(seconds=limit.seconds)
    return ends


def give_back(*, name: str, address: str) -> None:
    """The password was right: this try was none, and the name begins anew at this address."""
    LoginTries.objects.filter(kind="pair", name=_key(name), address=address).delete()
    sql.rows(
        "UPDATE accounts_logintries SET tries = greatest(tries - 1, 0) "
        "WHERE (kind = 'name' AND name = %(name)s) OR (kind = 'address' AND address = %(address)s)",
        {"name": _key(name), "address": address},
    )
    LoginTries.objects.filter(since__lt=timezone.now() - timedelta(days=1)).delete()


def unlock(*, name: str = "", address: str = "") -> int:
    """Forget what was tried with a user name, from an address, or with both; how many counts went."""
    found = LoginTries.objects.all()
    if name:
        found = found.filter(name=_key(name))
    if address:
        found = found.filter(address=address)
    removed, _ = found.delete()
    return removed


def is_locked(tried: LoginTries) -> bool:
    """Whether the next log-in of this row's name or address is refused."""
    limit = LIMITS[tried.kind]
    return tried.tries >= limit.tries and tried.since > timezone.now() - timedelta(seconds=limit.seconds)


def sentence(again_at: datetime) -> str:
    """What a person is told who has to wait."""
    minutes = max(1, -int((timezone.now() - again_at).total_seconds() // 60))
    wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"There were too many tries to log in. Try again in {wait}, at {again_at:%H:%M} UTC."
