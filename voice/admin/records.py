"""What stands behind the calls of a timeline, read only: the calls, their legs, their recordings."""

from typing import Any

from django.contrib import admin
from unfold.decorators import display

from accounts.admin.filters import BusinessFilter
from conversations.admin.records import link
from omega_project.lib.admin import ExactSearch, ReadOnlyAdmin, moment
from voice.models import Call, Leg, Recording


@admin.register(Call)
class CallAdmin(ExactSearch, ReadOnlyAdmin):
    empty_text = "Nobody has called yet. Calls come in by a number whose webhook is omega's: docs/voice.md."
    list_display = ("sid", "business", "shown_message", "step", "dial_status", "refusal", "shown_at")
    list_filter = (BusinessFilter,)
    list_select_related = ("business",)
    exact_numbers = ("pk", "message_id")
    exact_words = ("sid",)
    search_help_text = "A call's sid, or its message's id"
    ordering = ("-id",)
    sortable_by = ()
    raw_id_fields = ("message",)

    @display(description="message")
    def shown_message(self, obj: Any) -> str:
        return link("conversations_message", obj.message_id, f"#{obj.message_id}")

    @display(description="began")
    def shown_at(self, obj: Any) -> str:
        return moment(obj.created_at)


class OfCallAdmin(ExactSearch, ReadOnlyAdmin):
    """A record of one call."""

    exact_numbers = ("pk", "call_id")
    exact_words = ("sid",)
    of_business = "call__business_id"
    search_help_text = "Its own sid, or its call's number"
    ordering = ("-id",)
    sortable_by = ()
    list_select_related = ("call",)
    raw_id_fields: tuple[str, ...] = ("call",)

    @display(description="call")
    def shown_call(self, obj: Any) -> str:
        return link("voice_call", obj.call_id, obj.call.sid)


@admin.register(Leg)
class LegAdmin(OfCallAdmin):
    list_display = ("sid", "shown_call", "is_parent", "to_address", "status", "sequence", "seconds")


@admin.register(Recording)
class RecordingAdmin(OfCallAdmin):
    list_display = ("sid", "shown_call", "kind", "seconds", "shown_at", "shown_end")
    raw_id_fields = ("call", "attachment")

    @display(description="recorded")
    def shown_at(self, obj: Any) -> str:
        return moment(obj.created_at)

    @display(description="removed")
    def shown_end(self, obj: Any) -> str:
        return moment(obj.removed_at)
