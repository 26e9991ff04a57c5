"""Support reads masked data until it has given a reason: on each page of the admin, whatever the page is.

What is read is masked in PostgreSQL (omega_project/lib/masking.py). What writes needs the real rows, so that it is
refused here unless whom it is about is open, or it needs to look at nobody.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from accounts.models import Business, Client
from accounts.services.unmasking import opened_to
from omega_project.lib import masking, wording
from omega_project.lib.masking import Opened
from omega_project.lib.reach import reach_of

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# What changes nobody's data but the person's own.
_OWN = frozenset({
    "two_factor", "prove", "log_ins", "login", "logout", "password_change", "unmask", "mask_again", "jsi18n",
    "preferences", "tour_seen", "inbox_here", "inbox_views",
})  # fmt: skip
_READS = ("_export", "_preview")  # a POST that only reads: it is masked as a page is
REFUSAL = "Give a reason first: what is personal is hidden, and this would change somebody's data unseen."

wording.say(REFUSAL)
_NO_VIEWS = (
    "What is personal cannot be hidden from you now, so that nothing is shown: `manage.py migrate` is to be run."
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a page is about: a client of a business, or a business as a whole."""

    business_id: int | None
    client_id: int | None = None

    def is_open(self, opened: Opened) -> bool:
        return self.business_id in opened.businesses or self.client_id in opened.clients


class Curtain:
    """What a masked person has open, and whom the page that they look at is about."""

    def __init__(self, request: HttpRequest, opened: Opened) -> None:
        self.request, self.opened = request, opened

    @cached_property
    def subject(self) -> Subject | None:
        return subject_of(self.request)

    @property
    def is_open(self) -> bool:
        return self.subject is not None and self.subject.is_open(self.opened)

    @cached_property
    def shown(self) -> list[str]:
        """What is open, in words."""
        businesses = Business.objects.filter(pk__in=self.opened.businesses).order_by("name")
        clients = Client.objects.filter(pk__in=self.opened.clients).order_by("pk")
        return [*(str(one) for one in businesses), *(str(one) for one in clients)]


def model_of(request: HttpRequest) -> type[Model] | None:
    """The model whose pages a path of the admin belongs to."""
    parts = request.path_info.split("/")
    try:
        return apps.get_model(parts[2], parts[3])
    except (IndexError, LookupError, ValueError):
        return None


def subject_of(request: HttpRequest) -> Subject | None:
    """Whom the row in the path is about; else the business that the page is narrowed to; None for everybody."""
    match, model = request.resolver_match, model_of(request)
    pk = str(match.kwargs.get("object_id", "")) if match else ""
    if match and "conversation_id" in match.kwargs:  # the inbox's own pages
        model, pk = apps.get_model("conversations", "conversation"), str(match.kwargs["conversation_id"])
    if model is not None and _is_id(pk):
        return _subject_of_row(model, int(pk))
    business = request.GET.get("business") or request.POST.get("business") or ""
    return Subject(int(business)) if _is_id(business) else None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _subject_of_row(model: type[Model], pk: int) -> Subject | None:
    if model is Client:
        ways: tuple[str | None, str | None] = ("business_id", "pk")
    elif model is Business:
        ways = ("pk", None)
    else:
        ways = (_way(model, "business"), _way(model, "client"))
    if ways[0] is None:
        return None
    row = model._base_manager.filter(pk=pk).values(*filter(None, ways)).first()
    return Subject(row[ways[0]], row[ways[1]] if ways[1] else None) if row else None


def _way(model: type[Model], name: str, most: int = 3) -> str | None:
    """The look-up that leads from a row to its business's or client's id: its own column, or that of what it is of."""
    fields = {field.name: field for field in model._meta.concrete_fields if field.is_relation}
    if name in fields:
        return f"{name}_id"
    if name == "client" and "kept" in fields:
        return "kept_id"
    for of in ("message", "conversation", "call"):
        further = of in fields and most and _way(fields[of].related_model, name, most - 1)  # type: ignore[arg-type]
        if further:
            return f"{of}__{further}"
    return None


class Veil:
    """A middleware, behind the admin's door."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with ExitStack() as stack:
            request.veil_stack = stack  # type: ignore[attr-defined]
            response = self.get_response(request)
        if getattr(request, "curtain", None) is None:
            return response
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            response.streaming_content = _masked_pieces(response.streaming_content, request.curtain.opened)  # type: ignore[attr-defined]
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Lower the curtain before the view, where this person is to see masked data; refuse what would write."""
        if not reach_of(request).is_masked:
            return None
        curtain = request.curtain = Curtain(request, opened_to(request.user.pk))  # type: ignore[attr-defined, arg-type]
        if request.method in _SAFE or _name(request).endswith(_READS):
            try:
                request.veil_stack.enter_context(masking.masked(curtain.opened))  # type: ignore[attr-defined]
            except masking.NotMasked:
                return HttpResponse(_NO_VIEWS, status=503, content_type="text/plain")
            return None
        if may_write(request, curtain):
            return None
        return _refused(request)

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        """What was written blindly has led on; a page that it would show instead is masked like any other."""
        if getattr(request, "curtain", None) is not None and not masking.is_on() and not request.curtain.is_open:  # type: ignore[attr-defined]
            request.veil_stack.enter_context(masking.masked(request.curtain.opened))  # type: ignore[attr-defined]
        return response


def _masked_pieces(content: Any, opened: Opened) -> Iterator[bytes]:
    """Each piece of a stream as a page of its own: between two of them other requests have the connection."""
    pieces = iter(content)
    while True:
        with masking.masked(opened):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def _name(request: HttpRequest) -> str:
    return (request.resolver_match.url_name if request.resolver_match else None) or ""


def may_write(request: HttpRequest, curtain: Curtain) -> bool:
    """Whether a masked person may do what they ask for."""
    model = model_of(request)
    if _name(request) in _OWN or not request.path_info.startswith("/admin/") or curtain.is_open:
        return True
    if model is None:
        return False
    if masking.is_plain(model._meta.db_table):
        return _deed(request) not in _told(model, "opens_people")
    return _deed(request) in _told(model, "blind_deeds")


def _deed(request: HttpRequest) -> str:
    match = request.resolver_match
    named = (match.kwargs.get("action") if match else None) or request.POST.get("action")
    return str(named or _name(request).rpartition("_")[2])


def _told(model: type[Model], what: str) -> Iterable[str]:
    """What a model's admin says of its deeds (OmegaAdmin)."""
    return getattr(admin.site._registry.get(model), what, ())


def _refused(request: HttpRequest) -> HttpResponse:
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse({"errors": [REFUSAL], "detail": REFUSAL, "code": "reason_wanted"}, status=403)
    context = {**admin.site.each_context(request), "title": _("A reason is wanted"), "refusal": REFUSAL}
    return TemplateResponse(request, "admin/omega_lib/reason_wanted.html", context, status=403)
