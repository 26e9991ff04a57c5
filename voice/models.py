"""Voice's own records: how a business takes calls, each call with its legs, and its recordings."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Business, Staff
from accounts.querysets import TenantQuerySet
from conversations.models import Attachment, Message
from messaging.models import Template


class VoiceSettings(models.Model):
    """How a business takes and places calls. One without a row goes by the defaults."""

    business = models.OneToOneField(Business, models.CASCADE, primary_key=True, related_name="voice_settings")
    language = models.CharField(max_length=16, default="en-US", help_text="In which what is spoken is read.")
    greeting = models.CharField(
        max_length=1000, blank=True, help_text="Spoken where nobody answers. Empty: a sentence of omega's."
    )
    closed_greeting = models.CharField(
        max_length=1000, blank=True, help_text="Spoken outside the opening hours. Empty: a sentence of omega's."
    )
    ring_seconds = models.PositiveSmallIntegerField(
        default=25,
        validators=[MinValueValidator(5), MaxValueValidator(120)],
        help_text="How long a call rings at the assignee, then at the team, then at the location's phone.",
    )
    takes_voicemail = models.BooleanField(default=True)
    voicemail_seconds = models.PositiveSmallIntegerField(
        default=120, validators=[MinValueValidator(5), MaxValueValidator(600)], help_text="The longest voicemail."
    )
    records_calls = models.BooleanField(default=False)
    announcement = models.CharField(
        max_length=500, blank=True, help_text="Spoken to the client before a recorded call. Empty: omega's sentence."
    )
    retention_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Recordings and voicemail are removed after so many days. Empty: never.",
    )
    erases_at_provider = models.BooleanField(
        default=False, help_text="A recording is removed at the provider once we have our copy."
    )
    texts_back = models.BooleanField(default=False, help_text="A missed call is answered by a text, once.")
    text_back_template = models.ForeignKey(
        Template,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="May use {{ business.name }}, {{ client.first_name }} and the like.",
    )
    text_back_body = models.CharField(max_length=480, blank=True, help_text="The text where no template is chosen.")
    allowed_countries = ArrayField(
        models.CharField(max_length=2),
        default=list,
        blank=True,
        help_text="Countries that staff may call beside the business's own, such as CA, MX.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "voice settings"
        constraints = [
            models.CheckConstraint(condition=Q(ring_seconds__gte=5, ring_seconds__lte=120), name="voice_ring_sane"),
            models.CheckConstraint(
                condition=Q(voicemail_seconds__gte=5, voicemail_seconds__lte=600), name="voice_voicemail_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"voice settings of business {self.business_id}"


class Call(models.Model):
    """One call, from its first ring: what was learned of it. The message tells it; `services/story.py` makes that.

    What is kept here and on the legs only ever grows, whatever the order in which the provider reports, so that the
    same news in any order tell the same story.
    """

    class Origin(models.TextChoices):
        TWIML = "twiml", "Handled by omega"
        RECORD = "record", "Recorded by a caller"

    class Step(models.IntegerChoices):
        """How far a call from a client has come; it never goes back."""

        ASSIGNEE = 10, "Rings at the assignee"
        TEAM = 20, "Rings at the team"
        PHONE = 30, "Rings at the location's phone"
        VOICEMAIL = 40, "Voicemail"
        END = 50, "Nobody to ring any more"

    sid = models.CharField(max_length=64, unique=True, help_text="The provider's own: CA… at Twilio")
    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False)
    message = models.OneToOneField(Message, models.CASCADE, related_name="voice_call")
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.TWIML)
    account_id = models.CharField(max_length=64, blank=True, help_text="The provider's account that it came by.")
    staff = models.ForeignKey(
        Staff, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, help_text="Who placed it."
    )
    step = models.PositiveSmallIntegerField(choices=Step.choices, default=Step.ASSIGNEE)
    refusal = models.CharField(max_length=255, blank=True, help_text="Why it was not put through.")
    dial_status = models.CharField(max_length=16, blank=True, help_text="How the provider says its dialling went.")
    dial_seconds = models.PositiveIntegerField(null=True, blank=True)
    missed_at = models.DateTimeField(null=True, blank=True, help_text="When staff were told that it was missed.")
    text_back = models.CharField(max_length=255, blank=True, help_text="What became of the text that answers it.")
    look_at = models.DateTimeField(null=True, blank=True, help_text="When the sweep looks at it, where it is open.")
    looks = models.PositiveSmallIntegerField(default=0)
    is_final = models.BooleanField(default=False, help_text="Its news were waited for long enough.")
    created_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Read by the sweep: calls that are open, and of which nothing was heard.
            models.Index(fields=["look_at"], name="call_to_look_at", condition=Q(look_at__isnull=False)),
            # Read by the admin's list of one business's calls.
            models.Index(fields=["business", "-id"], name="call_list"),
        ]

    def __str__(self) -> str:
        return self.sid


class Leg(models.Model):
    """One line of a call: the parent's own (`sid` as the call's), and each phone that it rang."""

    call = models.ForeignKey(Call, models.CASCADE, related_name="legs")
    sid = models.CharField(max_length=64, unique=True)
    is_parent = models.BooleanField(default=False)
    to_address = models.CharField(max_length=254, blank=True)
    staff = models.ForeignKey(Staff, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    status = models.CharField(max_length=16, blank=True)
    rank = models.SmallIntegerField(default=-1)
    sequence = models.IntegerField(default=-1, help_text="The provider's number of the report that it stands at.")
    started_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    seconds = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.sid}: {self.status}"


class Recording(models.Model):
    """What was recorded of a call, or left as voicemail. Our copy is an attachment of the message."""

    class Kind(models.TextChoices):
        CALL = "call"
        VOICEMAIL = "voicemail"

    call = models.ForeignKey(Call, models.CASCADE, related_name="recordings")
    sid = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    seconds = models.PositiveIntegerField(default=0)
    attachment = models.OneToOneField(Attachment, models.SET_NULL, null=True, blank=True, related_name="recording")
    created_at = models.DateTimeField()
    erase_at = models.DateTimeField(null=True, blank=True, help_text="When it is to be removed at the provider.")
    erase_attempts = models.PositiveSmallIntegerField(default=0)
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When it was removed at the provider.")
    removed_at = models.DateTimeField(null=True, blank=True, help_text="When our copy was removed.")

    class Meta:
        ordering = ["id"]
        indexes = [
            # Read by the job that removes recordings at the provider.
            models.Index(fields=["erase_at"], name="recording_to_erase", condition=Q(erase_at__isnull=False)),
            # Read by the job that removes what a business keeps no longer.
            models.Index(fields=["created_at"], name="recording_kept", condition=Q(removed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.sid
