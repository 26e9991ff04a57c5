"""Intake while the database is away: what a provider told us goes to the spool, and from there to its place.

Whoever calls was checked before; a business's own key is known for as long as this process has seen it once.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError

from messaging.services import intake, mail_arrival, mail_intake, spool
from messaging.services.intake import Hook
from omega_project.lib import failpoints, sql
from omega_project.lib.api.middleware import drop_dead_connection
from omega_project.lib.metrics import WEBHOOKS

log = structlog.get_logger(__name__)
T = TypeVar("T")
_MOST = 500
# Clocks that differ by less tell the same time: what is in between is the way to the database.
_SAME_TIME = timedelta(seconds=2)
_KEPT = ("provider", "kind", "payload", "url", "content_type", "business_id", "headers", "verdict")
_TAKERS: dict[str, Callable[[Hook], Any]] = {"sms.reply": intake.take_text, "sms.status": intake.take_status}
AWAY = (OperationalError, InterfaceError)


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
    except AWAY as error:
        _keep({name: getattr(hook, name) for name in _KEPT}, error)
        intake.count(hook, "spooled")
        return instead


def events_taken(source: mail_intake.Source, events: Sequence[bytes]) -> int:
    """As `taken`, for what a provider tells about mails: how many of the events are new, as far as is known."""
    failpoints.hit("webhook.before_store", mail_intake.KIND)
    try:
        new = mail_intake.take_events(source, events)
        failpoints.hit("webhook.after_commit", mail_intake.KIND)
        return new
    except AWAY as error:
        facts = {name: getattr(source, name) for name in ("provider", "account_id", "business_id", "url", "headers")}
        _keep({"kind": mail_intake.KIND, "payload": _joined(events)} | facts, error)
        WEBHOOKS.labels(source.provider, mail_intake.KIND, "spooled").inc(len(events))
        return len(events)


def keep_mail(hook: Hook, key: str, size: int, error: Exception) -> None:
    """Keep the event of a mail, whose own file of `size` bytes is on the disk already; the error where it cannot be."""
    _keep({name: getattr(hook, name) for name in _KEPT} | {"key": key}, error, size)
    WEBHOOKS.labels(hook.provider, hook.kind, "spooled").inc()


def _keep(record: dict[str, Any], error: Exception, beside: int = 0) -> None:
    try:
        spool.keep(record | {"at": datetime.now(UTC).isoformat()}, beside)
    except spool.Full as full:
        log.error("spool.full", error=str(full))
        raise error from None
    log.warning("spool.kept", kind=record["kind"], error=str(error).split("\n")[0])


def _joined(events: Sequence[bytes]) -> bytes:
    """Events one behind the other, each with its length before it: they may hold any byte."""
    return b"".join(b"%d:%s" % (len(one), one) for one in events)


def _parted(joined: bytes) -> list[bytes]:
    events, place = [], 0
    while place < len(joined):
        begin = joined.index(b":", place) + 1
        place = begin + int(joined[place : begin - 1])
        events.append(joined[begin:place])
    return events


def drain() -> int:
    """Bring this machine's spool to its place, oldest first, until the database is away again; how many."""
    count, behind = 0, None
    for file, record in spool.records(_MOST):
        try:
            behind = _behind() if behind is None else behind
            _take(record, behind)
        except AWAY as error:
            spool.not_begun(file)
            if not _answers():
                break
            log.warning("spool.later", file=file.name, error=str(error).split("\n")[0])
            continue
        except Exception as error:
            log.exception("spool.cannot_use", file=file.name)
            spool.set_aside(file, repr(error))
            continue
        file.unlink()
        count += 1
    if count:
        log.info("spool.drained", count=count)
    return count


def _answers() -> bool:
    """Whether the database is there: then one record that it refuses for now holds up no other."""
    try:
        drop_dead_connection()
        sql.rows("SELECT 1 AS one")
    except AWAY:
        return False
    return True


def _behind() -> timedelta:
    """How far this machine's clock is behind the database's: a STOP that was kept is not older than it is."""
    now = sql.rows("SELECT clock_timestamp() AS now")[0]["now"]
    off: timedelta = now - datetime.now(UTC)
    return off if abs(off) > _SAME_TIME else timedelta()


def _take(record: dict[str, Any], behind: timedelta) -> None:
    at = datetime.fromisoformat(record.pop("at")) + behind
    key = record.pop("key", None)
    if record["kind"] == mail_intake.KIND:
        known = {name: record[name] for name in ("provider", "account_id", "business_id", "url")}
        source = mail_intake.Source(**known, headers=record.get("headers", {}))
        mail_intake.take_events(source, _parted(record["payload"]))
    elif key is not None:
        mail_arrival.bring(intake.hook_again(**record, at=at), key)
    else:
        hook = intake.hook_again(**record, at=at)
        _TAKERS[hook.kind](hook)
