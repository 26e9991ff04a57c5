"""Intake while the database is away: what a provider told us goes to the spool, and from there to its place."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError

from messaging.services import intake, spool
from messaging.services.intake import Hook
from omega_project.lib import failpoints

log = structlog.get_logger(__name__)
T = TypeVar("T")
_MOST = 500
_KEPT = ("provider", "kind", "payload", "url", "content_type", "business_id")
_TAKERS: dict[str, Callable[[Hook], Any]] = {"sms.reply": intake.take_text, "sms.status": intake.take_status}


def register(kind: str, take: Callable[[Hook], Any]) -> None:
    """Let `take` be the door for hooks of a kind: an app above this one spools its own."""
    _TAKERS[kind] = take


def taken(hook: Hook, instead: T) -> Any:
    """What the hook's door answers; `instead` where the database is away and the spool has it now.

    Where the spool cannot take it either, the database's error stays: 503, and the provider calls again.
    """
    failpoints.hit("webhook.before_store", hook.kind)
    try:
        answer = _TAKERS[hook.kind](hook)
        failpoints.hit("webhook.after_commit", hook.kind)
        return answer
    except (OperationalError, InterfaceError) as error:
        try:
            spool.keep({name: getattr(hook, name) for name in _KEPT} | {"at": datetime.now(UTC).isoformat()})
        except spool.Full as full:
            log.error("spool.full", error=str(full))
            raise error from None
        intake.count(hook, "spooled")
        log.warning("spool.kept", kind=hook.kind, error=str(error).split("\n")[0])
        return instead


def drain() -> int:
    """Bring this machine's spool to its place, oldest first, until the database is away again; how many."""
    count = 0
    for file, record in spool.records(_MOST):
        try:
            _take(record)
        except (OperationalError, InterfaceError):
            return count
        except Exception as error:
            log.exception("spool.cannot_use", file=file.name)
            spool.set_aside(file, repr(error))
            continue
        file.unlink()
        count += 1
    if count:
        log.info("spool.drained", count=count)
    return count


def _take(record: dict[str, Any]) -> None:
    hook = intake.hook_again(**(record | {"at": datetime.fromisoformat(record["at"])}))
    _TAKERS[hook.kind](hook)
