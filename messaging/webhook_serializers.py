"""What is asked and answered about endpoints that are told what changes, and about deliveries to them."""

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field

from conversations.change_serializers import ChangeType
from conversations.serializers import Page, reversed_range
from messaging.models import WebhookEndpoint
from omega_project.lib.api.fields import Body, Flag, QueryId, Text, Time, Url
from omega_project.lib.api.pagination import PageQuery

DeliveryStatus = Literal["pending", "delivered", "failed"]
Events = Annotated[
    list[ChangeType], Field(max_length=20, description="Which types are told; none named: every one, new ones too.")
]
Description = Annotated[Text, Field(max_length=255)]


class NewEndpoint(Body):
    """Where to tell what changes from now on."""

    url: Annotated[Url, Field(description="An https URL, not inside a private network.")]
    events: Events = []
    description: Description = ""


class EndpointChange(Body):
    """What is left out stays as it is."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    is_enabled: Flag | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        names = [name for name in cls.model_fields if name in given and given[name] is None]
        return [(name, "must not be null: leave it out to keep it") for name in names]


class EndpointObject(BaseModel):
    """An endpoint. `pending`: how many deliveries wait, a thousand at the most. Its secret is shown once, when made."""

    id: int
    business_id: int
    url: str
    description: str
    events: list[ChangeType]
    is_enabled: bool
    disabled_reason: str | None
    failing_since: datetime | None
    pending: int
    created_at: datetime
    updated_at: datetime


class EndpointMade(EndpointObject):
    """A new endpoint with its secret, shown this once."""

    secret: str


class EndpointPage(Page):
    results: list[EndpointObject]


class SecretAnswer(BaseModel):
    """A new secret, shown this once; until `both_until` the one before it signs beside it."""

    secret: str
    both_until: datetime


class DeliveryObject(BaseModel):
    """One change pushed to one endpoint; `payload` is the body of every try. `due_at`: when the next one is made."""

    id: int
    business_id: int
    endpoint_id: int
    webhook_id: str
    type: ChangeType
    status: DeliveryStatus
    attempts: int
    response_status: int | None
    response: str | None
    error: str | None
    milliseconds: int | None
    payload: dict[str, Any]
    created_at: datetime
    attempted_at: datetime | None
    delivered_at: datetime | None
    due_at: datetime | None


class DeliveryPage(Page):
    results: list[DeliveryObject]


class DeliveriesQuery(PageQuery):
    endpoint_id: QueryId | None = None
    status: DeliveryStatus | None = None
    type: ChangeType | None = None


class ReplayWanted(Body):
    """Which deliveries to send again, oldest first; without filters all that are kept."""

    status: Literal["delivered", "failed"] | None = None
    after: Time | None = None
    before: Time | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1000

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        return reversed_range(given, "after", "before")


class Replayed(BaseModel):
    replayed: int


def endpoint_object(row: dict[str, Any]) -> dict[str, Any]:
    """An EndpointObject from a row of `webhook_endpoints.endpoint_rows`."""
    return row | {"disabled_reason": row["disabled_reason"] or None}


def new_endpoint_object(made: WebhookEndpoint, secret: str) -> dict[str, Any]:
    """An EndpointMade."""
    names = ("id", "business_id", "url", "description", "events", "is_enabled", "failing_since", "created_at")
    shown = {name: getattr(made, name) for name in (*names, "updated_at")}
    return shown | {"disabled_reason": None, "pending": 0, "secret": secret}


def delivery_object(row: dict[str, Any]) -> dict[str, Any]:
    """A DeliveryObject from a row of `webhook_endpoints.delivery_rows`."""
    return row | {
        "response": row["response"] or None,
        "error": row["error"] or None,
        "payload": orjson.Fragment(row["payload"]),
    }
