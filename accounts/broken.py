"""The admin's pages for what is not there and what is not allowed: what to do next, in the admin's own look."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.admin_door import ADMIN

_PAGES: dict[type[Exception], tuple[int, Any, Any, str]] = {
    Http404: (
        404,
        _("This page is not here"),
        _("It was removed, merged into another one, or is not yours to see. Look for it in its list, on the left."),
        "search_off",
    ),
    PermissionDenied: (
        403,
        _("You may not do this"),
        _("Your role does not allow it. Whoever manages the log-ins can give you another one."),
        "lock",
    ),
}


class BrokenPages:
    """A middleware, the innermost of the admin's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for an error that a person can do something about; None for all others."""
        page = next((page for kind, page in _PAGES.items() if isinstance(error, kind)), None)
        wants_page = "json" not in request.headers.get("Accept", "")
        if page is None or not wants_page or not request.path_info.startswith(ADMIN):
            return None
        status, title, sentence, icon = page
        context = {**admin.site.each_context(request), "title": title, "sentence": sentence, "icon": icon}
        return TemplateResponse(request, "admin/omega_lib/broken.html", context, status=status).render()
