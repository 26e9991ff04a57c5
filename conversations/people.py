"""Clients over HTTP: the list and the profile with its conversation and figures."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from conversations import serializers as shapes
from conversations.services import merging, people, reading
from omega_project.lib.api import pagination
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound
from omega_project.lib.api.fields import QueryId, Text

ConsentName = Literal["opted_in", "opted_out", "unknown"]
_CHANNELS = ("sms", "email", "voice")
_STATES = ("opted_in", "opted_out", "unknown")


class ConsentObject(BaseModel):
    sms: ConsentName
    email: ConsentName
    voice: ConsentName


class Client(BaseModel):
    """A person whom a business serves."""

    id: int
    external_id: str | None
    first_name: str
    last_name: str
    name: str
    phone: str | None
    email: str | None
    timezone: str | None
    locale: str | None
    home_location_id: int | None
    tags: list[str]
    consent: ConsentObject
    created_at: datetime
    updated_at: datetime


class ClientStats(BaseModel):
    messages_in: int
    messages_out: int
    calls: int
    first_contact_at: datetime | None
    last_contact_at: datetime | None


class ClientProfile(Client):
    conversation: shapes.Conversation | None
    stats: ClientStats


class ClientPage(shapes.Page):
    results: list[Client]


def _consent(value: str) -> str:
    channel, _, state = value.partition(":")
    if channel not in _CHANNELS or state not in _STATES:
        raise ValueError("must be sms, email or voice, a colon, and opted_in, opted_out or unknown: sms:opted_out")
    return value


class ClientsQuery(pagination.PageQuery):
    q: Annotated[Text, Field(max_length=200, description="Words of the name, phone or e-mail.")] | None = None
    tag: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    location_id: Annotated[QueryId, Field(description="The client's home location.")] | None = None
    has_conversation: bool | None = None
    consent: Annotated[str, AfterValidator(_consent), Field(description="Such as sms:opted_out.")] | None = None


def client_object(row: dict[str, Any]) -> dict[str, Any]:
    """A Client from a row of `people.client_rows`."""
    name = f"{row['first_name']} {row['last_name']}".strip()
    return {
        "id": row["id"],
        "external_id": row["external_id"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "name": name or row["phone"] or row["email"],
        "phone": row["phone"] or None,
        "email": row["email"] or None,
        "timezone": row["timezone"] or None,
        "locale": row["locale"] or None,
        "home_location_id": row["home_location_id"],
        "tags": row["tags"],
        "consent": {"sms": row["consent_sms"], "email": row["consent_email"], "voice": row["consent_voice"]},
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


class Clients(OmegaViewSet):
    """`/businesses/{business_id}/clients`."""

    @endpoint(
        summary="Get paginated list of clients for a business",
        operation_id="clients_list",
        description="Newest first; all filters together.",
        tags=["business-clients"],
        query=ClientsQuery,
        answers={200: ClientPage},
        errors=(403, 404),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        query: ClientsQuery = given.query
        scope = f"clients:{business_id}:{people.NEWEST_FIRST.name}"
        cursor = pagination.decode(query.cursor, scope)
        narrowing = people.clients(business_id, query)
        total = reading.count_rows(people.CLIENTS, narrowing) if query.include_total else None
        rows = people.client_rows(narrowing, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=people.NEWEST_FIRST.keys, total=total
        )
        return Response({**links, "results": [client_object(row) for row in rows]})

    @endpoint(
        summary="Get detailed client profile and conversation information",
        operation_id="clients_get",
        description="The client with their conversation, if there is one, and figures of it.",
        tags=["business-clients"],
        answers={200: ClientProfile},
        errors=(403, 404),
    )
    def retrieve(self, request: Request, given: Given, business_id: int, client_id: int) -> Response:
        return Response(client_profile(business_id, client_id))


def client_profile(business_id: int, client_id: int) -> dict[str, Any]:
    """A ClientProfile. 404 where there is none; for a merged client it names the one that was kept, and the merge."""
    narrowing = people.clients_of(business_id)
    narrowing.add("c.id = %(client)s::bigint", client=client_id)
    found = people.client_rows(narrowing, limit=1)
    if not found:
        raise no_client(business_id, client_id)
    row = reading.conversation_row(business_id=business_id, client_id=client_id)
    conversation = shapes.conversation_object(row) if row else None
    stats = people.client_stats(row["id"]) if row else people.NO_STATS
    return client_object(found[0]) | {"conversation": conversation, "stats": stats}


def no_client(business_id: int, client_id: int) -> NotFound:
    """What is answered where there is no such client; it names who was kept where the client was merged."""
    merge = merging.living_merge(business_id, client_id)
    if merge is None:
        return NotFound("There is no such client in this business.")
    sentence = f"Client {client_id} was merged into client {merge.kept_id}."
    return NotFound(sentence, merged_into=merge.kept_id, merge_id=merge.pk)
