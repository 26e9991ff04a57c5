"""Behind every request that may change something: who did what goes into the trail, before the caller is told.

Sends, records and webhooks are not in it: a message's row is its own record, with its trace, attempts and history, and
these are the paths that must be quick. Neither are reads, nor what was refused.
"""

from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.admin_door import ADMIN, QUEUES
from accounts.roles import reach_of_user
from accounts.services.auditing import Actor, Where, record
from omega_project.lib import reach
from omega_project.lib.audit import Operation, Touched, touched_by
from omega_project.lib.network import address_of

log = structlog.get_logger(__name__)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class AuditTrail:
    """A middleware, the innermost of all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in _SAFE:
            return self.get_response(request)
        is_admin = request.path_info.startswith((ADMIN, QUEUES))
        before = _login(request) if is_admin else None  # who logs out is nobody afterwards
        response = self.get_response(request)
        touched = _by_admin(request, response) if is_admin else _by_api(request, response)
        if touched:
            _keep(request, response, (_login(request) or before) if is_admin else _caller(request), touched)
        return response


def _keep(request: HttpRequest, response: HttpResponseBase, actor: Actor | None, touched: list[Touched]) -> None:
    context = structlog.contextvars.get_contextvars()
    where = Where(context.get("request_id", ""), address_of(request), response.status_code)
    try:
        with reach.everything():  # a log-in that is refused is of no business
            record(actor=actor or Actor("nobody"), where=where, touched=touched)
    except DatabaseError:
        # The change is done and cannot be told again: the log is what is left.
        log.exception("audit.failed", deeds=[one.deed for one in touched])


def _by_api(request: HttpRequest, response: HttpResponseBase) -> list[Touched]:
    operation: Operation | None = getattr(request, "operation", None)
    if operation is None or response.status_code >= 400:
        return []
    caller: Any = getattr(request, "auth", None)
    business_id = operation.business_id or operation.ids.get("business_id") or getattr(caller, "business_id", None)
    named = [name for name in operation.ids if name != "business_id"]
    kind, pk = (named[-1].removesuffix("_id"), str(operation.ids[named[-1]])) if named else ("", "")
    reason = next((one.reason for one in touched_by(request) if one.reason), "")
    return [Touched(operation.name, kind, pk, business_id, operation.fields, reason)]


def _caller(request: HttpRequest) -> Actor | None:
    caller: Any = getattr(request, "auth", None)
    if caller is None:
        return None
    if caller.token_id is not None:
        return Actor("token", caller.token_id, staff_id=caller.staff_id)
    return Actor("key", caller.key_id)


def _by_admin(request: HttpRequest, response: HttpResponseBase) -> list[Touched]:
    """What the admin noted; else the view itself, where it did something: it leads on, hands out a file or news."""
    noted = touched_by(request)
    match = request.resolver_match
    if noted or match is None or not _did_something(response, match.url_name):
        return noted
    view = f"{match.namespace or match.app_name or 'django-rq'}.{match.url_name}"
    deed = f"{view}:{request.POST['action']}" if "action" in request.POST else view
    pk = str(match.kwargs.get("object_id", ""))
    return [Touched(deed, "", pk, getattr(request, "reach", reach_of_user(request.user)).business_id)]


def _did_something(response: HttpResponseBase, page: str | None) -> bool:
    """Whether a view led on, handed out a file, or answered a script; one that shows its form again did nothing."""
    if response.status_code >= 400:
        return False
    kind = response.headers.get("Content-Type", "")
    is_file = "Content-Disposition" in response.headers
    return response.status_code in {302, 303} or is_file or "json" in kind or page == "logout"


def _login(request: HttpRequest) -> Actor | None:
    user: Any = request.user
    if not user.is_authenticated:
        return None
    return Actor("login", user.pk, user.get_username())
