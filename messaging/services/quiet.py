"""Quiet hours: a bulk message outside the client's local window waits for its start."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone(*names: str) -> ZoneInfo:
    """The first of `names` that is a zone; UTC where none is."""
    for name in names:
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def release_time(now: datetime, local: ZoneInfo, quiet_from: time, quiet_until: time) -> datetime | None:
    """When a message that is held now may go, in UTC; None where it is not quiet now.

    The window may pass midnight; the same time twice means no quiet hours.
    """
    if quiet_from == quiet_until:
        return None
    here = now.astimezone(local)
    clock = here.time().replace(tzinfo=None)
    if quiet_from < quiet_until:
        quiet = quiet_from <= clock < quiet_until
    else:
        quiet = clock >= quiet_from or clock < quiet_until
    if not quiet:
        return None
    ends = here.replace(hour=quiet_until.hour, minute=quiet_until.minute, second=quiet_until.second, microsecond=0)
    if ends <= here:
        ends += timedelta(days=1)
    return ends.astimezone(UTC)
