"""Which businesses a person in the admin reaches, and the one door through which every list of theirs goes.

The app `accounts` says it of each request; a request of which nobody said anything reaches nothing.
"""

from dataclasses import dataclass
from typing import Any

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


EVERYTHING, NOTHING = Reach(is_everything=True), Reach()
SUPPORT = Reach(is_everything=True, is_masked=True)


def reach_of(request: HttpRequest) -> Reach:
    """What `request`'s person reaches."""
    found: Reach = getattr(request, "reach", NOTHING)
    return found


def within_reach(request: HttpRequest, rows: QuerySet[Any], path: str | None) -> QuerySet[Any]:
    """`rows` as far as the person reaches. `path` leads from a row to its business's id; None: support's alone."""
    reach = reach_of(request)
    if reach.is_everything:
        return rows
    if reach.business_id is None or path is None:
        return rows.none()
    return rows.filter(**{path: reach.business_id})
