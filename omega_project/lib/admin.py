"""The admin's base: lists that never count or join row by row, read-only records, and actions that are POSTs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextInputWidget

from omega_project.lib.api.errors import ApiError, ParameterError
from omega_project.lib.audit import touch
from omega_project.lib.reach import reach_of, within_reach
from omega_project.lib.scrubbing import scrub
from omega_project.lib.wording import localise_admin, say

# Behind so many rows nobody pages any more, they search; and OFFSET stays cheap (limits.md).
MOST_ROWS = 5_000


class LookAheadPage(Page):  # type: ignore[type-arg]
    """A page that knows of the next one because one row more was read."""

    def has_next(self) -> bool:
        return bool(getattr(self.paginator, "has_more", False))


class LookAheadPaginator(Paginator):  # type: ignore[type-arg]
    """Pages without a COUNT: each reads one row more than it shows."""

    template_name = "admin/omega_lib/pagination.html"
    has_more = False

    @cached_property
    def count(self) -> int:
        """The most that is paged through; never asked of the database."""
        return MOST_ROWS

    def page(self, number: int | str) -> LookAheadPage:
        place = self.validate_number(number)
        first = (place - 1) * self.per_page
        rows = list(self.object_list[first : first + self.per_page + 1])
        self.has_more = len(rows) > self.per_page and place < self.num_pages
        return LookAheadPage(rows[: self.per_page], place, self)


class OmegaChangeList(ChangeList):
    """A list whose size nobody knows, nor is told."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count
        self.can_show_all = False

    @property
    def previous_url(self) -> str:
        return self._page_url(self.page_num - 1) if self.page_num > 1 else ""

    @property
    def next_url(self) -> str:
        return self._page_url(self.page_num + 1) if self.paginator.has_more else ""

    def _page_url(self, number: int) -> str:
        return str(self.get_query_string({PAGE_VAR: number}))


@dataclass(frozen=True, slots=True)
class PostAction:
    """A button on a record's page. `name` is the method that is called with the request and the record."""

    name: str
    label: str
    icon: str
    tone: str = "default"
    question: str = ""

    def __post_init__(self) -> None:
        say(self.label, self.question)


class AuditedAdmin(ModelAdmin):
    """What its forms and actions change is noted for the trail, beside Django's own log."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Django's own message; the names of the changed fields are kept for the trail."""
        request.changed_fields = list(form.changed_data)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._touch(request, "add", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._touch(request, "change" if isinstance(message, list) else message, obj)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._touch(request, "delete", obj)
        return super().log_deletions(request, queryset)

    def _touch(self, request: HttpRequest, deed: str, obj: Any) -> None:
        business_id = obj.pk if obj._meta.label == "accounts.Business" else None
        fields = getattr(request, "changed_fields", ())
        touch(request, f"admin.{obj._meta.model_name}: {deed}", obj, business_id=business_id, fields=fields)


class OmegaAdmin(AuditedAdmin):
    """Every admin of omega: few queries, no COUNT, no removal unless `is_removable` says so.

    `of_business` leads from a row to its business's id; where a model has no column `business` and nobody said it,
    its rows are for those who reach every business.
    """

    paginator = LookAheadPaginator
    show_full_result_count = False
    list_per_page = 25
    list_max_show_all = 0
    list_disable_select_all = True
    list_filter_sheet = False
    warn_unsaved_form = True
    preserve_filters = True
    is_removable = False
    # What a list without a row tells to do next.
    empty_text = ""
    of_business: str | None = None
    # Of its deeds and actions those that may be done by who sees masked data: they need to look at nobody.
    blind_deeds: Sequence[str] = ()
    # And those by which one comes to see people, though nothing in the row is about anybody: a new API key.
    opens_people: Sequence[str] = ()
    post_actions: Sequence[PostAction] = ()
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}
    change_form_outer_before_template = "admin/omega_lib/post_actions.html"

    @property
    def shown_empty_text(self) -> str:
        return _(self.empty_text) if self.empty_text else ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """What it says in its attributes is shown in the language of the page."""
        super().__init_subclass__(**kwargs)
        localise_admin(cls)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OmegaChangeList

    def business_path(self) -> str | None:
        """What leads from a row to its business's id."""
        has_column = any(field.name == "business" for field in self.opts.concrete_fields)
        return self.of_business or ("business_id" if has_column else None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The one door: lists, pages, choices, actions and exports all take their rows from here."""
        return within_reach(request, super().get_queryset(request), self.business_path())

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """What a form's field may name: no more than its own list shows."""
        given: QuerySet[Any] | None = super().get_field_queryset(db, db_field, request)
        if reach_of(request).is_everything:
            return given
        other = self.admin_site._registry.get(db_field.remote_field.model)
        if isinstance(other, OmegaAdmin):
            return other.get_queryset(request)
        return db_field.remote_field.model._default_manager.none()  # type: ignore[no-any-return]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Who has one business need not choose it."""
        own = reach_of(request).business_id
        given: dict[str, Any] = super().get_changeform_initial_data(request)
        return given | ({"business": own} if own is not None else {})

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.is_removable and super().has_delete_permission(request, obj)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether this user may change such records by an action, also where the form is read-only."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        """Save what was changed and no more: the rest of the row may have moved on meanwhile."""
        if not change:
            obj.save()
            return
        obj.save(update_fields=self.changed_columns(obj, form))

    def changed_columns(self, obj: Any, form: "ModelForm[Any]") -> list[str]:
        """The columns that a form changed, and those that keep the time of a change."""
        columns = {field.name for field in obj._meta.concrete_fields if field.name in form.changed_data}
        timed = {field.name for field in obj._meta.concrete_fields if getattr(field, "auto_now", False)}
        return sorted(columns | timed)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.run_post_action))
        name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        return [path("<int:object_id>/do/<slug:action>/", view, name=name), *super().get_urls()]

    def run_post_action(self, request: HttpRequest, object_id: int, action: str) -> HttpResponse:
        """Run one of `post_actions` on a record, and go where it says, else back to the record's page."""
        obj = self.get_queryset(request).filter(pk=object_id).first()
        if obj is None or action not in {one.name for one in self.post_actions_for(obj)}:
            raise Http404
        if not self.has_act_permission(request):
            raise PermissionDenied
        answer: HttpResponse | None = None
        try:
            answer = getattr(self, action)(request, obj)
        except ApiError as error:
            tell(request, sentences_of(error), messages.ERROR)
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return answer or HttpResponseRedirect(reverse(page, args=[object_id]))

    def post_actions_for(self, obj: Any) -> Sequence[PostAction]:
        """The buttons that make sense for this record as it is."""
        return self.post_actions

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:  # fmt: skip
        context = {**(extra_context or {}), "may_act": self.has_act_permission(request)}
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        shown: dict[str, Any] = getattr(answer, "context_data", None) or {}
        if shown.get("original") is not None:
            shown["post_actions"] = self.post_actions_for(shown["original"])
        return answer


class ReadOnlyAdmin(OmegaAdmin):
    """Records that only the services write: to be seen, never to be made, changed or removed by a form."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ExactSearch:
    """Search by exact values of indexed columns, for tables that no other search could stand.

    `exact_numbers` are tried where the text is a number that fits a bigint, `exact_words` always.
    """

    model: type[Model]
    search_fields = ("pk",)
    exact_numbers: Sequence[str] = ("pk",)
    exact_words: Sequence[str] = ()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted: list[tuple[str, str | int]] = [(name, term) for name in self.exact_words]
        if term.isascii() and term.isdigit() and len(term) < 19:
            wanted += [(name, int(term)) for name in self.exact_numbers]
        ids: set[int] = set()
        for name, value in wanted:  # one small index look-up each: an OR over three indexes may become a scan
            ids.update(self.model._default_manager.filter(**{name: value}).values_list("pk", flat=True)[:1000])
        return queryset.filter(pk__in=ids), False


def sentences_of(error: ApiError) -> list[str]:
    """What is wrong, for a person: a sentence for each fault."""
    if isinstance(error, ParameterError):
        return [_fault_sentence(str(fault["loc"][-1]), str(fault["msg"])) for fault in error.faults]
    return [error.detail]


_NAMES = {
    "body": "The text",
    "to": "The number",
    "from": "The sender",
    "client_id": "This client",
    "business_id": "This business",
    "snoozed_until": "The time",
}


def _fault_sentence(field: str, text: str) -> str:
    name = _NAMES.get(field, f"“{field}”")
    return f"{name} {text}" + ("" if text.endswith(".") else ".")


def tell(request: HttpRequest, sentences: Iterable[str], level: int = messages.SUCCESS) -> None:
    """Show sentences on the next page; to who sees masked data, without numbers and addresses."""
    for sentence in sentences:
        shown = scrub(sentence) if reach_of(request).is_masked else sentence
        messages.add_message(request, level, shown)


def moment(at: datetime | None) -> SafeString | str:
    """A time as "5 minutes ago"; the page's script adds the full time in the viewer's own zone."""
    if at is None:
        return "-"
    full = at.astimezone(UTC)
    return format_html(
        '<time class="om-time" datetime="{}" title="{}">{}</time>',
        full.isoformat(timespec="seconds").replace("+00:00", "Z"),
        f"{full:%Y-%m-%d %H:%M:%S} UTC",
        naturaltime(at),
    )
