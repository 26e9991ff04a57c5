"""Where mail providers tell what became of mails: checked, kept event by event, answered at once."""

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.mail_signatures import PROVIDERS, verified_batch
from messaging.services import mail_intake, spooling
from messaging.signatures import forgeries_counted
from omega_project.lib.api.endpoints import SignedViewSet
from omega_project.lib.api.examples import asked
from omega_project.lib.api.parsing import read_body
from omega_project.lib.api.schema import ErrorBody, ParameterErrorBody
from omega_project.lib.network import kept_headers


class EventsTaken(BaseModel):
    """What became of a provider's post."""

    received: int = Field(ge=0, description="The events in it.")
    new: int = Field(ge=0, description="Those of them that were not known already.")


_MAIL_EVENT = {
    "email": "ana@example.com",
    "event": "delivered",
    "sg_event_id": "ZGVsaXZlcmVkLTAtWGV0NmJa",
    "sg_message_id": "Xet6bZ7WRTG2fYDa-p7arw.recvd-67fdc7b4d6-wbpn9-1-67C58B10-15.0",
    "timestamp": 1772357404,
    "omega_message_id": "901177",
}
_EVENTS = {"application/json": {"type": "array", "items": {"type": "object", "additionalProperties": True}}}
_REFUSED = {
    403: OpenApiResponse(ErrorBody, description="The signature does not belong to this request."),
    413: OpenApiResponse(ErrorBody, description="The body is too large."),
    422: OpenApiResponse(ParameterErrorBody, description="The body is no list of events."),
    503: OpenApiResponse(ErrorBody, description="The database cannot be reached: the provider calls again."),
}
_ACCOUNT = OpenApiParameter(
    "account", str, OpenApiParameter.QUERY, description="The business's own account at the provider, by its id there."
)


class MailWebhooks(SignedViewSet):
    """What mail providers tell about mails, authenticated by their signatures alone."""

    @extend_schema(
        summary="Handle external email provider webhooks",
        operation_id="email_webhook",
        description=(
            "Events of the default provider, signed by it, in batches. The same event again is known; one that cannot "
            "be used is kept and spoils no other."
        ),
        examples=[asked([_MAIL_EVENT])],
        tags=["email"],
        parameters=[_ACCOUNT],
        request=_EVENTS,
        responses={200: EventsTaken, **_REFUSED},
    )
    def take(self, request: Request) -> Response:
        return _taken(request._request, settings.EMAIL_PROVIDER)

    @extend_schema(
        summary="Handle a named email provider's webhooks",
        operation_id="email_webhook_of_provider",
        description="As `/email/webhook`, of the provider in the path, in the form in which it calls.",
        examples=[asked([_MAIL_EVENT])],
        tags=["email"],
        parameters=[_ACCOUNT, OpenApiParameter("provider", str, OpenApiParameter.PATH, enum=PROVIDERS)],
        request=_EVENTS,
        responses={
            200: EventsTaken,
            404: OpenApiResponse(ErrorBody, description="No such provider, or nothing to check its calls by."),
            **_REFUSED,
        },
    )
    def take_of(self, request: Request, provider: str) -> Response:
        return _taken(request._request, provider)

    def is_there(self, request: Request, provider: str) -> Response:
        """Mandrill asks so whether a URL is worth being told anything."""
        return Response(status=200 if provider in PROVIDERS else 404)


def _taken(http: HttpRequest, provider: str) -> Response:
    payload = read_body(http, settings.OMEGA_MAX_BODY_BYTES)
    with forgeries_counted(provider, mail_intake.KIND):
        batch = verified_batch(http, payload, provider)
    source = mail_intake.Source(provider, batch.account_id, batch.business_id, http.get_full_path(), kept_headers(http))
    new = spooling.events_taken(source, batch.events)
    return Response({"received": len(batch.events), "new": new})
