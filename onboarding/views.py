"""Onboarding over HTTP."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound
from omega_project.lib.api.examples import asked
from onboarding import serializers as shapes
from onboarding.services import keys, reading, starting
from onboarding.services.requests import Onboard

_EXAMPLE = {
    "external_id": "studio-77", "name": "Lotus Day Spa", "timezone": "America/New_York", "country": "US",
    "locations": [{"external_id": "soho", "name": "Lotus SoHo", "phone": "+12125550160"}],
    "staff": [
        {"external_id": "mo", "name": "Mo Reyes", "email": "mo@lotus.example", "location_external_ids": ["soho"]},
    ],
    "senders": [
        {"channel": "sms", "address": "+12125550160", "location": "soho"},
        {"channel": "sms", "buy": {"area_code": "415"}},
        {"channel": "email", "address": "hello@lotus.example"},
    ],
    "owner": {"name": "Mei Tanaka", "email": "mei@lotus.example", "phone": "+12125550161"},
    "settings": {"quiet_hours": {"from": "21:00", "until": "08:00"}},
}  # fmt: skip


class BusinessOnboarding(OmegaViewSet):
    """`/business/onboard…`."""

    @endpoint(
        summary="Onboard a business",
        operation_id="business_onboard",
        description=(
            "Needs a platform key. 202 while it goes on, 200 where it is completed. The same `external_id` is the same "
            "onboarding; one that failed goes on, by this request where it differs."
        ),
        examples=[asked(_EXAMPLE)],
        tags=["business onboarding"],
        body=Onboard,
        answers={200: shapes.OnboardingStarted, 202: shapes.OnboardingStarted},
        errors=(403, 409, 413),
        idempotent=True,
    )
    def create(self, request: Request, given: Given) -> Response:
        caller(request).require_platform()
        started = starting.start_onboarding(given.body, request_id=given.request_id)
        body = {
            "onboarding_id": started.onboarding_id, "business_id": started.business_id, "status": started.status,
        }  # fmt: skip
        headers = {"Idempotent-Replayed": "true"} if started.replayed else None
        return Response(body, status=200 if started.status == "completed" else 202, headers=headers)

    @endpoint(
        summary="Get business onboarding status",
        operation_id="business_onboarding_get",
        description="Each step with what it did, or what a person must do. The business's key is in it once.",
        tags=["business onboarding"],
        answers={200: shapes.OnboardingState},
        errors=(403, 404),
    )
    def retrieve(self, request: Request, given: Given, onboarding_id: int) -> Response:
        found = reading.status_of(onboarding_id=onboarding_id)
        if found is None or caller(request).business_id not in {None, found["business_id"]}:
            raise NotFound("There is no such onboarding.")
        return _answer(request, found)

    @endpoint(
        summary="Get business onboarding status by business",
        operation_id="business_onboarding_status",
        description="The same, of the business named.",
        tags=["business onboarding"],
        query=shapes.OfBusiness,
        answers={200: shapes.OnboardingState},
        errors=(403, 404),
    )
    def of_business(self, request: Request, given: Given) -> Response:
        found = reading.status_of(business_id=given.query.business_id)
        if found is None:
            raise NotFound("This business was not onboarded.")
        return _answer(request, found)


def _answer(request: Request, found: dict[str, Any]) -> Response:
    """The key goes to the platform alone, which asked for it; and not to a HEAD, which would not see it."""
    may_take = caller(request).business_id is None and request.method == "GET" and found["status"] == "completed"
    key = keys.take_key(onboarding_id=found["onboarding_id"]) if may_take else None
    return Response(found | {"api_key": key}, headers={"Cache-Control": "no-store"})
