"""The onboarding board: each business, its step, and what it waits for."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, IntegerField, OuterRef, QuerySet, Subquery, Value, When
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from unfold.admin import TabularInline
from unfold.decorators import action, display

from omega_project.lib.admin import OmegaAdmin, PostAction, moment, tell
from omega_project.lib.api.errors import ApiError
from onboarding.admin.form import OnboardingForm, asked_for
from onboarding.models import Onboarding, OnboardingStep
from onboarding.services.keys import take_key
from onboarding.services.retrying import retry_onboarding
from onboarding.services.settling import UNFINISHED

TONES = {"in_progress": "info", "completed": "success", "failed": "danger"}
STEP_TONES = {
    "pending": "default", "running": "info", "retrying": "warning", "waiting": "warning", "done": "success",
    "skipped": "default", "failed": "danger",
}  # fmt: skip
_OPEN = [*UNFINISHED, "waiting"]


def title(name: str) -> str:
    """`email_sender` as people read it."""
    return name.replace("_", " ").capitalize().replace("Api", "API").replace("Email", "E-mail")


def badge(tone: str, text: str) -> SafeString:
    """A label on a record's page, where the theme's own are for lists alone."""
    return format_html('<span class="om-badge om-badge--{}">{}</span>', tone, text)


class StepInline(TabularInline):
    """The steps, as they stand."""

    model = OnboardingStep
    verbose_name_plural = "Steps"
    fields = readonly_fields = ("shown_name", "shown_status", "detail", "shown_at", "attempts")
    ordering = ("place",)
    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="step")
    def shown_name(self, obj: OnboardingStep) -> str:
        return title(obj.name)

    @display(description="status")
    def shown_status(self, obj: OnboardingStep) -> SafeString:
        return badge(STEP_TONES[obj.status], obj.get_status_display())

    @display(description="when")
    def shown_at(self, obj: OnboardingStep) -> str:
        return moment(obj.at)


@admin.register(Onboarding)
class OnboardingAdmin(OmegaAdmin):
    """A list that says at a glance who waits for what; the page of one has its steps."""

    empty_text = "No business is being set up. Add one here, or by POST /business/onboard."
    form = OnboardingForm
    list_display = ("shown_business", "shown_status", "shown_step", "shown_detail", "source", "shown_created")
    list_filter = ("status", "source")
    list_fullwidth = True
    search_fields = ("external_id", "business__name")  # a small table: one row per customer
    search_help_text = "A business's name, or its external id"
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("shown_page", "shown_state"),
                    ("external_id", "reference"),
                    ("source", "shown_key"),
                    ("shown_created", "shown_completed"),
                )
            },
        ),
    )
    actions = ("retry_chosen",)
    opens_people = ("take_key",)
    post_actions = (
        PostAction("retry", "Retry", "refresh", "primary"),
        PostAction("correct", "Change the request", "edit"),
        PostAction("take_key", "Show the API key", "key", question="It is shown once, to you now. Show it?"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        open_steps = OnboardingStep.objects.filter(onboarding=OuterRef("pk"), status__in=_OPEN)
        # What waits outside comes last: it holds nothing.
        waits = Case(When(status="waiting", then=Value(1)), default=Value(0), output_field=IntegerField())
        first = open_steps.order_by(waits, "place")
        found: QuerySet[Any] = super().get_queryset(request).select_related("business")
        return found.annotate(
            step_name=Subquery(first.values("name")[:1]),
            step_status=Subquery(first.values("status")[:1]),
            step_detail=Subquery(first.values("detail")[:1]),
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else OnboardingForm.layout

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [StepInline] if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        shown = ("shown_page", "shown_state", "shown_key", "shown_created", "shown_completed")
        return (*shown, "external_id", "reference", "source") if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A request is put right by another request, not by its row."""
        return False

    def post_actions_for(self, obj: Any) -> tuple[PostAction, ...]:
        retry, correct, key = self.post_actions
        waits = OnboardingStep.objects.filter(onboarding=obj, status__in=["failed", "retrying", "waiting"]).exists()
        may_take = obj.status == "completed" and obj.api_key is not None
        is_failed = obj.status == Onboarding.Status.FAILED
        return (*((retry,) if waits else ()), *((correct,) if is_failed else ()), *((key,) if may_take else ()))

    @action(description="Retry what waits", permissions=["act"])
    def retry_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Each of the chosen onboardings goes on, where something of it waits."""
        for row in chosen:
            try:
                retry_onboarding(onboarding_id=row.pk)
                tell(request, [_("{business} goes on.").format(business=row.business)])
            except ApiError as error:
                tell(request, [f"{row.business}: {error.detail}"], messages.WARNING)

    def retry(self, request: HttpRequest, obj: Onboarding) -> None:
        retry_onboarding(onboarding_id=obj.pk)
        self.log_change(request, obj, "Retried.")
        tell(request, [_("It goes on from the step that waited.")])

    def correct(self, request: HttpRequest, obj: Onboarding) -> HttpResponse:
        """To the form, with this request in it: sent again, it is the same onboarding, which goes on by it."""
        return HttpResponseRedirect(f"{reverse('admin:onboarding_onboarding_add')}?of={obj.pk}")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        number = request.GET.get("of", "")
        row = Onboarding.objects.filter(pk=int(number)).first() if number.isascii() and number.isdigit() else None
        return asked_for(row) if row else {}

    def take_key(self, request: HttpRequest, obj: Onboarding) -> None:
        key = take_key(onboarding_id=obj.pk)
        if key is None:
            tell(request, [_("Somebody else has read the key. Make another one under API keys.")], messages.ERROR)
            return
        self.log_change(request, obj, "API key shown.")
        sentence = 'Copy the key now, it is never shown again: <code class="om-key">{}</code>'
        messages.warning(request, format_html(sentence, key))

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.onboarding

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        """The form's check was the service's own work: the row is there."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing hangs on the form."""

    @display(description="business")
    def shown_business(self, obj: Any) -> str:
        return str(obj.business)

    @display(description="business")
    def shown_page(self, obj: Any) -> SafeString:
        url = reverse("admin:accounts_business_change", args=[obj.business_id])
        return format_html('<a class="om-link" href="{}">{}</a>', url, obj.business)

    @display(description="status", label=TONES)
    def shown_status(self, obj: Any) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="status")
    def shown_state(self, obj: Any) -> SafeString:
        return badge(TONES[obj.status], obj.get_status_display())

    @display(description="step", label=STEP_TONES)
    def shown_step(self, obj: Any) -> tuple[str, str] | str:
        return (obj.step_status, title(obj.step_name)) if obj.step_name else "-"

    @display(description="what it waits for")
    def shown_detail(self, obj: Any) -> SafeString | str:
        return format_html('<span class="om-detail">{}</span>', obj.step_detail) if obj.step_detail else "-"

    @display(description="API key")
    def shown_key(self, obj: Any) -> str:
        if obj.api_key_made_at is None:
            return "not made yet"
        return "waits for its reader" if obj.api_key_read_at is None else "was read"

    @display(description="begun")
    def shown_created(self, obj: Any) -> str:
        return moment(obj.created_at)

    @display(description="completed")
    def shown_completed(self, obj: Any) -> str:
        return moment(obj.completed_at)
