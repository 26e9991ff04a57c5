"""Before every page of the admin: sessions end, the second factor is asked for, and it is said who reaches what."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts.proofs import asked_again
from accounts.roles import reach_of_user
from accounts.services import two_factor
from accounts.services.logged_in import BEGAN, FROM, SEEN
from omega_project.lib import reach
from omega_project.lib.clean import storable
from omega_project.lib.network import address_of

ADMIN, QUEUES = "/admin/", "/django-rq/"
# What somebody may open who gave the password and no code yet.
_BEFORE_THE_CODE = frozenset({"two_factor", "prove", "login", "logout", "jsi18n"})
# Pages ask for news by themselves every few seconds: that is nobody at work.
_LIVE = "inbox_live"
_ASKED_BY_ITSELF = frozenset({"conversations_conversation_entries", "inbox_news", "inbox_side", "inbox_here", _LIVE})
_WRITTEN_EVERY = 60.0
# So much of a browser's name is kept with its log-in.
_AGENT = 200


class AdminDoor:
    """A middleware, behind those of authentication and of django-otp."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """A redirect in place of the page, where something has to come before it."""
        if not request.path_info.startswith((ADMIN, QUEUES)) or not request.user.is_authenticated:
            return None
        name = request.resolver_match.url_name if request.resolver_match else None
        if session_is_over(request, name):
            logout(request)
            return None
        if name not in _BEFORE_THE_CODE and wants_code(request.user):
            asked = "" if request.path_info == ADMIN else "?" + urlencode({"next": request.get_full_path()})
            return HttpResponseRedirect(reverse("admin:two_factor") + asked)
        if again := asked_again(request):
            return again
        request.reach = reach_of_user(request.user)  # type: ignore[attr-defined]
        reach.enter(reach.reach_of(request))
        if request.path_info.startswith(QUEUES) and not request.user.has_perm("django_rq.view_dashboard"):
            raise Http404
        return None


def session_is_over(request: HttpRequest, page: str | None) -> bool:
    """Whether nobody did anything for ADMIN_IDLE_MINUTES, or the log-in is ADMIN_SESSION_HOURS ago."""
    now, session = time.time(), request.session
    began, seen = session.setdefault(BEGAN, now), session.setdefault(SEEN, now)
    if FROM not in session:
        agent = storable(request.headers.get("User-Agent", ""))[:_AGENT]
        session[FROM] = {"address": address_of(request), "agent": agent}
    if now - began > settings.ADMIN_SESSION_HOURS * 3600 or now - seen > settings.ADMIN_IDLE_MINUTES * 60:
        return True
    if now - seen > _WRITTEN_EVERY and page not in _ASKED_BY_ITSELF:
        session[SEEN] = now
    return False


def let_in(request: HttpRequest) -> bool:
    """Whether a request outside of the admin's pages is somebody's who is logged in; says whom they reach."""
    if not request.user.is_authenticated or session_is_over(request, _LIVE) or wants_code(request.user):
        return False
    request.reach = reach_of_user(request.user)  # type: ignore[attr-defined]
    return True


def wants_code(user: Any) -> bool:
    """Whether this person has given the password and not the code that is asked of them."""
    if not user.is_staff or user.is_verified():
        return False
    return bool(settings.ADMIN_REQUIRE_TWO_FACTOR or two_factor.authenticator_of(user.pk))
