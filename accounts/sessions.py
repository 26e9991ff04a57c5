"""Tokens over HTTP: made from an API key, ended at once when asked."""

from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.middleware.csrf import get_token
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import COOKIE
from accounts.services import credentials
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import Forbidden
from omega_project.lib.api.examples import asked
from omega_project.lib.api.fields import Body, Flag, Id


class TokenWanted(Body):
    business_id: Id
    staff_id: Id | None = None
    expires_in: Annotated[int, Field(strict=True, ge=60, le=86400)] = 3600


class TokenMade(BaseModel):
    access_token: str
    token_type: str
    expires_in: int
    expires_at: datetime
    business_id: int
    staff_id: int | None


class Expire(Body):
    all: Flag = False


class Expired(BaseModel):
    expired: int


class Sessions(OmegaViewSet):
    """`/auth/token` and `/session/expire`."""

    @endpoint(
        summary="Generate Auth Token",
        operation_id="auth_token",
        description="Made with an API key, for one business and optionally one staff member; also set as a cookie.",
        examples=[asked({"business_id": 12, "staff_id": 17, "expires_in": 3600})],
        tags=["authentication"],
        body=TokenWanted,
        answers={201: TokenMade},
        errors=(403, 404, 409, 413),
    )
    def create(self, request: Request, given: Given) -> Response:
        if caller(request).token_id is not None:
            raise Forbidden("A token is made with an API key, not with a token.")
        wanted: TokenWanted = given.body
        token, row = credentials.create_token(
            business_id=wanted.business_id,
            staff_id=wanted.staff_id,
            key_id=caller(request).key_id,
            expires_in=wanted.expires_in,
        )
        answer = Response(
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": wanted.expires_in,
                "expires_at": row.expires_at,
                "business_id": row.business_id,
                "staff_id": row.staff_id,
            },
            status=201,
        )
        answer.set_cookie(
            COOKIE, token, max_age=wanted.expires_in, httponly=True, samesite="Lax", secure=not settings.DEBUG
        )
        get_token(request._request)
        return answer

    @endpoint(
        summary="Expire Session",
        operation_id="session_expire",
        description="The token that calls is dead at once; with `all`, every token of its staff member.",
        examples=[asked({"all": False})],
        tags=["session"],
        body=Expire,
        answers={200: Expired},
        errors=(403, 413),
    )
    def expire(self, request: Request, given: Given) -> Response:
        token_id = caller(request).token_id
        if token_id is None:
            raise Forbidden("An API key has no session: call with a token or its cookie.")
        ended = credentials.expire_tokens(token_id=token_id, everywhere=given.body.all)
        answer = Response({"expired": ended})
        answer.delete_cookie(COOKIE, samesite="Lax")
        return answer
