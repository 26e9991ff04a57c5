"""Who calls, and what the credential opens."""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.services import businesses, credentials
from omega_project.lib import jobs
from omega_project.lib.api.callers import caller
from omega_project.lib.api.errors import Forbidden, NotFound
from omega_project.lib.api.throttling import Rate, Window

COOKIE = "omega_session"


@dataclass(frozen=True, slots=True)
class Credential:
    """A good credential: of one business, or (`business_id` None) of the platform and so of every business."""

    key_id: int
    business_id: int | None
    staff_id: int | None = None
    token_id: int | None = None

    def require_business(self, business_id: int) -> None:
        """403 where the credential is another business's; 404 where a platform key names one that does not exist."""
        if self.business_id is None:
            if not businesses.exists(business_id):
                raise NotFound("There is no such business.")
        elif self.business_id != business_id:
            raise Forbidden("This credential belongs to another business.")

    def require_platform(self) -> None:
        if self.business_id is not None:
            raise Forbidden("This needs a platform key.")


class ApiKeyAuthentication(BaseAuthentication):
    """The header `X-API-KEY`."""

    def authenticate(self, request: Request) -> tuple[Any, Credential] | None:
        given = request.headers.get("x-api-key")
        if not given:
            return None
        key = credentials.find_api_key(given)
        if key is None:
            raise AuthenticationFailed("This API key is wrong, expired or revoked.")
        return None, Credential(key["id"], key["business_id"])

    def authenticate_header(self, request: Request) -> str:
        return 'ApiKey realm="omega", header="X-API-KEY", Bearer realm="omega"'


def _by_token(given: str) -> Credential:
    token = credentials.find_token(given)
    if token is None:
        raise AuthenticationFailed("This token is wrong, expired or revoked.")
    return Credential(token["api_key_id"], token["business_id"], token["staff_id"], token["id"])


class TokenAuthentication(BaseAuthentication):
    """The header `Authorization: Bearer`."""

    def authenticate(self, request: Request) -> tuple[Any, Credential] | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return None, _by_token(given.strip())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="omega"'


class CookieAuthentication(BaseAuthentication):
    """The cookie `omega_session`: as the bearer token, and unsafe methods pass Django's CSRF check."""

    def authenticate(self, request: Request) -> tuple[Any, Credential] | None:
        given = request.COOKIES.get(COOKIE)
        if not given:
            return None
        found = _by_token(given)
        _require_csrf(request)
        return None, found


def _nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _require_csrf(request: Request) -> None:
    check = CSRFCheck(_nothing)
    check.process_request(request)
    reason = check.process_view(request, _nothing, (), {})
    if reason:
        raise Forbidden(f"The cookie needs the CSRF token in the header X-CSRFToken: {reason}")


class HasCredential(BasePermission):
    """Every endpoint needs a credential but those that say otherwise."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.auth is not None


class KeyThrottle(BaseThrottle):
    """`API_RATE_LIMIT` per key, counted in Redis by fixed windows; when Redis is away, requests pass."""

    def __init__(self) -> None:
        self.window: Window | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        rate: Rate | None = settings.API_RATE_LIMIT
        if rate is None or request.auth is None:
            return True
        used = self._count(caller(request).key_id, rate)
        if used is None:
            return True
        reset = rate.seconds - int(time.time()) % rate.seconds
        self.window = Window(rate, max(0, rate.requests - used), reset)
        return used <= rate.requests

    def _count(self, key_id: int, rate: Rate) -> int | None:
        line = jobs.redis_line()
        if line is None:
            return None
        name = f"omega:rate:{key_id}:{int(time.time()) // rate.seconds}"
        try:
            with line.pipeline(transaction=False) as pipeline:
                pipeline.incr(name)
                pipeline.expire(name, rate.seconds + 1)
                return int(pipeline.execute()[0])
        except RedisError as error:
            jobs.redis_failed(error)
            return None

    def wait(self) -> float | None:
        return float(self.window.reset) if self.window else None

    def headers(self) -> dict[str, str]:
        """The fields of the IETF draft draft-ietf-httpapi-ratelimit-headers; none where nothing was counted."""
        if self.window is None:
            return {}
        rate = self.window.rate
        return {
            "RateLimit-Policy": f'"default";q={rate.requests};w={rate.seconds}',
            "RateLimit": f'"default";r={self.window.remaining};t={self.window.reset}',
        }
