"""A person's data over HTTP: all of it out, or gone."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from django.utils import timezone
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Client
from conversations import serializers as shapes
from conversations.people import ClientProfile, client_profile
from messaging.consent_views import ConsentRecord, client_or_404, record_answer
from messaging.services import erasing, exporting
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.examples import asked
from omega_project.lib.api.fields import Body, Text
from omega_project.lib.api.rendering import dumps
from omega_project.lib.audit import touch


class OtherAddress(BaseModel):
    """An address that was the client's besides, such as that of somebody who was merged into them."""

    kind: Literal["phone", "email"]
    address: str
    since: datetime


class ClientExport(BaseModel):
    """All that is kept of a client. Files are behind the links of `media`."""

    exported_at: datetime
    client: ClientProfile
    other_addresses: list[OtherAddress]
    consent: ConsentRecord
    messages: list[shapes.Message]


class EraseWanted(Body):
    """Why, for the trail of changes; it is kept nowhere else."""

    reason: Annotated[Text, Field(max_length=500)] | None = None


class ErasedAnswer(BaseModel):
    """What went. The second time nothing was left: both counts are 0."""

    client_id: int
    erased_at: datetime
    messages: int
    files: int


def export_file(client: Client) -> HttpResponse:
    """A ClientExport, to be kept as a file."""
    answer = {
        "exported_at": timezone.now(),
        "client": client_profile(client.business_id, client.pk),
        "other_addresses": exporting.other_addresses(client),
        "consent": record_answer(client),
        "messages": [shapes.message_object(row) for row in exporting.messages_of(client)],
    }
    headers = {"Content-Disposition": f'attachment; filename="client-{client.pk}.json"'}
    return HttpResponse(dumps(answer), content_type="application/json", headers=headers)


class Privacy(OmegaViewSet):
    """`…/clients/{client_id}/export` and `…/erase`."""

    @endpoint(
        summary="Export all that is kept of a client",
        operation_id="clients_export",
        description=(
            "The client, their addresses, consent with its history, and every entry of their timeline, oldest first, "
            "as one JSON file: what a person may ask for (GDPR, articles 15 and 20)."
        ),
        tags=["business-clients"],
        answers={200: ClientExport},
        errors=(403, 404),
    )
    def export(self, request: Request, given: Given, business_id: int, client_id: int) -> Any:
        client = client_or_404(business_id, client_id)
        return export_file(client)

    @endpoint(
        summary="Erase all that is kept of a client",
        operation_id="clients_erase",
        description=(
            "At once and for good: names, addresses, words, files, recordings of calls, what host platforms were told. "
            "Rows stay empty, so that nothing is taken in or sent twice; of consent an opt-out stays, by its address "
            "alone. What waits to be sent is canceled; 409 `in_flight` while a message is being sent."
        ),
        examples=[asked({"reason": "Asked by letter on 3 March"})],
        tags=["business-clients"],
        body=EraseWanted,
        answers={200: ErasedAnswer},
        errors=(403, 404, 409, 413),
    )
    def erase(self, request: Request, given: Given, business_id: int, client_id: int) -> Response:
        touch(request._request, "erase", client_or_404(business_id, client_id), reason=given.body.reason or "")
        done = erasing.erase_client(business_id=business_id, client_id=client_id)
        return Response({
            "client_id": done.client_id, "erased_at": done.erased_at, "messages": done.messages, "files": done.files,
        })  # fmt: skip
