"""Staff over HTTP: the list and the profile with its workload; here, since both count conversations."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from conversations import serializers as shapes
from conversations.services import people, reading
from omega_project.lib.api import pagination
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound
from omega_project.lib.api.fields import QueryId, Text

Role = Literal["owner", "manager", "agent"]
Availability = Literal["available", "away", "offline"]


class Staff(BaseModel):
    """Somebody who reads and answers."""

    id: int
    external_id: str | None
    name: str
    email: str | None
    phone: str | None
    role: Role
    availability: Availability
    location_ids: list[int]
    is_active: bool
    open_conversations: int


class Workload(BaseModel):
    """What a staff member has in hand now, and what was assigned in the last thirty days."""

    open: int
    pending: int
    snoozed: int
    unread: int
    assigned_total: int
    assigned_30d: int
    oldest_unread_at: datetime | None


class StaffProfile(Staff):
    workload: Workload


class StaffPage(shapes.Page):
    results: list[Staff]


class StaffsQuery(pagination.PageQuery):
    q: Annotated[Text, Field(max_length=200, description="Words of the name, e-mail or phone.")] | None = None
    role: Role | None = None
    availability: Availability | None = None
    location_id: QueryId | None = None


def staff_object(row: dict[str, Any]) -> dict[str, Any]:
    """A Staff from a row of `people.staff_rows`."""
    return {
        "id": row["id"],
        "external_id": row["external_id"],
        "name": row["name"],
        "email": row["email"] or None,
        "phone": row["phone"] or None,
        "role": row["role"],
        "availability": row["availability"],
        "location_ids": row["location_ids"],
        "is_active": row["is_active"],
        "open_conversations": row["open_conversations"],
    }


def _of(business_id: int) -> reading.Narrowing:
    return reading.Narrowing(["s.business_id = %(business)s::bigint"], {"business": business_id})


class Staffs(OmegaViewSet):
    """`/businesses/{business_id}/staffs`."""

    @endpoint(
        summary="Get paginated list of staff members for a business",
        operation_id="staffs_list",
        description="In the order of their ids; all filters together.",
        tags=["business-staffs"],
        query=StaffsQuery,
        answers={200: StaffPage},
        errors=(403, 404),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        query: StaffsQuery = given.query
        scope = f"staffs:{business_id}"
        cursor = pagination.decode(query.cursor, scope)
        narrowing = self._narrowing(query, business_id)
        total = reading.count_rows(people.STAFF, narrowing) if query.include_total else None
        rows = people.staff_rows(narrowing, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=("id",), total=total
        )
        return Response({**links, "results": [staff_object(row) for row in rows]})

    def _narrowing(self, query: StaffsQuery, business_id: int) -> reading.Narrowing:
        narrowing = _of(business_id)
        people.staff_matching(narrowing, query.q)
        if query.role is not None:
            narrowing.add("s.role = %(role)s::varchar", role=query.role)
        if query.availability is not None:
            narrowing.add("s.availability = %(availability)s::varchar", availability=query.availability)
        if query.location_id is not None:
            narrowing.add(people.AT_LOCATION, location=query.location_id)
        return narrowing

    @endpoint(
        summary="Get detailed profile of a specific staff member",
        operation_id="staffs_get",
        description="The staff member with what they have in hand.",
        tags=["business-staffs"],
        answers={200: StaffProfile},
        errors=(403, 404),
    )
    def retrieve(self, request: Request, given: Given, business_id: int, staff_id: int) -> Response:
        narrowing = _of(business_id)
        narrowing.add("s.id = %(staff)s::bigint", staff=staff_id)
        found = people.staff_rows(narrowing, limit=1)
        if not found:
            raise NotFound("There is no such staff member in this business.")
        workload = people.staff_workload(business_id=business_id, staff_id=staff_id)
        return Response(staff_object(found[0]) | {"workload": workload})
