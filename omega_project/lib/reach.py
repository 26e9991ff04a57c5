"""How far who acts reaches: into every business, one, or none; and the doors that say so.

PostgreSQL holds each query of the ORM to it (omega_project/lib/postgresql, decision 19), whatever the query asks for.
Where nobody said anything, nothing is reached. It belongs to the thread: another one begins with nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the database's backend reads this while Django's models are still being made
    from django.db.models import QuerySet
    from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Reach:
    """Every business, one, or none; `staff_id`: who the person is among that business's staff.

    `is_masked`: what is personal is shown for a reason alone (masking.py).
    """

    is_everything: bool = False
    business_id: int | None = None
    staff_id: int | None = None
    is_masked: bool = False

    @property
    def key(self) -> int | str:
        """Tells apart what PostgreSQL holds apart; 0 is nobody's id."""
        return "*" if self.is_everything else self.business_id or 0


EVERYTHING, NOTHING = Reach(is_everything=True), Reach()
SUPPORT = Reach(is_everything=True, is_masked=True)
_now: ContextVar[Reach] = ContextVar("reach", default=NOTHING)


def current() -> Reach:
    """How far this thread reaches now."""
    return _now.get()


def enter(reach: Reach) -> None:
    """Reach so far until the `within` around it ends: a request, once it is known who asks."""
    _now.set(reach)


@contextmanager
def within(reach: Reach) -> Iterator[None]:
    """Reach so far in this block, and as before behind it, however it ends."""
    before = _now.set(reach)
    try:
        yield
    finally:
        _now.reset(before)


@contextmanager
def everything() -> Iterator[None]:
    """The one door to every business's rows: a block, or a decorator. Who opens it scopes what it reads by itself."""
    with within(EVERYTHING):
        yield


@contextmanager
def one_business(business_id: int) -> Iterator[None]:
    """Reach this business's rows alone."""
    with within(Reach(business_id=business_id)):
        yield


def reach_of(request: "HttpRequest") -> Reach:
    """What `request`'s person reaches in the admin."""
    found: Reach = getattr(request, "reach", NOTHING)
    return found


def within_reach(request: "HttpRequest", rows: "QuerySet[Any]", path: str | None) -> "QuerySet[Any]":
    """`rows` as far as the person reaches. `path` leads from a row to its business's id; None: support's alone."""
    reach = reach_of(request)
    if reach.is_everything:
        return rows
    if reach.business_id is None or path is None:
        return rows.none()
    return rows.filter(**{path: reach.business_id})
