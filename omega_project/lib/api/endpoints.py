"""How an endpoint is declared: one decorator checks path, query and body, and describes them in the schema."""

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from pydantic import BaseModel
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from omega_project.lib import reach
from omega_project.lib.api import parsing
from omega_project.lib.api.callers import caller
from omega_project.lib.api.errors import Fault, ParameterError
from omega_project.lib.api.schema import query_parameters, response_map
from omega_project.lib.audit import Operation

Handler = Callable[..., Response]


class OmegaViewSet(viewsets.ViewSet):
    """Base of the API's viewsets. A handler is permission, parse, call, render."""

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """From here on the ORM reaches the credential's business and no other."""
        super().initial(request, *args, **kwargs)
        reach.enter(self.reach_of(request))

    def reach_of(self, request: Any) -> reach.Reach:
        """A platform key's is everything; without a credential nothing."""
        if request.auth is None:
            return reach.NOTHING
        business_id = caller(request).business_id
        return reach.EVERYTHING if business_id is None else reach.Reach(business_id=business_id)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell the caller its rate, as the IETF draft's RateLimit fields do."""
        response = super().finalize_response(request, response, *args, **kwargs)
        for throttle in getattr(self, "throttles_asked", ()):
            for name, value in throttle.headers().items():
                response.headers[name] = value
        return response

    def get_throttles(self) -> Any:
        self.throttles_asked = super().get_throttles()
        return self.throttles_asked


class SignedViewSet(OmegaViewSet):
    """Base of what providers call, by a signature or a password in the URL: whose it is, the call's content tells."""

    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    throttle_classes: list[type] = []

    def reach_of(self, request: Any) -> reach.Reach:
        return reach.EVERYTHING


class Given:
    """What the caller sent, checked: `body`, `query`, `ids`, and what idempotency needs."""

    __slots__ = ("body", "ids", "query", "raw", "request_id")

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.body: Any = None
        self.query: Any = None
        self.request_id: str | None = None
        self.raw: dict[str, Any] = {}

    def fingerprint(self, kind: str) -> bytes:
        """A digest of the body without its `request_id`: the same request has the same one (api.md, 4)."""
        rest = {key: value for key, value in self.raw.items() if key != "request_id"}
        return hashlib.sha256(kind.encode() + orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).digest()


def endpoint(
    *,
    summary: str,
    operation_id: str,
    tags: list[str],
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    answers: dict[int, Any],
    errors: tuple[int, ...] = (),
    examples: list[OpenApiExample] | None = None,
    description: str | None = None,
    idempotent: bool = False,
    path_text: tuple[str, ...] = (),
    audited: bool = True,
) -> Callable[[Handler], Handler]:
    """Declare a viewset's action.

    The handler is called with the request, a `Given`, and each path id as a checked number; parameters named in
    `path_text` stay text. `answers` maps status to a pydantic model or a description; `errors` names the error
    statuses besides 401, 422, 429 and 503, which every endpoint has. Where it writes, the trail of changes tells of it;
    `audited` False is for what is its own record, such as a message that is sent.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def checked(self: OmegaViewSet, request: Request, **path: str) -> Response:
            given, ids = _parse(request, path, body, query, path_text, idempotent)
            _reach(request, given, ids)
            if audited:
                setattr(request._request, "operation", _operation(operation_id, given, ids))  # noqa: B010  Django types it not
            return handler(self, request, given, **ids)

        parameters = query_parameters(query) if query else []
        if idempotent:
            parameters.append(_IDEMPOTENCY_HEADER)
        return extend_schema(
            summary=summary,
            operation_id=operation_id,
            tags=tags,
            request=body,
            parameters=parameters,
            responses=response_map(answers, errors),
            examples=examples,
            description=description,
        )(checked)

    return decorate


def _operation(name: str, given: Given, ids: dict[str, Any]) -> Operation:
    fields = tuple(sorted(given.body.model_fields_set)) if given.body is not None else ()
    return Operation(name, ids, fields, getattr(given.body, "business_id", None))


_IDEMPOTENCY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The caller's `request_id`, where it is not in the body.",
)


def _parse(
    request: Request,
    path: dict[str, str],
    body: type[BaseModel] | None,
    query: type[BaseModel] | None,
    path_text: tuple[str, ...],
    idempotent: bool,
) -> tuple[Given, dict[str, Any]]:
    given, faults = Given(), list[Fault]()
    ids = {n: v if n in path_text else parsing.path_id(n, v, faults) for n, v in path.items()}
    if query is not None:
        values = parsing.query_values(request.GET, query, faults)
        given.query = parsing.checked(query, values, "query", faults)
    if body is not None:
        _parse_body(request, given, body, faults)
    if idempotent:
        _parse_request_id(request, given, faults)
    if faults:
        raise ParameterError(faults)
    return given, ids


def _reach(request: Request, given: Given, ids: dict[str, Any]) -> None:
    """A business named in the path, query or body must be one that the credential opens: nobody can forget to ask."""
    named = {
        ids.get("business_id"),
        getattr(given.query, "business_id", None),
        getattr(given.body, "business_id", None),
    }
    for business_id in named:
        if business_id is not None:
            caller(request).require_business(business_id)


def _parse_body(request: Request, given: Given, model: type[BaseModel], faults: list[Fault]) -> None:
    raw = parsing.read_body(request._request, settings.OMEGA_MAX_BODY_BYTES)
    try:
        given.raw = parsing.json_object(raw)
    except ParameterError as error:
        faults.extend(error.faults)
        return
    given.body = parsing.checked(model, given.raw, "body", faults)


def _parse_request_id(request: Request, given: Given, faults: list[Fault]) -> None:
    header = parsing.idempotency_key(request, faults)
    in_body = getattr(given.body, "request_id", None)
    if header and in_body and header != in_body:
        faults.append(Fault(["header", "Idempotency-Key"], "differs from the body's request_id"))
    given.request_id = in_body or header
