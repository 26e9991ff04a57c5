"""The page on which support says why it has to see a client's data, or a business's; and the end of that."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from accounts.models import Business, Client
from accounts.services import unmasking
from omega_project.lib.admin import sentences_of, tell
from omega_project.lib.api.errors import ApiError
from omega_project.lib.audit import touch
from omega_project.lib.clean import storable
from omega_project.lib.reach import reach_of

FIELDS = ("name", "phone", "email", "words")


@never_cache
@csrf_protect
def unmask(request: HttpRequest) -> HttpResponse:
    """Ask for the reason; with one, open the client or the business for a while, and go back."""
    if not reach_of(request).is_masked:
        raise Http404
    given = request.POST if request.method == "POST" else request.GET
    business, client = _chosen(given)
    reason, error = storable(given.get("reason", "")).strip(), ""
    if request.method == "POST":
        if business is None:
            error = _("Choose whose data you have to see.")
        else:
            try:
                _open(request, business, client, reason)
            except ApiError as refused:
                error = " ".join(sentences_of(refused))
            else:
                return HttpResponseRedirect(_next(request))
    return _page(request, business, client, reason, error)


def _chosen(given: Any) -> tuple[Business | None, Client | None]:
    """The business and the client that are named, where they are there; a client says whose it is."""
    pk = {name: int(text) for name in ("business", "client") if _is_id(text := given.get(name, ""))}
    client = Client.objects.filter(pk=pk["client"]).select_related("business").first() if "client" in pk else None
    if client is not None:
        return client.business, None if given.get("whole") else client
    return (Business.objects.filter(pk=pk["business"]).first() if "business" in pk else None), None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _open(request: HttpRequest, business: Business, client: Client | None, reason: str) -> None:
    unmasking.unmask(user=request.user, business=business, client=client, reason=reason)
    touch(request, "unmask", client or business, business_id=business.pk, fields=FIELDS, reason=reason)
    told = _("You see this client's data now. The audit trail has your reason.")
    if client is None:
        told = _("You see the data of the clients of {business} now. The audit trail has your reason.")
    tell(request, [told.format(business=business)])


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next", "")
    fine = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if fine else reverse("admin:index")


def _page(
    request: HttpRequest, business: Business | None, client: Client | None, reason: str, error: str
) -> HttpResponse:
    context = {
        **admin.site.each_context(request), "title": _("Why do you have to see this?"), "business": business,
        "client": client, "businesses": Business.objects.order_by("name", "pk")[:500], "reason": reason,
        "error": error, "next": request.POST.get("next") or request.GET.get("next", ""),
        "longest": unmasking.LONGEST_REASON,
    }  # fmt: skip
    return TemplateResponse(request, "admin/omega_lib/reason.html", context, status=422 if error else 200)


@csrf_protect
@require_POST
def mask_again(request: HttpRequest) -> HttpResponse:
    """Hide what was open, at once."""
    if not reach_of(request).is_masked:
        raise Http404
    if unmasking.mask_again(user=request.user):
        touch(request, "mask again")
        messages.success(request, _("What is personal is hidden again."))
    return HttpResponseRedirect(_next(request))
