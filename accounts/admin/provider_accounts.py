"""A business's own accounts at providers. A secret goes in and is never shown again; left empty, it stays."""

from typing import Any

from django import forms
from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.admin.businesses import OfBusinessAdmin
from accounts.admin.filters import BusinessFilter
from accounts.models import ProviderAccount
from omega_project.lib import sealing
from omega_project.lib.admin import moment

# The names that the providers' back ends ask for, with what people call them.
SECRETS = {
    "auth_token": "Auth token (Twilio)",
    "api_key_sid": "API key's SID (Twilio)",
    "api_key_secret": "API key's secret (Twilio)",
    "twiml_app_sid": "TwiML application (Twilio)",
    "api_key": "API key (SendGrid)",
    "webhook_public_key": "Webhook's verification key (SendGrid)",
}
_KEEP = "Never shown. Empty keeps what is there."


class ProviderAccountForm(forms.ModelForm):
    """The account's name, and its secrets as fields that are only written to."""

    auth_token, api_key_sid, api_key_secret, twiml_app_sid, api_key, webhook_public_key = (
        forms.CharField(label=label, required=False, max_length=1000, help_text=_KEEP, widget=UnfoldAdminPasswordWidget)
        for label in SECRETS.values()
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        given = {name: cleaned[name].strip() for name in SECRETS if cleaned.get(name, "").strip()}
        try:
            secrets = (sealing.unseal(self.instance.secrets) if self.instance.pk else {}) | given
        except sealing.CannotOpen:
            secrets = given  # what cannot be opened is worth nothing: it is written anew
        provider = cleaned.get("provider") or self.instance.provider
        if provider == "twilio" and not secrets.get("auth_token"):
            self.add_error("auth_token", _("Twilio signs its webhooks with it: it is needed."))
        if provider == "sendgrid" and not secrets.get("api_key"):
            self.add_error("api_key", _("Mail is sent with it: it is needed."))
        self.instance.secrets = sealing.seal(secrets)
        return cleaned


@admin.register(ProviderAccount)
class ProviderAccountAdmin(OfBusinessAdmin):
    empty_text = "Every business sends by the platform's own account. Add one here for a business that has its own."
    form = ProviderAccountForm
    list_display = ("__str__", "business", "shown_secrets", "is_active", "shown_updated")
    list_filter = (BusinessFilter, "provider", "is_active")
    search_fields = ("account_id",)
    fieldsets = (
        (None, {"fields": (("business", "provider"), ("account_id", "is_active"))}),
        ("Secrets", {"fields": (("auth_token",), ("api_key_sid", "api_key_secret"), ("twiml_app_sid",))}),
        ("Secrets of SendGrid", {"classes": ("collapse",), "fields": (("api_key", "webhook_public_key"),)}),
        ("Kept by omega", {"classes": ("collapse",), "fields": (("created_at", "updated_at"),)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), *(("provider",) if obj else ()))

    def changed_columns(self, obj: Any, form: "ModelForm[Any]") -> list[str]:
        """The secrets are one column."""
        wrote = {"secrets"} if SECRETS.keys() & set(form.changed_data) else set()
        return sorted({*super().changed_columns(obj, form), *wrote})

    @display(description="has")
    def shown_secrets(self, obj: ProviderAccount) -> str:
        try:
            return ", ".join(sorted(sealing.unseal(obj.secrets))) or "no secret"
        except sealing.CannotOpen:
            return "secrets that open with none of the keys"

    @display(description="changed", ordering="updated_at")
    def shown_updated(self, obj: ProviderAccount) -> str:
        return moment(obj.updated_at)
