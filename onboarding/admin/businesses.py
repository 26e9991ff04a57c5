"""A business's own page: its hours and zones, quiet hours, greeting and text-back, senders, templates, people; and
whether it may send at all.
"""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.admin import StackedInline, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.admin.businesses import BusinessAdmin, LocationForm, StaffForm
from accounts.admin.senders import SenderForm
from accounts.models import Business, Location, Sender, Staff
from messaging.models import Template
from messaging.services import suspending
from omega_project.lib.admin import PostAction, tell
from omega_project.lib.reach import reach_of
from voice.admin.settings import VoiceSettingsAdmin, VoiceSettingsForm
from voice.models import VoiceSettings

_PER_PAGE = 20


class OfBusiness(TabularInline):
    """Rows of the business. They are made and changed here; none is removed, history names them."""

    extra = 0
    per_page = _PER_PAGE
    tab = True
    show_change_link = True
    can_delete = False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LocationInline(OfBusiness):
    model = Location
    form = LocationForm
    verbose_name_plural = "Locations and hours"
    fields = ("name", "phone", "timezone", "hours", "is_active")
    ordering = ("name", "id")


class SenderInline(OfBusiness):
    model = Sender
    form = SenderForm
    verbose_name_plural = "Senders"
    fields = ("address", "channel", "provider", "location", "messages_per_second", "is_default", "is_active")
    ordering = ("channel", "-is_default", "id")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The business's own locations alone."""
        if db_field.name == "location":
            business_id = (request.resolver_match.kwargs if request.resolver_match else {}).get("object_id", "")
            wanted = int(business_id) if str(business_id).isdigit() else 0
            kwargs["queryset"] = Location.objects.filter(business_id=wanted).order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class StaffInline(OfBusiness):
    model = Staff
    form = StaffForm
    verbose_name_plural = "Members and roles"
    fields = ("name", "email", "phone", "role", "availability", "notify_by_email", "is_active")
    ordering = ("name", "id")


class TemplateForm(forms.ModelForm):
    body = forms.CharField(max_length=10_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


class TemplateInline(OfBusiness):
    model = Template
    form = TemplateForm
    verbose_name_plural = "Templates"
    fields = ("name", "channel", "subject", "body")
    ordering = ("name",)


class VoiceInline(StackedInline):
    """Greeting, voicemail, recording and text-back."""

    model = VoiceSettings
    form = VoiceSettingsForm
    verbose_name_plural = "Calls"
    tab = True
    can_delete = False
    autocomplete_fields = ("text_back_template",)
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}
    fieldsets = (
        (None, {"fields": (("ring_seconds", "language"), "allowed_countries")}),
        *VoiceSettingsAdmin.fieldsets[1:4],
    )


admin.site.unregister(Business)


@admin.register(Business)
class BusinessPage(BusinessAdmin):
    """The page of `accounts`, with what the apps above it know of a business."""

    inlines = (LocationInline, SenderInline, StaffInline, TemplateInline, VoiceInline)
    post_actions = (
        PostAction(
            "suspend", "Suspend", "pause_circle", "danger",
            "It receives and records, and sends nothing, until it is resumed. What it has queued waits. Suspend it?",
        ),
        PostAction(
            "resume", "Resume", "play_circle", "primary",
            "It sends again. What waited goes out now, but for what was due more than a day ago. Resume it?",
        ),
        PostAction(
            "resume_empty", "Resume without what waited", "playlist_remove", "default",
            "It sends again. Nothing of what waited is sent. Resume it?",
        ),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Business | None = None) -> tuple[str, ...]:
        """The status has buttons of its own, which say what becomes of what waits."""
        found = super().get_readonly_fields(request, obj)
        return (*found, "status") if obj else found

    def has_act_permission(self, request: HttpRequest) -> bool:
        """A business does not resume itself: that is for those who reach every one."""
        return reach_of(request).is_everything and super().has_act_permission(request)

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return list(self.inlines) if obj else []

    def post_actions_for(self, obj: Business) -> tuple[PostAction, ...]:
        suspend, *resumes = self.post_actions
        return tuple(resumes) if obj.status == Business.Status.SUSPENDED else (suspend,)

    def suspend(self, request: HttpRequest, obj: Business) -> None:
        suspending.suspend_business(business_id=obj.pk)
        self.log_change(request, obj, "Suspended.")
        tell(request, [_("{obj} is suspended: it receives and records, and sends nothing.").format(obj=obj)])

    def resume(self, request: HttpRequest, obj: Business) -> None:
        self._resume(request, obj, suspending.KEEPS)

    def resume_empty(self, request: HttpRequest, obj: Business) -> None:
        self._resume(request, obj, timedelta(0))

    def _resume(self, request: HttpRequest, obj: Business, keeps: timedelta) -> None:
        dropped = suspending.resume_business(business_id=obj.pk, keeps=keeps)
        self.log_change(request, obj, "Resumed.")
        left = " " + _("{count} messages that waited are not sent.").format(count=dropped) if dropped else ""
        tell(request, [_("{business} sends again.").format(business=obj) + left])
