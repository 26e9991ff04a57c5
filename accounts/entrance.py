"""The admin's entrance: log-in with a limit to guessing, and the pages of the second factor."""

from typing import Any

import django_otp
import structlog
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from unfold.forms import AuthenticationForm

from accounts.services import guarding, two_factor
from omega_project.lib.audit import touch
from omega_project.lib.clean import storable
from omega_project.lib.network import address_of

log = structlog.get_logger(__name__)
_WRONG = "This code is not right, or was used already. Wait for the next one and type that."


class LoginForm(AuthenticationForm):
    """Each try is counted first, so that guesses at one moment count as many; a right one is given back."""

    def clean(self) -> dict[str, Any]:
        name, address = storable(self.cleaned_data.get("username") or ""), address_of(self.request)
        refuse_guessing(name, address)
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            touch(self.request, "login refused")  # without the name: people type their password there by mistake
            raise
        guarding.give_back(name=name, address=address)
        return cleaned


def refuse_guessing(name: str, address: str) -> None:
    """Count a try; ValidationError with the moment of the next one where there were too many."""
    again_at = guarding.take_try(name=name, address=address)
    if again_at is not None:
        log.warning("login.locked", address=address)
        raise ValidationError(guarding.sentence(again_at), code="locked")


@never_cache
@csrf_protect
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for a code, or set the authenticator up, or show that it is: what of it depends on the person."""
    user: Any = request.user
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return HttpResponseRedirect(reverse("admin:login"))
    device = two_factor.authenticator_of(user.pk)
    if device is None:
        return _enrolment(request)
    return _settings(request) if user.is_verified() else _challenge(request, device)


def _challenge(request: HttpRequest, device: Any) -> HttpResponse:
    error = ""
    if request.method == "POST":
        error = _tried(request, lambda code: two_factor.accepts(device, code))
        if not error:
            _let_in(request, device)
            return HttpResponseRedirect(_next(request))
    return _page(request, "challenge", error)


def _enrolment(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    device, error, codes = two_factor.begin(user.pk), "", list[str]()

    def confirmed(code: str) -> bool:
        codes.extend(two_factor.confirm(device, "".join(code.split())) or [])
        return bool(codes)

    if request.method == "POST":
        error = _tried(request, confirmed)
        if not error:
            device.refresh_from_db()
            touch(request, "two-factor on", device)
            _let_in(request, device)
            return _page(request, "codes", codes=codes)
    # Our own drawing of our own key: nothing in it was typed by anybody but the name, which stands in it as modules.
    drawn = mark_safe(two_factor.picture(device, user.get_username()))  # noqa: S308
    return _page(request, "enrolment", error, picture=drawn, key=two_factor.shown_key(device))


def _settings(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if request.method == "POST":
        if request.POST.get("do") == "renew":
            touch(request, "two-factor: new recovery codes")
            return _page(request, "codes", codes=two_factor.new_recovery_codes(user.pk))
        if request.POST.get("do") == "off" and not settings.ADMIN_REQUIRE_TWO_FACTOR:
            touch(request, "two-factor off")
            two_factor.turn_off(user.pk)
            messages.success(request, "You log in by your password alone from now on.")
            return HttpResponseRedirect(reverse("admin:index"))
        raise PermissionDenied
    return _page(request, "settings", may_turn_off=not settings.ADMIN_REQUIRE_TWO_FACTOR)


def _tried(request: HttpRequest, check: Any) -> str:
    """What is wrong with the code that was typed, empty where nothing is; tries count as those of passwords do."""
    name, address = f"code:{request.user.pk}", address_of(request)
    try:
        refuse_guessing(name, address)
    except ValidationError as refused:
        return str(refused.messages[0])
    if not check(request.POST.get("code", "")[:64]):
        touch(request, "code refused")
        return _WRONG
    guarding.give_back(name=name, address=address)
    return ""


def _let_in(request: HttpRequest, device: Any) -> None:
    """The session knows of the second factor, under a new key: one from before is worth nothing."""
    request.session.cycle_key()
    django_otp.login(request, device)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next", "")
    fine = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if fine else reverse("admin:index")


def _page(request: HttpRequest, step: str, error: str = "", **more: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Two-factor log-in", "step": step, "error": error}
    context |= {"next": request.GET.get("next", ""), **more}
    return TemplateResponse(request, "admin/omega_lib/two_factor.html", context)
