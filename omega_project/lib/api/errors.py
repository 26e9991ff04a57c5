"""What a caller reads when something is wrong: one shape per status, a sentence in each (api.md, 2)."""

from collections.abc import Sequence
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.response import Response

log = structlog.get_logger(__name__)
RETRY_AFTER_SECONDS = "2"
MOST_FAULTS = 100


class Fault(dict[str, Any]):
    """One wrong value: `loc` (path, query, header or body, then the field), and a sentence."""

    def __init__(self, loc: Sequence[str | int], msg: str) -> None:
        super().__init__(loc=list(loc), msg=msg, type="value_error")


class ApiError(Exception):
    """An answer other than success. `extra` joins the body, `headers` the answer's headers."""

    status = 400
    code = "error"

    def __init__(self, detail: str, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.extra = extra
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        return {"detail": self.detail, "code": self.code, **self.extra}


class Forbidden(ApiError):
    status, code = 403, "permission_denied"


class InvalidSignature(ApiError):
    status, code = 403, "invalid_signature"


class NotFound(ApiError):
    status, code = 404, "not_found"


class Conflict(ApiError):
    status, code = 409, "conflict"


class Gone(ApiError):
    status, code = 410, "gone"


class TooLarge(ApiError):
    status, code = 413, "too_large"


class Unavailable(ApiError):
    status, code = 503, "unavailable"

    def __init__(self, detail: str, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail, code, **extra)
        self.headers["Retry-After"] = RETRY_AFTER_SECONDS


class ParameterError(ApiError):
    """422 with every fault of the request in one answer."""

    status = 422

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("Parameter Error")
        self.faults = list(faults)

    def body(self) -> dict[str, Any]:
        return {"detail": capped(self.faults)}


def capped(faults: list[Fault]) -> list[Fault]:
    """At most a hundred faults: ten thousand unknown fields need no answer of a megabyte."""
    if len(faults) <= MOST_FAULTS:
        return faults
    rest = Fault(["body"], f"{len(faults) - MOST_FAULTS} more faults are not listed")
    return [*faults[:MOST_FAULTS], rest]


def parameter_error(field: str, msg: str, where: str = "body") -> ParameterError:
    """One wrong field, as the exception to raise."""
    return ParameterError([Fault([where, *field.split(".")], msg)])


# DRF's and Django's own exceptions in our words: class, status, code, sentence (None: the exception's own).
_KNOWN: list[tuple[type[Exception], int, str, str | None]] = [
    (exceptions.NotAuthenticated, 401, "not_authenticated", "Authentication credentials were not provided."),
    (exceptions.AuthenticationFailed, 401, "authentication_failed", None),
    (exceptions.PermissionDenied, 403, "permission_denied", None),
    (PermissionDenied, 403, "permission_denied", "You do not have permission to perform this action."),
    (Http404, 404, "not_found", "Not found."),
    (exceptions.MethodNotAllowed, 405, "method_not_allowed", None),
    (exceptions.NotAcceptable, 406, "not_acceptable", None),
    (exceptions.UnsupportedMediaType, 415, "unsupported_media_type", None),
    (exceptions.Throttled, 429, "throttled", None),
    (RequestDataTooBig, 413, "too_large", "The request's body is too large."),
    (SuspiciousOperation, 422, "suspicious", "The request cannot be read."),
]


def as_api_error(error: Exception) -> ApiError | None:
    """The answer for an exception that has one; None for a fault of our own."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, (OperationalError, InterfaceError)):
        log.warning("database.unavailable", error=str(error).split("\n")[0])
        return Unavailable("The database cannot be reached or is too busy. Please try again.")
    if isinstance(error, RedisError):
        log.warning("redis.unavailable", error=str(error))
        return Unavailable("Redis cannot be reached. Please try again.")
    if isinstance(error, DataError):
        log.warning("request.unstorable", error=str(error).split("\n")[0])
        return ParameterError([Fault(["body"], "holds a value that cannot be stored")])
    return _known(error)


def _known(error: Exception) -> ApiError | None:
    for kind, status, code, sentence in _KNOWN:
        if isinstance(error, kind):
            answer = ApiError(sentence or str(getattr(error, "detail", error)), code)
            answer.status = status
            answer.headers = _headers(error)
            return answer
    return None


def _headers(error: Exception) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(wait) + (wait % 1 > 0)))
    return headers


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: every exception in the contract's shape; a fault of our own without its trace."""
    answer = as_api_error(error)
    if answer is None:
        log.exception("request.failed", error=repr(error))
        answer = ApiError("Something went wrong on our side. The request's id helps us find it.", "internal_error")
        answer.status = 500
    return Response(answer.body(), status=answer.status, headers=answer.headers)
