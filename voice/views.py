"""Calls over HTTP: what lets a staff member's client place and take them."""

from dataclasses import asdict

from rest_framework.request import Request
from rest_framework.response import Response

from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import Forbidden
from voice import serializers as shapes
from voice.services import tokens


class VoiceCalls(OmegaViewSet):
    """`/voice-calls/…`."""

    @endpoint(
        summary="Get Token",
        operation_id="voice_calls_token",
        description=(
            "For the Twilio Voice SDK in that staff member's browser or phone: it rings there, and places calls with "
            "`To` (E.164) or `client_id` as its parameters. A staff member's own token opens no other's."
        ),
        tags=["voice-calls"],
        query=shapes.TokenQuery,
        answers={200: shapes.VoiceToken},
        errors=(403, 404, 409),
    )
    def token(self, request: Request, given: Given) -> Response:
        query: shapes.TokenQuery = given.query
        if caller(request).staff_id not in {None, query.staff_id}:
            raise Forbidden("This token belongs to another staff member.")
        made = tokens.make_token(business_id=query.business_id, staff_id=query.staff_id)
        answer = Response(asdict(made))
        answer.headers["Cache-Control"] = "no-store"
        return answer
