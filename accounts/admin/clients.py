"""Clients in the admin, as far as accounts knows them; and the further addresses that merges left them with."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.businesses import OfBusinessAdmin
from accounts.admin.checks import AddressForm, require_same_business
from accounts.models import Client, ClientAddress
from accounts.services.unmasking import clients_at
from omega_project.lib import masking
from omega_project.lib.admin import ReadOnlyAdmin, moment


class ClientForm(AddressForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        require_same_business(self, "home_location")
        return cleaned


CONSENT_TONES = {"opted_in": "success", "opted_out": "danger", "unknown": "default"}


class ClientListAdmin(OfBusinessAdmin):
    """Clients as a list and a form; conversations registers it, with the way to the thread."""

    form = ClientForm
    list_display = ("shown_name", "business", "phone", "email", "shown_consent", "created")
    search_fields = ("first_name", "last_name", "phone", "email")
    search_help_text = "Part of a name, phone or e-mail"
    autocomplete_fields = ("business", "home_location")
    readonly_fields = ("consent_sms", "consent_email", "consent_voice", "merged_into", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": (("first_name", "last_name"), "business", ("phone", "email"), "tags")}),
        ("Consent", {"fields": (("consent_sms", "consent_email", "consent_voice"),)}),
        ("More", {"fields": (("timezone", "locale"), ("home_location", "external_id"), "is_blocked")}),
        ("Kept by omega", {"classes": ("collapse",), "fields": ("merged_into", ("created_at", "updated_at"))}),
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By the index client_search, whatever Django would make of `search_fields`; masked, by a whole address."""
        if masking.is_on() and search_term.strip():
            return queryset.filter(pk__in=clients_at(search_term)), False
        return (queryset.found(search_term) if search_term.strip() else queryset), False

    @display(description="client")
    def shown_name(self, obj: Client) -> str:
        return str(obj)

    @display(description="texts", label=CONSENT_TONES)
    def shown_consent(self, obj: Client) -> tuple[str, str]:
        return obj.consent_sms, obj.get_consent_sms_display()

    @display(description="since")
    def created(self, obj: Client) -> str:
        return moment(obj.created_at)


@admin.register(ClientAddress)
class ClientAddressAdmin(ReadOnlyAdmin):
    list_display = ("address", "kind", "client", "business")
    list_select_related = ("client", "business")
    ordering = ("-id",)
    sortable_by = ()
