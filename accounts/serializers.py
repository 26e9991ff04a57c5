"""The API's objects of who: locations, and the rows and answers of a sync (api.md, 5 and 7)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from accounts.services.rows import ClientRow, LocationRow, StaffRow
from accounts.services.sync import MOST_ROWS
from omega_project.lib.api.fields import Body
from omega_project.lib.api.schema import FaultItem


class Location(BaseModel):
    """One address of a business."""

    id: int
    external_id: str | None
    name: str
    address: str | None
    phone: str | None
    timezone: str | None
    is_active: bool


class LocationPage(BaseModel):
    next: str | None
    previous: str | None
    total: int | None = None
    results: list[Location]


class SyncedRow(BaseModel):
    external_id: str | None
    id: int | None
    outcome: Literal["created", "updated", "unchanged", "failed"]
    errors: list[FaultItem]


class SyncAnswer(BaseModel):
    """What became of each row, in the order given."""

    created: int
    updated: int
    unchanged: int
    failed: int
    results: list[SyncedRow]


def _described(row: type[BaseModel]) -> WithJsonSchema:
    """Rows are checked one by one, so that a bad one spoils no other; here is what they are checked against."""
    schema = row.model_json_schema()
    return WithJsonSchema({"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": schema})


_Rows = Field(min_length=1, max_length=MOST_ROWS)


class LocationsSync(Body):
    rows: Annotated[list[Any], _Rows, _described(LocationRow)]


class StaffsSync(Body):
    rows: Annotated[list[Any], _Rows, _described(StaffRow)]


class ClientsSync(Body):
    rows: Annotated[list[Any], _Rows, _described(ClientRow)]


def location_object(row: dict[str, Any]) -> dict[str, Any]:
    """A Location from a row of the locations' list."""
    return {
        "id": row["id"],
        "external_id": row["external_id"],
        "name": row["name"],
        "address": row["address"] or None,
        "phone": row["phone"] or None,
        "timezone": row["timezone"] or None,
        "is_active": row["is_active"],
    }
