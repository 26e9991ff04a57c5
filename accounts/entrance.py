"""The admin's entrance: log-in with a limit to guessing, and the pages of the second factor."""

from dataclasses import asdict
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
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from unfold.forms import AuthenticationForm

from accounts import proofs
from accounts.services import guarding, logged_in, two_factor
from omega_project.lib.admin import moment, tell
from omega_project.lib.audit import touch
from omega_project.lib.clean import storable
from omega_project.lib.network import address_of

log = structlog.get_logger(__name__)
_NOT_THEIRS = gettext_lazy("This password is not right.")
_WRONG = gettext_lazy("This code is not right, or was used already. Wait for the next one and type that.")


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
    if not admin.site.has_permission(request):
        return HttpResponseRedirect(reverse("admin:login"))
    device = two_factor.authenticator_of(user.pk)
    if device is None:
        return _enrolment(request)
    return _settings(request) if user.is_verified() else _challenge(request, device)


@never_cache
@csrf_protect
def prove(request: HttpRequest) -> HttpResponse:
    """Ask again who this is, before a sensitive deed: by a code where there is an authenticator, else by password."""
    user: Any = request.user
    if not admin.site.has_permission(request):
        return HttpResponseRedirect(reverse("admin:login"))
    device, error = two_factor.authenticator_of(user.pk), ""
    if device is not None and not user.is_verified():
        return HttpResponseRedirect(reverse("admin:two_factor"))
    if request.method == "POST":
        error = _tried(request, lambda code: two_factor.accepts(device, code)) if device else _tried_password(request)
        if not error:
            touch(request, "proved again")
            proofs.note_proof(request)
            return HttpResponseRedirect(_next(request))
    return _page(request, "prove" if device else "password", error)


@never_cache
@csrf_protect
def log_ins(request: HttpRequest) -> HttpResponse:
    """Where one is logged in; one log-in, or all others, ended."""
    user: Any = request.user
    if not admin.site.has_permission(request):
        return HttpResponseRedirect(reverse("admin:login"))
    key = request.session.session_key
    if request.method == "POST":
        name = request.POST.get("end", "")
        count = logged_in.end_log_ins(user_id=user.pk, but_key=key, name=None if name == "others" else name)
        touch(request, f"log-ins ended: {count}")
        said = ngettext("{count} log-in is ended.", "{count} log-ins are ended.", count)
        tell(request, [said.format(count=count)])
        return HttpResponseRedirect(reverse("admin:log_ins"))
    rows = [
        {**asdict(one), "began": moment(one.began_at), "seen": moment(one.seen_at)}
        for one in logged_in.log_ins_of(user_id=user.pk, this_key=key)
    ]
    context = {**admin.site.each_context(request), "title": _("Where you are logged in"), "log_ins": rows}
    return TemplateResponse(request, "admin/omega_lib/log_ins.html", context)


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
            messages.success(request, _("You log in by your password alone from now on."))
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
        return str(_WRONG)
    guarding.give_back(name=name, address=address)
    return ""


def _tried_password(request: HttpRequest) -> str:
    """As `_tried`, for the person's password; its tries are those of a log-in."""
    user: Any = request.user
    name, address = user.get_username(), address_of(request)
    try:
        refuse_guessing(name, address)
    except ValidationError as refused:
        return str(refused.messages[0])
    if not user.check_password(request.POST.get("password", "")[:4096]):
        touch(request, "password refused")
        return str(_NOT_THEIRS)
    guarding.give_back(name=name, address=address)
    return ""


def _let_in(request: HttpRequest, device: Any) -> None:
    """The session knows of the second factor, under a new key: one from before is worth nothing."""
    proofs.note_proof(request)
    django_otp.login(request, device)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next", "")
    fine = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if fine else reverse("admin:index")


def _page(request: HttpRequest, step: str, error: str = "", **more: Any) -> HttpResponse:
    title = _("Say once more who you are") if step in {"prove", "password"} else "Two-factor log-in"
    context = {**admin.site.each_context(request), "title": title, "step": step, "error": error}
    context |= {"next": request.GET.get("next", ""), **more}
    return TemplateResponse(request, "admin/omega_lib/two_factor.html", context)
