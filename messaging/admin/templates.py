"""Templates of a business in the admin: written beside what they would say to a client, with every variable named."""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.admin.businesses import OfBusinessAdmin
from accounts.admin.filters import BusinessFilter
from accounts.models import Business, Client
from messaging.models import Template
from messaging.services import templating
from messaging.services.templates import VARIABLE, variables_of
from omega_project.lib.api.errors import NotFound
from omega_project.lib.reach import within_reach

_LANGUAGE = re.compile(r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?\Z")
MOST_WORDS, MOST_CLIENTS = 100_000, 50


class TemplateForm(forms.ModelForm):
    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"].replace("\r\n", "\n")
        require_whole_variables(body)
        if len(body) > MOST_WORDS:
            raise ValidationError(
                _("This has {count} letters; at most {most} are taken.").format(count=len(body), most=MOST_WORDS)
            )
        return body

    def clean_subject(self) -> str:
        subject: str = self.cleaned_data["subject"]
        require_whole_variables(subject)
        return subject

    def clean_language(self) -> str:
        language: str = self.cleaned_data["language"].strip()
        if not _LANGUAGE.match(language):
            raise ValidationError(_("Write a language as its two letters, such as en, es or pt-BR."))
        return language

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("channel") == "email" and not cleaned.get("subject"):
            self.add_error("subject", _("An e-mail needs a subject."))
        return cleaned


def require_whole_variables(text: str) -> None:
    """ValidationError where braces stand that are no variable: they would go to the client as they are."""
    rest = VARIABLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise ValidationError(
            _("A variable stands as {{ name }}: letters, digits, _ and . between two pairs of braces.")
        )


@admin.register(Template)
class TemplateAdmin(OfBusinessAdmin):
    empty_text = "A template saves typing what is said often. Add one, and call it in the inbox's box by a slash."
    form = TemplateForm
    is_removable = True
    list_display = ("name", "business", "channel", "language", "shown_words", "shown_variables")
    list_filter = (BusinessFilter, "channel", "language")
    search_fields = ("name", "body")
    search_help_text = "Part of the name or of the text"
    change_form_after_template = "admin/omega_lib/template_preview.html"
    fieldsets = (
        (None, {"fields": (("name", "business"), ("channel", "language"), "subject", "body")}),
        ("Kept by omega", {"classes": ("collapse",), "fields": (("created_at", "updated_at"),)}),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.preview))
        return [path("preview/", view, name="messaging_template_preview"), *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:  # fmt: skip
        context = {**(extra_context or {}), "known_variables": templating.KNOWN}
        answer = super().changeform_view(request, object_id, form_url, context)
        shown: dict[str, Any] = getattr(answer, "context_data", None) or {}
        if shown.get("original") is not None:
            shown["preview_clients"] = _clients(shown["original"].business_id)
        return answer

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What the words in the form would say to a client; what nobody gave is named, and stands as it is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = request.POST
        known: dict[str, str] = {}
        business = within_reach(request, Business.objects.all(), "pk").filter(pk=_number(form.get("business"))).first()
        if business is not None:
            try:
                known = templating.known_variables(business_id=business.pk, client_id=_number(form.get("client")))
            except NotFound:
                known = templating.known_variables(business_id=business.pk)
        template = Template(
            channel=form.get("channel", ""),
            subject=form.get("subject", "")[:998],
            body=form.get("body", "")[:MOST_WORDS],
        )
        clients = [[one.pk, str(one)] for one in _clients(business.pk)] if business is not None else []
        return JsonResponse(templating.preview(template, known) | {"known": known, "clients": clients})

    @display(description="text")
    def shown_words(self, obj: Template) -> str:
        return (obj.subject or obj.body)[:80]

    @display(description="variables")
    def shown_variables(self, obj: Template) -> str:
        names = variables_of(f"{obj.subject} {obj.body}")
        return format_html_join(" ", '<code class="om-variable">{}</code>', ((name,) for name in names)) or "-"


def _clients(business_id: int) -> list[Client]:
    """The newest clients of a business, to choose one from."""
    found = Client.objects.in_business(business_id).filter(merged_into__isnull=True)
    return list(found.order_by("-created_at", "-id")[:MOST_CLIENTS])


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
