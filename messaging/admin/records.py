"""Transport's own records, read only: attempts and the senders' budgets."""

from django.contrib import admin
from unfold.decorators import display

from conversations.admin.records import OfMessageAdmin
from messaging.models import Attempt, Email, ReportDay, ReportFigure, ReportWatermark, SenderBudget, Watermark
from omega_project.lib.admin import ReadOnlyAdmin, moment


@admin.register(Attempt)
class AttemptAdmin(OfMessageAdmin):
    list_display = ("shown_try", "shown_message", "shown_outcome", "http_status", "code", "worker", "shown_at")

    @display(description="attempt")
    def shown_try(self, obj: Attempt) -> str:
        return f"#{obj.pk}, try {obj.number}"

    @display(
        description="outcome",
        label={"accepted": "success", "retry": "warning", "failed": "danger", "unknown": "warning"},
    )
    def shown_outcome(self, obj: Attempt) -> tuple[str, str]:
        return obj.outcome, obj.get_outcome_display()

    @display(description="begun")
    def shown_at(self, obj: Attempt) -> str:
        return moment(obj.started_at)


@admin.register(Email)
class EmailAdmin(OfMessageAdmin):
    ordering = ("-message_id",)
    list_display = ("__str__", "shown_message", "rfc_message_id", "is_automatic", "held_from")


@admin.register(SenderBudget)
class SenderBudgetAdmin(ReadOnlyAdmin):
    list_display = ("sender", "tokens", "shown_at")
    list_select_related = ("sender",)
    ordering = ("pk",)
    sortable_by = ()

    @display(description="refilled")
    def shown_at(self, obj: SenderBudget) -> str:
        return moment(obj.refilled_at)


@admin.register(Watermark)
class WatermarkAdmin(ReadOnlyAdmin):
    """How far each sender's texts were compared with the provider's own record."""

    list_display = ("sender", "shown_until", "shown_asked", "filled_in", "error")
    list_select_related = ("sender",)
    ordering = ("pk",)
    sortable_by = ()

    @display(description="complete until")
    def shown_until(self, obj: Watermark) -> str:
        return moment(obj.listed_until)

    @display(description="last asked")
    def shown_asked(self, obj: Watermark) -> str:
        return moment(obj.asked_at) if obj.asked_at else "-"


@admin.register(ReportDay)
class ReportDayAdmin(ReadOnlyAdmin):
    """The days of reports, and whether each still has to be counted anew."""

    list_display = ("business", "day", "is_stale", "counted_at")
    list_select_related = ("business",)
    ordering = ("-pk",)
    sortable_by = ()


@admin.register(ReportFigure)
class ReportFigureAdmin(ReadOnlyAdmin):
    list_display = ("day", "kind", "channel", "direction", "status", "error_code", "count")
    list_select_related = ("day",)
    ordering = ("-pk",)
    sortable_by = ()


@admin.register(ReportWatermark)
class ReportWatermarkAdmin(ReadOnlyAdmin):
    list_display = ("message_id", "event_id", "noted_at", "is_caught_up")
    ordering = ("pk",)
    sortable_by = ()
