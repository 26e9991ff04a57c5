"""The admin in each person's language and zone: theirs by choice, else their browser's; the page where they choose."""

import zoneinfo
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from accounts.admin_door import ADMIN, QUEUES
from accounts.services import preferring
from omega_project.lib.admin import tell

# What times.js tells of the browser.
COOKIE = "omega_zone"
_KEPT = "omega_preferences"


class Preferences:
    """A middleware, behind that of authentication. The API stays English and in UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith((ADMIN, QUEUES)):
            return self.get_response(request)
        chosen = _chosen(request)
        language = chosen["language"] or translation.get_language_from_request(request)
        zone = zone_of(chosen["zone"] or request.COOKIES.get(COOKIE, ""))
        request.chosen_zone = chosen["zone"]  # type: ignore[attr-defined]
        request.wants_tour = settings.DEBUG and not chosen["toured"]  # type: ignore[attr-defined]
        with translation.override(language), timezone.override(zone):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


def _chosen(request: HttpRequest) -> dict[str, Any]:
    """What the person chose, remembered by their session."""
    if not request.user.is_authenticated:
        return {"language": "", "zone": "", "toured": True}
    kept: dict[str, Any] | None = request.session.get(_KEPT)
    if kept is None:
        row = preferring.preference_of(request.user.pk)
        kept = {"language": row.language, "zone": row.timezone, "toured": row.tour_seen_at is not None}
        request.session[_KEPT] = kept
    return kept


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The zone of a name; UTC for one that there is not."""
    return zoneinfo.ZoneInfo(name if name in zones() else "UTC")


@lru_cache(maxsize=1)
def zones() -> list[str]:
    """Every zone that a person may choose."""
    found = {name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/")}
    return sorted(found | {"UTC"})


@csrf_protect
def preferences(request: HttpRequest) -> HttpResponse:
    """Choose a language and a zone."""
    if not (request.user.is_active and request.user.is_staff):
        return HttpResponseRedirect(reverse("admin:login"))
    if request.method == "POST":
        language, zone = request.POST.get("language", ""), request.POST.get("zone", "")
        fits = language in {"", *dict(settings.LANGUAGES)} and zone in {"", *zones()}
        if fits:
            preferring.prefer(user=request.user, language=language, zone=zone)
            request.session.pop(_KEPT, None)
            with translation.override(language or translation.get_language_from_request(request)):
                tell(request, [_("The admin is in your language and your time zone now.")])
        return HttpResponseRedirect(reverse("admin:index" if fits else "admin:preferences"))
    row = preferring.preference_of(request.user.pk or 0)
    context = {
        **admin.site.each_context(request), "title": _("Language and time zone"), "languages": settings.LANGUAGES,
        "zones": zones(), "row": row,
    }  # fmt: skip
    return TemplateResponse(request, "admin/omega_lib/preferences.html", context)


@csrf_protect
@require_POST
def tour_seen(request: HttpRequest) -> HttpResponse:
    """Show the tour no more."""
    if request.user.is_authenticated and request.user.is_staff:
        preferring.see_tour(user=request.user)
        request.session.pop(_KEPT, None)
    return HttpResponseRedirect(reverse("admin:index"))
