"""Senders in the admin: the numbers and addresses that a business writes from."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from unfold.decorators import display

from accounts.admin.businesses import OfBusinessAdmin
from accounts.admin.checks import require_same_business
from accounts.admin.filters import BusinessFilter
from accounts.models import Channel, Sender
from omega_project.lib.addresses import normalise_email, normalise_phone, normalise_sender


class SenderForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        require_same_business(self, "location")
        if cleaned.get("address") and cleaned.get("channel"):
            self._check_address(cleaned)
        return cleaned

    def _check_address(self, cleaned: dict[str, Any]) -> None:
        business = self.instance.business if self.instance.business_id else cleaned.get("business")
        try:
            cleaned["address"] = _normalised(cleaned["channel"], cleaned["address"], business and business.country)
        except ValueError as error:
            self.add_error("address", ValidationError(f"This {error}."))


def _normalised(channel: str, address: str, country: str | None) -> str:
    if channel == Channel.EMAIL:
        return normalise_email(address)
    if channel == Channel.VOICE:
        return normalise_phone(address, country)
    return normalise_sender(address, country)


@admin.register(Sender)
class SenderAdmin(OfBusinessAdmin):
    empty_text = "Without a sender nothing can be sent. Add a number or an address of the business at its provider."
    form = SenderForm
    list_display = ("address", "business", "shown_channel", "provider", "location", "is_default", "is_active")
    list_filter = (BusinessFilter, "channel", "is_default", "is_active")
    list_select_related = ("business", "location")
    search_fields = ("address",)
    autocomplete_fields = ("business", "location")
    fieldsets = (
        (None, {"fields": (("address", "business"), ("channel", "provider"), ("location", "messages_per_second"))}),
        ("Use", {"fields": (("is_default", "is_active"), ("created_at", "updated_at"))}),
    )

    @display(description="channel", label={"sms": "info", "email": "warning", "voice": "success"})
    def shown_channel(self, obj: Sender) -> tuple[str, str]:
        return obj.channel, obj.get_channel_display()
