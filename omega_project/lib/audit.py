"""What a request changed, noted on the request: the app `accounts` writes it into the trail that nobody edits."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Touched:
    """One thing that was changed; `fields` are names, never values."""

    deed: str
    kind: str = ""
    pk: str = ""
    business_id: int | None = None
    fields: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of the API: its name, the ids in its path, the names of what its body gave, and the body's business."""

    name: str
    ids: dict[str, Any]
    fields: tuple[str, ...]
    business_id: int | None


def touch(
    request: HttpRequest, deed: str, obj: Any = None, *, business_id: int | None = None, fields: Iterable[str] = (),
    reason: str = "",
) -> None:  # fmt: skip
    """Note that `request` did `deed` to `obj`."""
    kind = obj._meta.model_name if obj is not None else ""
    found = business_id if business_id is not None else getattr(obj, "business_id", None)
    one = Touched(deed, kind, str(obj.pk) if obj is not None else "", found, tuple(fields), reason)
    request.touched = [*touched_by(request), one]  # type: ignore[attr-defined]


def touched_by(request: HttpRequest) -> list[Touched]:
    """All that was noted so far."""
    found: list[Touched] = getattr(request, "touched", [])
    return found
