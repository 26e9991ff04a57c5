"""Going on with an onboarding that waits for a person."""

from django.utils import timezone

from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict, NotFound
from onboarding.models import Onboarding, OnboardingStep
from onboarding.services import wakeup
from onboarding.services.steps import AT_THE_DOOR

_OPEN = [OnboardingStep.Status.FAILED, OnboardingStep.Status.RETRYING, OnboardingStep.Status.WAITING]


def retry_onboarding(*, onboarding_id: int) -> None:
    """Go on from the step that failed, and look at once at what waits. 404, or 409 where nothing waits for anybody."""

    def work() -> None:
        onboarding = Onboarding.objects.select_for_update().filter(pk=onboarding_id).first()
        if onboarding is None:
            raise NotFound("There is no such onboarding.")
        if not go_on(onboarding):
            raise Conflict("Nothing of this onboarding waits for a person.", "invalid_transition")

    sql.in_transaction(work)


def go_on(onboarding: Onboarding, *, from_the_start: bool = False) -> int:
    """Make what failed or waits due now, or every step anew; how many. Call in a transaction that holds the row."""
    steps = OnboardingStep.objects.filter(onboarding=onboarding)
    now = timezone.now()
    if from_the_start:
        steps = steps.exclude(name__in=AT_THE_DOOR)
        moved = steps.update(status=OnboardingStep.Status.PENDING, detail="", at=None, due_at=None, troubles=0)
        first = steps.order_by("place").values("pk")[:1]
        OnboardingStep.objects.filter(pk__in=first).update(due_at=now)
    else:
        waiting = steps.filter(status__in=_OPEN)
        moved = waiting.update(status=OnboardingStep.Status.RETRYING, troubles=0, due_at=now)
    if moved and onboarding.status == Onboarding.Status.FAILED:
        onboarding.status = Onboarding.Status.IN_PROGRESS
        onboarding.save(update_fields=["status", "updated_at"])
    if moved:
        wakeup.wake_advance()
    return moved
