"""Clients in and out as CSV, as a part of their admin: a preview first, then the import of all good rows."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from import_export.admin import ImportExportMixin
from import_export.formats.base_formats import CSV
from import_export.forms import ConfirmImportForm
from import_export.results import Result
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.models import Business
from accounts.resources import ClientResource
from omega_project.lib.reach import within_reach

_MOST_SENTENCES = 10


class ClientImportForm(ImportForm):
    business: forms.Field = forms.ModelChoiceField(
        Business.objects.order_by("name", "pk"), widget=UnfoldAdminSelectWidget
    )
    field_order = ["business", "resource", "import_file", "format"]


class ClientConfirmForm(ConfirmImportForm):
    business: forms.Field = forms.ModelChoiceField(Business.objects.all(), widget=forms.HiddenInput)


def _narrowed(request: HttpRequest, form: Any) -> Any:
    """The form with no other business to choose than those that the person reaches."""
    field = form.fields["business"]
    field.queryset = within_reach(request, field.queryset, "pk")
    return form


class ClientTransfer(ImportExportMixin):
    """Mixed into the clients' admin, before its other bases."""

    resource_classes = [ClientResource]
    formats = [CSV]
    import_form_class = ClientImportForm
    confirm_form_class = ClientConfirmForm
    export_form_class = ExportForm

    def has_import_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_add_permission(request) and self.has_change_permission(request))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def get_import_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        form = kwargs.get("form")
        return {"business": getattr(form, "cleaned_data", {}).get("business")}

    def get_export_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        return {}

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_confirm_form_initial(request, import_form)
        return initial | ({"business": import_form.cleaned_data["business"].pk} if import_form else {})

    def create_import_form(self, request: HttpRequest) -> forms.Form:
        return _narrowed(request, super().create_import_form(request))

    def create_confirm_form(self, request: HttpRequest, import_form: Any = None) -> forms.Form:
        return _narrowed(request, super().create_confirm_form(request, import_form=import_form))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import what was previewed; an upload that is gone by now has to be given again."""
        try:
            return super().process_import(request, **kwargs)
        except FileNotFoundError:
            messages.error(request, _("The file is here no more: give it again."))
            return HttpResponseRedirect("../import/")

    def add_success_message(self, result: Result, request: HttpRequest) -> None:
        totals = result.totals
        problems = [(place, row.problem) for place, row in enumerate(result.rows, 1) if row.problem]
        unchanged = totals["skip"] - len(problems)
        done = _("{new} clients made, {update} changed, {unchanged} as they were.").format(
            new=totals["new"], update=totals["update"], unchanged=unchanged
        )
        messages.success(request, done)
        for place, problem in problems[:_MOST_SENTENCES]:
            messages.warning(request, _("Row {place} was left out: {problem}").format(place=place, problem=problem))
        if len(problems) > _MOST_SENTENCES:
            messages.warning(
                request, _("{count} more rows were left out.").format(count=len(problems) - _MOST_SENTENCES)
            )
