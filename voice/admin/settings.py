"""How a business takes and places calls, in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.admin.checks import require_same_business
from accounts.admin.filters import BusinessFilter
from omega_project.lib.admin import OmegaAdmin
from voice.models import VoiceSettings
from voice.services.preferences import checked_countries


class VoiceSettingsForm(forms.ModelForm):
    def clean_allowed_countries(self) -> list[str]:
        try:
            return checked_countries(self.cleaned_data["allowed_countries"] or [])
        except ValueError as error:
            raise ValidationError(f"This {error}.") from None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        require_same_business(self, "text_back_template")
        template = cleaned.get("text_back_template")
        if template is not None and template.channel != "sms":
            self.add_error("text_back_template", _("This is no template for texts."))
        return cleaned


@admin.register(VoiceSettings)
class VoiceSettingsAdmin(OmegaAdmin):
    form = VoiceSettingsForm
    list_display = ("business", "ring_seconds", "takes_voicemail", "records_calls", "texts_back")
    list_filter = (BusinessFilter,)
    list_select_related = ("business",)
    search_fields = ("business__name",)
    autocomplete_fields = ("business", "text_back_template")
    readonly_fields: tuple[str, ...] = ("updated_at",)
    ordering = ("business",)
    fieldsets = (
        (None, {"fields": ("business", ("ring_seconds", "language"), "allowed_countries")}),
        ("Voicemail", {"fields": ("takes_voicemail", "greeting", "closed_greeting", "voicemail_seconds")}),
        ("Recording", {"fields": ("records_calls", "announcement", ("retention_days", "erases_at_provider"))}),
        ("Text-back", {"fields": ("texts_back", "text_back_template", "text_back_body")}),
        ("Kept by omega", {"classes": ("collapse",), "fields": ("updated_at",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: VoiceSettings | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "business") if obj else self.readonly_fields
