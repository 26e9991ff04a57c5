"""Who, over HTTP: the list of locations, and the syncs that keep the copy of the host platform's data true."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import serializers as shapes
from accounts.services import places, sync
from omega_project.lib.api import pagination
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint

_SYNC_ERRORS = (403, 404, 413)
_SYNC_NOTE = (
    "Up to 1,000 rows, matched by `external_id`: a new one is created, a known one updated where it differs. "
    "A field left out stays as it is, null empties it. A bad row spoils no other: each row has its own answer, in "
    "order. Where an `external_id` stands in several good rows, the last one counts and the others fail."
)


class Locations(OmegaViewSet):
    """`/businesses/{business_id}/locations`."""

    @endpoint(
        summary="Get list of business locations",
        operation_id="locations_list",
        tags=["businesses"],
        query=pagination.PageQuery,
        answers={200: shapes.LocationPage},
        errors=(403, 404),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        query: pagination.PageQuery = given.query
        scope = f"locations:{business_id}"
        cursor = pagination.decode(query.cursor, scope)
        total = places.count_locations(business_id=business_id) if query.include_total else None
        rows = places.location_rows(business_id=business_id, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=("id",), total=total
        )
        return Response({**links, "results": [shapes.location_object(row) for row in rows]})

    @endpoint(
        summary="Create or update up to 1,000 locations by external id",
        operation_id="locations_sync",
        tags=["businesses"],
        description=_SYNC_NOTE,
        body=shapes.LocationsSync,
        answers={200: shapes.SyncAnswer},
        errors=_SYNC_ERRORS,
    )
    def sync(self, request: Request, given: Given, business_id: int) -> Response:
        return Response(sync.sync_locations(business_id=business_id, rows=given.body.rows))


class StaffsSync(OmegaViewSet):
    """`/businesses/{business_id}/staffs/sync`."""

    @endpoint(
        summary="Create or update up to 1,000 staff members by external id",
        operation_id="staffs_sync",
        tags=["business-staffs"],
        description=_SYNC_NOTE,
        body=shapes.StaffsSync,
        answers={200: shapes.SyncAnswer},
        errors=_SYNC_ERRORS,
    )
    def sync(self, request: Request, given: Given, business_id: int) -> Response:
        return Response(sync.sync_staffs(business_id=business_id, rows=given.body.rows))


class ClientsSync(OmegaViewSet):
    """`/businesses/{business_id}/clients/sync`."""

    @endpoint(
        summary="Create or update up to 1,000 clients by external id",
        operation_id="clients_sync",
        tags=["business-clients"],
        description=_SYNC_NOTE,
        body=shapes.ClientsSync,
        answers={200: shapes.SyncAnswer},
        errors=_SYNC_ERRORS,
    )
    def sync(self, request: Request, given: Given, business_id: int) -> Response:
        return Response(sync.sync_clients(business_id=business_id, rows=given.body.rows))
