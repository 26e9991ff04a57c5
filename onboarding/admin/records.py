"""Onboarding's own records, read only; an invitation can be sent once more."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.decorators import display

from omega_project.lib.admin import PostAction, ReadOnlyAdmin, moment, tell
from onboarding.admin.board import STEP_TONES, title
from onboarding.models import Invitation, OnboardingRequest, OnboardingStep
from onboarding.services.invitations import send_again


@admin.register(OnboardingStep)
class OnboardingStepAdmin(ReadOnlyAdmin):
    of_business = "onboarding__business_id"
    list_display = ("shown_name", "onboarding", "shown_status", "detail", "attempts", "shown_at")
    list_select_related = ("onboarding",)
    list_filter = ("status", "name")
    ordering = ("-id",)
    sortable_by = ()

    @display(description="step")
    def shown_name(self, obj: OnboardingStep) -> str:
        return title(obj.name)

    @display(description="status", label=STEP_TONES)
    def shown_status(self, obj: OnboardingStep) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="when")
    def shown_at(self, obj: OnboardingStep) -> str:
        return moment(obj.at)


@admin.register(OnboardingRequest)
class OnboardingRequestAdmin(ReadOnlyAdmin):
    of_business = "onboarding__business_id"
    list_display = ("request_id", "onboarding", "shown_at")
    list_select_related = ("onboarding",)
    search_fields = ("request_id",)
    ordering = ("-id",)
    sortable_by = ()

    @display(description="when")
    def shown_at(self, obj: OnboardingRequest) -> str:
        return moment(obj.created_at)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    of_business = "onboarding__business_id"
    list_display = ("shown_staff", "shown_email", "shown_business", "shown_status", "attempts", "shown_at", "error")
    list_select_related = ("staff", "staff__business")
    list_filter = ("status",)
    search_fields = ("staff__email", "staff__name")
    ordering = ("-id",)
    sortable_by = ()
    post_actions = (
        PostAction("send_again", "Send once more", "forward_to_inbox", question="Send this invitation once more?"),
    )

    def post_actions_for(self, obj: Invitation) -> tuple[PostAction, ...]:
        return self.post_actions if obj.status in {"sent", "failed", "unknown"} else ()

    def send_again(self, request: HttpRequest, obj: Invitation) -> None:
        if send_again(invitation_id=obj.pk):
            self.log_change(request, obj, "Sent once more.")
            tell(request, [_("It goes out within seconds.")])

    @display(description="staff member")
    def shown_staff(self, obj: Invitation) -> str:
        return obj.staff.name

    @display(description="e-mail")
    def shown_email(self, obj: Invitation) -> str:
        return obj.staff.email

    @display(description="business")
    def shown_business(self, obj: Invitation) -> str:
        return str(obj.staff.business)

    @display(
        description="status",
        label={"due": "info", "sending": "info", "sent": "success", "failed": "danger", "unknown": "warning"},
    )
    def shown_status(self, obj: Invitation) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="sent")
    def shown_at(self, obj: Invitation) -> str:
        return moment(obj.sent_at)
