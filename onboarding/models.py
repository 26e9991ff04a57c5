"""How far a business has come in being signed up. What is on the way stands here and nowhere else."""

from django.db import models
from django.db.models import Q

from accounts.models import Business, Staff
from accounts.querysets import TenantQuerySet


class Onboarding(models.Model):
    """A business being signed up, from the request to its key.

    `request` is the checked request, sealed since it may hold a provider's credentials; `reference` is the name that
    everything made at a provider carries, so that a step that is repeated finds it there; `api_key` is sealed too, and
    erased by who reads it first.
    """

    class Status(models.TextChoices):
        IN_PROGRESS = "in_progress", "In progress"
        COMPLETED = "completed"
        FAILED = "failed", "Waits for a person"

    external_id = models.CharField(max_length=255, unique=True)
    business = models.OneToOneField(Business, models.CASCADE, related_name="onboarding")
    reference = models.CharField(max_length=64, unique=True, editable=False)
    request = models.BinaryField(editable=False)
    fingerprint = models.BinaryField(max_length=32, editable=False)
    status = models.CharField(max_length=11, choices=Status.choices, default=Status.IN_PROGRESS)
    source = models.CharField(max_length=16, help_text="api, admin or command")
    api_key = models.BinaryField(null=True, editable=False)
    api_key_made_at = models.DateTimeField(null=True, blank=True)
    api_key_read_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["in_progress", "completed", "failed"]), name="onboarding_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"onboarding {self.pk} of {self.external_id}"


class OnboardingRequest(models.Model):
    """A caller's `request_id` and what it asked for: the same again is the same answer, another body a conflict."""

    onboarding = models.ForeignKey(Onboarding, models.CASCADE, related_name="requests")
    # Read by the door: two calls with one request_id at one instant are one.
    request_id = models.CharField(max_length=128, unique=True)
    fingerprint = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.request_id


class OnboardingStep(models.Model):
    """One step of it, taken by one worker at a time.

    `due_at` is when somebody may take it: the step that is next, one that is tried again, one that is looked at again;
    while it runs, the end of the lease. `attempts` counts the takings and is the fence: who was overtaken writes
    nothing more. `facts` is what a repeated step need not find out again.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        RETRYING = "retrying", "Tried again by itself"
        WAITING = "waiting", "Waits, while the rest goes on"
        DONE = "done"
        SKIPPED = "skipped", "Not needed"
        FAILED = "failed", "Waits for a person"

    onboarding = models.ForeignKey(Onboarding, models.CASCADE, related_name="steps")
    place = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=32)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    detail = models.TextField(blank=True, help_text="What was done, or a sentence on what a person must do.")
    at = models.DateTimeField(null=True, blank=True, help_text="When it came to this.")
    attempts = models.PositiveIntegerField(default=0)
    troubles = models.PositiveSmallIntegerField(default=0, help_text="Faults in a row that may pass by themselves.")
    due_at = models.DateTimeField(null=True, blank=True)
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["onboarding", "place"]
        constraints = [
            models.UniqueConstraint(fields=["onboarding", "name"], name="onboarding_step_once"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "retrying", "waiting", "done", "skipped", "failed"]),
                name="onboarding_step_status_known",
            ),
        ]
        indexes = [
            # Read by the workers and, each second, by the sweep.
            models.Index(fields=["due_at"], name="onboarding_step_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"


class Invitation(models.Model):
    """A mail that tells a staff member that they answer here now; sent once.

    While it is sent, `due_at` is when it counts as lost; nobody knows then whether it went, and only a person sends it
    again.
    """

    class Status(models.TextChoices):
        DUE = "due"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"
        UNKNOWN = "unknown"

    onboarding = models.ForeignKey(Onboarding, models.CASCADE, related_name="invitations")
    staff = models.OneToOneField(Staff, models.CASCADE, related_name="invitation")
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # Read by the sweep.
        indexes = [models.Index(fields=["due_at"], name="invitation_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"invitation of staff {self.staff_id}"
