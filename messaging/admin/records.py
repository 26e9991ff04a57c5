"""Transport's own records, read only: attempts and the senders' budgets."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.translation import gettext as _
from unfold.decorators import display

from conversations.admin.records import OfMessageAdmin
from messaging.admin import reports
from messaging.models import (
    Attempt,
    Circuit,
    Email,
    Hearing,
    HearingHour,
    ListeningMark,
    ReportDay,
    ReportFigure,
    ReportWatermark,
    SenderBudget,
    SenderQueue,
    Watermark,
)
from messaging.services import circuits
from omega_project.lib.admin import PostAction, ReadOnlyAdmin, moment, tell


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


@admin.register(SenderQueue)
class SenderQueueAdmin(ReadOnlyAdmin):
    """Senders with a long queue, as it was counted last."""

    of_business = "sender__business_id"
    list_display = ("sender", "high", "normal", "bulk", "per_second", "shown_at")
    list_select_related = ("sender",)
    ordering = ("-measured_at", "pk")
    sortable_by = ()

    @display(description="counted")
    def shown_at(self, obj: SenderQueue) -> str:
        return moment(obj.measured_at)


@admin.register(Circuit)
class CircuitAdmin(ReadOnlyAdmin):
    """Accounts at providers that failed, and whether each takes messages now."""

    of_business = "account__business_id"
    list_display = ("shown_account", "shown_state", "failures", "code", "reason", "shown_opened", "shown_probe")
    list_select_related = ("account__business",)
    list_filter = ("state",)
    ordering = ("state", "-pk")
    sortable_by = ()
    post_actions = (PostAction("try_now", "Try it now", "bolt", "primary"),)

    def post_actions_for(self, obj: Circuit) -> tuple[PostAction, ...]:
        return () if obj.state == Circuit.State.CLOSED else self.post_actions

    def try_now(self, request: HttpRequest, obj: Circuit) -> None:
        """For who has mended it: the next few messages try the account at once."""
        circuits.try_now(circuit_id=obj.pk)
        self.log_change(request, obj, "Tried at once.")
        tell(request, [_("The next messages that are due try it. If one is taken, the rest follow.")])

    @display(description="account")
    def shown_account(self, obj: Circuit) -> str:
        return f"{obj.provider}, {obj.account.business if obj.account else 'the platform'}"

    @display(description="state", label={"closed": "success", "open": "danger", "half_open": "warning"})
    def shown_state(self, obj: Circuit) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @display(description="shut")
    def shown_opened(self, obj: Circuit) -> str:
        return moment(obj.opened_at)

    @display(description="tried next")
    def shown_probe(self, obj: Circuit) -> str:
        return "-" if obj.state == Circuit.State.CLOSED else moment(obj.probe_at)


@admin.register(Hearing)
class HearingAdmin(ReadOnlyAdmin):
    """Senders and what they hear of their providers; the silent first."""

    of_business = "sender__business_id"
    list_display = (
        "sender",
        "shown_inbound",
        "shown_receipts",
        "shown_inbound_at",
        "shown_receipt_at",
        "usual",
        "unheard",
    )
    list_select_related = ("sender",)
    list_filter = (
        ("inbound_silent_since", admin.EmptyFieldListFilter),
        ("receipts_silent_since", admin.EmptyFieldListFilter),
    )
    ordering = ("inbound_silent_since", "receipts_silent_since", "pk")
    sortable_by = ()

    @display(description="incoming", label={"silent": "danger", "heard": "success"})
    def shown_inbound(self, obj: Hearing) -> tuple[str, str]:
        return ("silent", "Silent") if obj.inbound_silent_since else ("heard", "As usual")

    @display(description="receipts", label={"silent": "danger", "heard": "success"})
    def shown_receipts(self, obj: Hearing) -> tuple[str, str]:
        return ("silent", "Silent") if obj.receipts_silent_since else ("heard", "As usual")

    @display(description="last incoming")
    def shown_inbound_at(self, obj: Hearing) -> str:
        return moment(obj.inbound_at)

    @display(description="last receipt")
    def shown_receipt_at(self, obj: Hearing) -> str:
        return moment(obj.receipt_at)


@admin.register(HearingHour)
class HearingHourAdmin(ReadOnlyAdmin):
    of_business = "sender__business_id"
    list_display = ("sender", "shown_hour", "inbound", "receipts", "sent")
    list_select_related = ("sender",)
    ordering = ("-pk",)
    sortable_by = ()

    @display(description="hour")
    def shown_hour(self, obj: HearingHour) -> str:
        return moment(obj.hour)


@admin.register(ListeningMark)
class ListeningMarkAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "receipt_id", "attempt_id", "noted_at")
    ordering = ("pk",)
    sortable_by = ()


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
class ReportDayAdmin(reports.ReportBoard, ReadOnlyAdmin):
    """The days of reports, and whether each still has to be counted anew; the dashboard beside them."""

    list_display = ("business", "day", "is_stale", "counted_at")
    list_select_related = ("business",)
    ordering = ("-pk",)
    sortable_by = ()

    def get_urls(self) -> list[URLPattern]:
        return [*self.board_urls(), *super().get_urls()]


@admin.register(ReportFigure)
class ReportFigureAdmin(ReadOnlyAdmin):
    list_display = ("day", "kind", "channel", "direction", "status", "error_code", "hour", "count")
    list_select_related = ("day",)
    ordering = ("-pk",)
    sortable_by = ()


@admin.register(ReportWatermark)
class ReportWatermarkAdmin(ReadOnlyAdmin):
    list_display = ("message_id", "event_id", "noted_at", "is_caught_up")
    ordering = ("pk",)
    sortable_by = ()
