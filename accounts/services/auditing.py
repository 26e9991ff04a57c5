"""The trail of changes: one entry for each, appended and never touched again."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import AuditEntry
from omega_project.lib.audit import Touched


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `kind`: key, token, login, command, or nobody (a log-in that was refused)."""

    kind: str
    id: int | None = None
    name: str = ""
    staff_id: int | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """The request that it was done by."""

    request_id: str = ""
    address: str = ""
    status: int = 0


def record(*, actor: Actor, where: Where, touched: Sequence[Touched]) -> None:
    """Append an entry for each thing that was touched: one statement."""
    AuditEntry.objects.bulk_create(_entry(actor, where, one) for one in touched)


def record_command(name: str, *, business_id: int | None = None, fields: Sequence[str] = ()) -> None:
    """Append what somebody did by a command on the machine itself."""
    record(actor=Actor("command"), where=Where(), touched=[Touched(name, "", "", business_id, tuple(fields))])


def _entry(actor: Actor, where: Where, one: Touched) -> AuditEntry:
    return AuditEntry(
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name[:150],
        staff_id=actor.staff_id,
        action=one.deed[:128],
        object_kind=one.kind[:64],
        object_id=one.pk[:64],
        business_id=one.business_id,
        fields=[field[:64] for field in one.fields[:100]],
        status=where.status,
        request_id=where.request_id,
        address=where.address,
        reason=one.reason[:500],
    )
