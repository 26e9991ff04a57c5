"""Businesses, their places and their staff in the admin."""

from typing import Any

import phonenumbers
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.decorators import display

from accounts.admin.checks import AddressForm, require_same_business
from accounts.admin.filters import BusinessFilter
from accounts.admin.opening import HoursField
from accounts.models import Business, Location, Staff
from omega_project.lib.admin import OmegaAdmin, moment
from omega_project.lib.reach import reach_of


class BusinessForm(AddressForm):
    def clean_country(self) -> str:
        country = self.cleaned_data["country"].upper()
        if country not in phonenumbers.SUPPORTED_REGIONS:
            raise ValidationError(_("This must be a country's two letters, such as US."))
        return country

    def business(self) -> Business | None:
        return None


@admin.register(Business)
class BusinessAdmin(OmegaAdmin):
    empty_text = "A business comes by an onboarding, or from the host platform."
    form = BusinessForm
    of_business = "pk"
    list_display = ("name", "shown_status", "timezone", "country", "quiet_hours", "created")
    list_filter = ("status",)
    search_fields = ("name", "external_id")  # a small table: one row per customer
    ordering = ("name",)
    readonly_fields = ("created_at", "updated_at")
    fieldsets = (
        (None, {"fields": (("name", "status"), ("external_id", "country"), "timezone")}),
        ("Quiet hours", {"fields": (("quiet_from", "quiet_until"),)}),
        ("More", {"classes": ("collapse",), "fields": ("settings", ("created_at", "updated_at"))}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Business | None = None) -> tuple[str, ...]:
        """The country stays: running processes have read numbers by it, and remember it."""
        kept = (*self.readonly_fields, "country") if obj else self.readonly_fields
        return kept if reach_of(request).is_everything else (*kept, "status", "external_id", "settings")

    @display(description="status", label={"active": "success", "suspended": "danger"}, ordering="status")
    def shown_status(self, obj: Business) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="quiet hours")
    def quiet_hours(self, obj: Business) -> str:
        return "none" if obj.quiet_from == obj.quiet_until else f"{obj.quiet_from:%H:%M} to {obj.quiet_until:%H:%M}"

    @display(description="since", ordering="created_at")
    def created(self, obj: Business) -> str:
        return moment(obj.created_at)


class OfBusinessAdmin(OmegaAdmin):
    """A tenant's row: it never moves to another business."""

    autocomplete_fields: tuple[str, ...] = ("business",)
    list_select_related: tuple[str, ...] = ("business",)
    list_filter: tuple[Any, ...] = (BusinessFilter,)
    readonly_fields: tuple[str, ...] = ("created_at", "updated_at")
    ordering = ("-id",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "business") if obj else tuple(self.readonly_fields)


class LocationForm(AddressForm):
    hours = HoursField()


@admin.register(Location)
class LocationAdmin(OfBusinessAdmin):
    form = LocationForm
    list_display = ("name", "business", "phone", "timezone", "is_active")
    list_filter = (BusinessFilter, "is_active")
    search_fields = ("name", "external_id")
    fieldsets = (
        (None, {"fields": (("name", "business"), "address", ("phone", "timezone"), ("external_id", "is_active"))}),
        ("Opening hours", {"fields": ("hours",)}),
        ("Kept by omega", {"classes": ("collapse",), "fields": (("created_at", "updated_at"),)}),
    )


class StaffForm(AddressForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        require_same_business(self, "locations")
        return cleaned


@admin.register(Staff)
class StaffAdmin(OfBusinessAdmin):
    form = StaffForm
    list_display = ("name", "business", "role", "shown_availability", "email", "is_active")
    list_filter = (BusinessFilter, "role", "availability", "is_active")
    search_fields = ("name", "email", "external_id")
    autocomplete_fields = ("business", "locations")
    fieldsets = (
        (None, {"fields": (("name", "business"), ("email", "phone"), ("role", "availability"), "locations")}),
        ("More", {"fields": (("external_id",), ("notify_by_email", "is_active"), ("created_at", "updated_at"))}),
    )

    @display(description="availability", label={"available": "success", "away": "warning", "offline": "default"})
    def shown_availability(self, obj: Staff) -> tuple[str, str]:
        return obj.availability, obj.get_availability_display()
