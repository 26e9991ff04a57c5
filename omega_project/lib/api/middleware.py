"""Around every request: its id, a live database connection, the path with or without its slash, and no HTML errors."""

import re
import select
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import structlog
from django.conf import settings
from django.db import connection
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from omega_project.lib import reach, tracing
from omega_project.lib.api.errors import ApiError, as_api_error
from omega_project.lib.api.rendering import JsonResponse
from omega_project.lib.metrics import REQUESTS
from omega_project.lib.postgresql.base import DatabaseWrapper

log = structlog.get_logger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What Django's own error pages come as; under DEBUG also as plain text, where the caller does not accept HTML.
_PAGES = ("text/html", "text/plain")
_SANE_ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}\Z")


def drop_dead_connection() -> None:
    """Close a database connection that PostgreSQL has ended or where nothing can be written any more (a failover), so
    that the next statement opens a new one.

    The server's farewell makes the idle socket readable: asking the kernel costs microseconds, where
    CONN_HEALTH_CHECKS costs a round trip for each request.
    """
    if connection.connection is None or connection.in_atomic_block:
        return
    line = cast(DatabaseWrapper, connection)
    if line.has_moved or connection.connection.closed or _readable(connection.connection.fileno()):
        connection.close()


def _readable(descriptor: int) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poller.poll(0))


def _describe(span: tracing.Span, method: str, route: str, status: int) -> None:
    """The route, never the path or the query: they may name somebody."""
    span.rename(f"{method} {route}")
    span.note(http_request_method=method, http_route=route, http_response_status__code=status)
    if status >= 500:
        span.fail()


def _pieces(content: Iterable[bytes], reached: reach.Reach) -> Iterator[bytes]:
    """What is made while it is sent, made with the request's reach: by then the request itself has ended."""
    rest = iter(content)
    while True:
        with reach.within(reached):
            piece = next(rest, None)
        if piece is None:
            return
        yield piece


class RequestMiddleware:
    """First in, last out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.prefix = "/" + settings.OMEGA_URL_PREFIX

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = self._request_id(request)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        drop_dead_connection()
        began = time.perf_counter()
        with tracing.span("request", kind="server", parent=request.headers.get("traceparent", "")) as span:
            with reach.within(reach.NOTHING):  # until it is known who asks
                response = self._answer(request)
                if response.streaming and not isinstance(response, FileResponse):
                    response.streaming_content = _pieces(response.streaming_content, reach.current())  # type: ignore[attr-defined]
            route = request.resolver_match.route if request.resolver_match else "none"
            method = request.method if request.method in _METHODS else "other"
            if span is not None:
                _describe(span, method, route, response.status_code)
        REQUESTS.labels(method, route, response.status_code).observe(time.perf_counter() - began)
        response.headers["X-Request-ID"] = request_id
        return response

    def _request_id(self, request: HttpRequest) -> str:
        given = request.headers.get("x-request-id", "")
        return given if _SANE_ID.match(given) else uuid.uuid4().hex

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(self.prefix):
            return self.get_response(request)
        if request.path_info.endswith("/") and len(request.path_info) > len(self.prefix):
            request.path_info = request.path_info.rstrip("/")
        response = self.get_response(request)
        return self._json(response) if self._is_foreign_error(response) else response

    def _is_foreign_error(self, response: HttpResponseBase) -> bool:
        """An error page made by Django itself (an unknown path, bytes that are no request), not by our handler."""
        return response.status_code >= 400 and response.headers.get("Content-Type", "").startswith(_PAGES)

    def _json(self, response: HttpResponseBase) -> HttpResponse:
        codes = {404: "not_found", 405: "method_not_allowed", 403: "permission_denied", 500: "internal_error"}
        status = 422 if response.status_code == 400 else response.status_code
        if status == 422:
            fault = {"loc": ["path"], "msg": "The request cannot be read.", "type": "value_error"}
            return JsonResponse({"detail": [fault]}, status)
        detail = "Not found." if status == 404 else "The request could not be answered."
        return JsonResponse({"detail": detail, "code": codes.get(status, "error")}, status)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Plain Django views answer in the same shapes as the API; the admin keeps Django's pages."""
        answer = as_api_error(error) if request.path_info.startswith(self.prefix) else None
        if answer is None and request.path_info.startswith(self.prefix):
            log.exception("request.failed", error=repr(error))
            answer = ApiError("Something went wrong on our side. The request's id helps us find it.", "internal_error")
            answer.status = 500
        return JsonResponse(answer.body(), answer.status, answer.headers) if answer else None
