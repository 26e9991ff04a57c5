"""Consent over HTTP: how a client stands on each channel, since when and by what; set by a caller."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Client
from conversations.people import ConsentName, no_client
from messaging.services import consent_ledger
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.examples import asked
from omega_project.lib.api.fields import Body, Flag, Metadata, Query, Text, Time

ChannelWithConsent = Literal["sms", "email", "voice"]


class ConsentChangeObject(BaseModel):
    """One row of the ledger; `evidence` has what its source knew."""

    id: int
    channel: ChannelWithConsent
    address: str
    previous: ConsentName
    state: ConsentName
    source: str
    reason: str | None
    staff_id: int | None
    evidence: dict[str, Any]
    at: datetime


class ChannelConsent(BaseModel):
    """How one channel stands, and the row that made it so. `reason` says why nothing may be sent."""

    state: ConsentName
    address: str | None
    since: datetime | None
    source: str | None
    may_send: bool
    reason: Literal["opted_out", "address_bounced", "no_address"] | None
    change: ConsentChangeObject | None


class ConsentRecord(BaseModel):
    """A client's consent, and its history, newest first."""

    client_id: int
    at: datetime | None
    sms: ChannelConsent
    email: ChannelConsent
    voice: ChannelConsent
    history: list[ConsentChangeObject]


class ConsentQuery(Query):
    at: Annotated[Time, Field(description="How it stood at this time, by the rows of then.")] | None = None


class SetConsent(Body):
    """A caller's word. An opt-in over the client's own opt-out needs `confirmed` and a `reason`."""

    channel: ChannelWithConsent
    state: Literal["opted_in", "opted_out"]
    reason: Annotated[Text, Field(max_length=500)] | None = None
    evidence: Metadata = {}
    confirmed: Flag = False

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        if given.get("confirmed") is True and not given.get("reason"):
            return [("reason", "is required with confirmed: how the client asked for it")]
        return []


def change_object(one: consent_ledger.Change) -> dict[str, Any]:
    return {
        "id": one.id,
        "channel": one.channel,
        "address": one.address,
        "previous": one.previous,
        "state": one.state,
        "source": one.source,
        "reason": one.evidence.get("reason") or None,
        "staff_id": one.evidence.get("staff_id"),
        "evidence": one.evidence,
        "at": one.at,
    }


def _channel(one: consent_ledger.Standing) -> dict[str, Any]:
    return {
        "state": one.state,
        "address": one.address or None,
        "since": one.change.at if one.change else None,
        "source": one.change.source if one.change else None,
        "may_send": one.reason is None,
        "reason": one.reason,
        "change": change_object(one.change) if one.change else None,
    }


def record_answer(client: Client, at: datetime | None = None) -> dict[str, Any]:
    """A ConsentRecord."""
    record = consent_ledger.record_of(client, at)
    channels = {name: _channel(one) for name, one in record.channels.items()}
    history = [change_object(one) for one in record.history[: consent_ledger.MOST_ROWS]]
    return {"client_id": client.pk, "at": at, **channels, "history": history}


def client_or_404(business_id: int, client_id: int) -> Client:
    """The client; 404, which names who was kept, where there is none or it was merged into another."""
    found: Client | None = Client.objects.in_business(business_id).filter(pk=client_id, merged_into=None).first()
    if found is None:
        raise no_client(business_id, client_id)
    return found


class ClientConsent(OmegaViewSet):
    """`…/clients/{client_id}/consent`."""

    @endpoint(
        summary="Get a client's consent with its history",
        operation_id="consent_get",
        description=(
            "How each channel stands at the client's present addresses, and the row of the ledger that made it so. "
            "`at` answers whether the client could be written to then, and why: blocks and quiet hours apart. "
            "The history has the newest 200 rows; none is ever changed."
        ),
        tags=["business-clients"],
        query=ConsentQuery,
        answers={200: ConsentRecord},
        errors=(403, 404),
    )
    def retrieve(self, request: Request, given: Given, business_id: int, client_id: int) -> Response:
        return Response(record_answer(client_or_404(business_id, client_id), given.query.at))

    @endpoint(
        summary="Set a client's consent on a channel",
        operation_id="consent_set",
        description=(
            "The word of a caller, with what it stands on. The same state again changes nothing. Where the client "
            "opted out themself (a STOP, an unsubscribe, a complaint), an opt-in is 409 `client_opted_out` unless "
            "`confirmed` says that the client asked for it again, and `reason` how. A carrier that keeps a list of "
            "its own still wants the client's START."
        ),
        examples=[asked({"channel": "sms", "state": "opted_out", "reason": "Asked at the front desk"})],
        tags=["business-clients"],
        body=SetConsent,
        answers={200: ConsentRecord},
        errors=(403, 404, 409, 413),
    )
    def set(self, request: Request, given: Given, business_id: int, client_id: int) -> Response:
        body: SetConsent = given.body
        client = client_or_404(business_id, client_id)
        word = consent_ledger.Word(
            channel=body.channel, state=body.state, reason=body.reason or "", evidence=body.evidence,
            confirmed=body.confirmed, actor_id=caller(request).staff_id, key_id=caller(request).key_id,
        )  # fmt: skip
        consent_ledger.set_consent(client, word)
        client.refresh_from_db()
        return Response(record_answer(client))
