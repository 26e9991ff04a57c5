"""Webhooks to host platforms over HTTP: endpoints that are told what changes, and the deliveries to them."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from conversations.services.reading import count_rows
from messaging import webhook_serializers as shapes
from messaging.models import WebhookDelivery, WebhookEndpoint
from messaging.services import webhook_endpoints as service
from omega_project.lib.api import pagination
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound
from omega_project.lib.api.examples import asked

TAGS = ["webhooks"]


def _endpoint(business_id: int, endpoint_id: int) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.in_business(business_id).filter(pk=endpoint_id).first()
    if found is None:
        raise NotFound("There is no such webhook endpoint in this business.")
    return found


def _shown(business_id: int, endpoint_id: int) -> dict[str, Any]:
    narrowing = service.endpoints_of(business_id)
    narrowing.add("e.id = %(endpoint)s::bigint", endpoint=endpoint_id)
    rows = service.endpoint_rows(narrowing, limit=1)
    if not rows:
        raise NotFound("There is no such webhook endpoint in this business.")
    return shapes.endpoint_object(rows[0])


class WebhookEndpoints(OmegaViewSet):
    """`/businesses/{business_id}/webhook-endpoints`."""

    @endpoint(
        summary="Get paginated list of webhook endpoints",
        operation_id="webhook_endpoints_list",
        description="In the order of their ids.",
        tags=TAGS,
        query=pagination.PageQuery,
        answers={200: shapes.EndpointPage},
        errors=(403, 404),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        query: pagination.PageQuery = given.query
        scope = f"webhook-endpoints:{business_id}"
        cursor = pagination.decode(query.cursor, scope)
        narrowing = service.endpoints_of(business_id)
        total = count_rows(service.ENDPOINTS, narrowing) if query.include_total else None
        rows = service.endpoint_rows(narrowing, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=("id",), total=total
        )
        return Response({**links, "results": [shapes.endpoint_object(row) for row in rows]})

    @endpoint(
        summary="Make a webhook endpoint",
        operation_id="webhook_endpoints_create",
        description=(
            "It is told what changes from now on: the feed's changes, in their order, signed per the Standard Webhooks "
            "spec with the `secret` that only this answer shows."
        ),
        examples=[asked({"url": "https://platform.example.com/omega", "events": ["message.created"]})],
        tags=TAGS,
        body=shapes.NewEndpoint,
        answers={201: shapes.EndpointMade},
        errors=(403, 404, 409, 413),
    )
    def create(self, request: Request, given: Given, business_id: int) -> Response:
        made, secret = service.add_endpoint(business_id=business_id, **given.body.model_dump())
        return Response(shapes.new_endpoint_object(made, secret), status=201)

    @endpoint(
        summary="Get a webhook endpoint",
        operation_id="webhook_endpoints_get",
        description="Whether it is well: since when it fails, how much waits, why it was switched off.",
        tags=TAGS,
        answers={200: shapes.EndpointObject},
        errors=(403, 404),
    )
    def retrieve(self, request: Request, given: Given, business_id: int, endpoint_id: int) -> Response:
        return Response(_shown(business_id, endpoint_id))

    @endpoint(
        summary="Change a webhook endpoint",
        operation_id="webhook_endpoints_change",
        description=(
            "What is left out stays as it is. Switched off, it keeps its place in the feed; switched on again, it goes "
            "on from there, as far as seven days back."
        ),
        examples=[asked({"is_enabled": True})],
        tags=TAGS,
        body=shapes.EndpointChange,
        answers={200: shapes.EndpointObject},
        errors=(403, 404, 413),
    )
    def change(self, request: Request, given: Given, business_id: int, endpoint_id: int) -> Response:
        changes = given.body.model_dump(exclude_unset=True)
        service.change_endpoint(_endpoint(business_id, endpoint_id), **changes)
        return Response(_shown(business_id, endpoint_id))

    @endpoint(
        summary="Remove a webhook endpoint",
        operation_id="webhook_endpoints_remove",
        description="It is told nothing more, and its deliveries are gone.",
        tags=TAGS,
        answers={204: "Removed."},
        errors=(403, 404),
    )
    def remove(self, request: Request, given: Given, business_id: int, endpoint_id: int) -> Response:
        service.remove_endpoint(_endpoint(business_id, endpoint_id))
        return Response(status=204)

    @endpoint(
        summary="Make a new secret for a webhook endpoint",
        operation_id="webhook_endpoints_secret",
        description="Shown in this answer alone. For a day the secret before it signs beside it.",
        tags=TAGS,
        answers={200: shapes.SecretAnswer},
        errors=(403, 404),
    )
    def rotate(self, request: Request, given: Given, business_id: int, endpoint_id: int) -> Response:
        secret, until = service.rotate_secret(_endpoint(business_id, endpoint_id))
        return Response({"secret": secret, "both_until": until})

    @endpoint(
        summary="Replay a webhook endpoint's deliveries",
        operation_id="webhook_endpoints_replay",
        description="Each is sent again as it was, under its own `webhook-id`, in order and before what is younger.",
        examples=[asked({"status": "failed", "after": "2026-03-01T00:00:00Z"})],
        tags=TAGS,
        body=shapes.ReplayWanted,
        answers={202: shapes.Replayed},
        errors=(403, 404, 413),
    )
    def replay(self, request: Request, given: Given, business_id: int, endpoint_id: int) -> Response:
        wanted = service.Replay(_endpoint(business_id, endpoint_id).pk, **given.body.model_dump())
        return Response({"replayed": service.replay_deliveries(wanted)}, status=202)


class WebhookDeliveries(OmegaViewSet):
    """`/businesses/{business_id}/webhook-deliveries`."""

    @endpoint(
        summary="Get paginated list of webhook deliveries",
        operation_id="webhook_deliveries_list",
        description="Newest first; all filters together. What is done with is kept for thirty days.",
        tags=TAGS,
        query=shapes.DeliveriesQuery,
        answers={200: shapes.DeliveryPage},
        errors=(403, 404),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        query: shapes.DeliveriesQuery = given.query
        scope = f"webhook-deliveries:{business_id}"
        cursor = pagination.decode(query.cursor, scope)
        narrowing = service.deliveries_of(
            business_id, endpoint_id=query.endpoint_id, status=query.status, type=query.type
        )
        total = count_rows(service.DELIVERIES, narrowing) if query.include_total else None
        rows = service.delivery_rows(narrowing, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=("id",), total=total
        )
        return Response({**links, "results": [shapes.delivery_object(row) for row in rows]})

    @endpoint(
        summary="Get a webhook delivery",
        operation_id="webhook_deliveries_get",
        description="What is sent, and what the endpoint answered last.",
        tags=TAGS,
        answers={200: shapes.DeliveryObject},
        errors=(403, 404),
    )
    def retrieve(self, request: Request, given: Given, business_id: int, delivery_id: int) -> Response:
        return Response(_delivery(business_id, delivery_id))

    @endpoint(
        summary="Replay a webhook delivery",
        operation_id="webhook_deliveries_replay",
        description="Sent again as it was, under its own `webhook-id`; one that waits is sent anyway.",
        tags=TAGS,
        answers={202: shapes.DeliveryObject},
        errors=(403, 404),
    )
    def replay(self, request: Request, given: Given, business_id: int, delivery_id: int) -> Response:
        found = WebhookDelivery.objects.in_business(business_id).filter(pk=delivery_id).first()
        if found is None:
            raise NotFound("There is no such webhook delivery in this business.")
        service.replay_delivery(found)
        return Response(_delivery(business_id, delivery_id), status=202)


def _delivery(business_id: int, delivery_id: int) -> dict[str, Any]:
    rows = service.delivery_rows(service.deliveries_of(business_id, id=delivery_id), limit=1)
    if not rows:
        raise NotFound("There is no such webhook delivery in this business.")
    return shapes.delivery_object(rows[0])
