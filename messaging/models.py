"""Transport's own records: attempts, what providers told us, consent and its history, templates."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Business, Channel, Client, ConsentState, ProviderAccount, Sender
from accounts.querysets import TenantQuerySet
from conversations.models import Message


class Attempt(models.Model):
    """One try to hand a message over, written before the provider is called: what makes a second send impossible."""

    class Outcome(models.TextChoices):
        STARTED = "started"
        ACCEPTED = "accepted"
        RETRY = "retry", "To be tried again"
        FAILED = "failed"
        UNKNOWN = "unknown"
        RELEASED = "released", "Released before the provider was called"

    message = models.ForeignKey(Message, models.CASCADE, related_name="attempt_rows")
    number = models.PositiveSmallIntegerField()
    worker = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.STARTED)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)
    provider_message_id = models.CharField(max_length=128, blank=True)

    class Meta:
        constraints = [
            # The fence: a second worker cannot begin the same try.
            models.UniqueConstraint(fields=["message", "number"], name="attempt_once"),
        ]
        indexes = [
            # Read by the claim: messages that were in a worker's hands when it died.
            models.Index(fields=["message"], name="attempt_worker_lost", condition=Q(code="worker_lost")),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of message {self.message_id}"


class Email(models.Model):
    """What a mail is beside its message: the headers that thread it, its whole text, its source, what became of it.

    Message-IDs stand without their angle brackets.
    """

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="mail")
    rfc_message_id = models.CharField(max_length=998, blank=True)
    in_reply_to = models.CharField(max_length=998, blank=True)
    references = ArrayField(models.CharField(max_length=998), default=list, blank=True)
    reply_to = models.CharField(max_length=254, blank=True)
    headers = models.JSONField(default=dict, blank=True, help_text="Of an outgoing one: what its caller set.")
    full_text = models.TextField(blank=True, help_text="Of an incoming one: with what it quotes.")
    envelope_from = models.CharField(max_length=320, blank=True)
    envelope_to = models.CharField(max_length=320, blank=True)
    is_automatic = models.BooleanField(default=False, help_text="An auto-reply, a bounce, a list's: never answered.")
    held_from = models.CharField(max_length=320, blank=True, help_text="An address not known as the client's.")
    source = models.FileField(upload_to="mail/%Y/%m/%d", max_length=255, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True, help_text="The provider said that it has it.")
    opened_at = models.DateTimeField(null=True, blank=True)
    clicked_at = models.DateTimeField(null=True, blank=True)
    complained_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Read by a reply that names what it answers.
        indexes = [models.Index(fields=["rfc_message_id"], name="mail_by_message_id", condition=~Q(rfc_message_id=""))]

    def __str__(self) -> str:
        return f"mail {self.message_id}"


class WebhookEvent(models.Model):
    """The inbox: what a provider told us, raw, stored before anything is made of it."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PROCESSED = "processed"
        FAILED = "failed"
        IGNORED = "ignored"

    provider = models.CharField(max_length=32)
    kind = models.CharField(max_length=32, help_text="sms.reply, sms.status, …")
    dedupe_key = models.CharField(max_length=255)
    url = models.CharField(max_length=2048, blank=True)
    content_type = models.CharField(max_length=255, blank=True)
    headers = models.JSONField(default=dict, db_default={}, help_text="Of the call, but for what opens a door.")
    verdict = models.CharField(
        max_length=8, blank=True, default="", db_default="",
        help_text="By what it proved to be the provider: platform or business (whose key signed it), password, asked.",
    )  # fmt: skip
    payload = models.BinaryField(editable=False)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    begun = models.PositiveSmallIntegerField(
        default=0, db_default=0, editable=False, help_text="Tries that ended their process: begun, and never finished."
    )
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    business = models.ForeignKey(Business, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    message = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="+")
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # A provider's second call with the same news is known by this.
            models.UniqueConstraint(fields=["provider", "dedupe_key"], name="webhook_event_once"),
        ]
        indexes = [
            # Read by the sweep and by the operators' board.
            models.Index(
                fields=["next_attempt_at"],
                name="webhook_event_to_retry",
                condition=Q(status__in=["pending", "failed"], next_attempt_at__isnull=False),
            ),
            models.Index(fields=["-id"], name="webhook_event_failed", condition=Q(status="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} {self.dedupe_key}"


class Consent(models.Model):
    """Whether an address may be written to on a channel by a business: the state that ConsentChange's rows lead to.

    A mailbox that turned mail away for good is no opt-out: `bounced_at` stands beside the state and blocks all the
    same, until staff lift it.
    """

    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    address = models.CharField(max_length=254)
    state = models.CharField(max_length=16, choices=ConsentState.choices)
    updated_at = models.DateTimeField()
    bounced_at = models.DateTimeField(null=True, blank=True, help_text="Since when mail to it goes nowhere.")
    bounce_reason = models.TextField(blank=True, default="", db_default="")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # Read at the queue's door and at the last moment before the provider call.
            models.UniqueConstraint(fields=["business", "channel", "address"], name="consent_once"),
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.state}"


class ConsentChange(models.Model):
    """One change of consent, with its source and evidence. A row is never changed."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False)
    client = models.ForeignKey(Client, models.SET_NULL, null=True, blank=True, related_name="consent_changes")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    address = models.CharField(max_length=254)
    previous = models.CharField(max_length=16, choices=ConsentState.choices)
    state = models.CharField(max_length=16, choices=ConsentState.choices)
    source = models.CharField(max_length=32, help_text="keyword, provider, bounce, api, staff, import")
    evidence = models.JSONField(default=dict)
    at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["business", "channel", "address", "-id"], name="consent_history")]

    def __str__(self) -> str:
        return f"{self.address}: {self.previous} → {self.state}"


class ConsentKeyword(models.Model):
    """A word that changes consent when it is the whole message: data, not code."""

    class Kind(models.TextChoices):
        STOP = "stop"
        START = "start"
        HELP = "help"

    word = models.CharField(max_length=32, unique=True, help_text="Upper case, letters and digits only.")
    kind = models.CharField(max_length=8, choices=Kind.choices)

    def __str__(self) -> str:
        return self.word


class CarrierCode(models.Model):
    """What a provider's error code means and whether trying again can help (providers.md, 1): data, not code."""

    class Handling(models.TextChoices):
        RETRY = "retry", "Try again with back-off"
        RETRY_ONCE = "retry_once", "Try again once"
        PERMANENT = "permanent", "Never try this message again"
        CONFIGURATION = "configuration", "Our set-up is wrong"
        OPTED_OUT = "opted_out", "The recipient said stop"

    provider = models.CharField(max_length=32)
    code = models.CharField(max_length=32)
    handling = models.CharField(max_length=16, choices=Handling.choices)
    meaning = models.CharField(max_length=255, help_text="A sentence that a support person understands.")
    is_account_wide = models.BooleanField(
        default=False,
        db_default=False,
        help_text="It speaks of the whole account: after a run of them its messages wait.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "code"], name="carrier_code_once")]

    def __str__(self) -> str:
        return f"{self.provider} {self.code}: {self.meaning}"


class RetryRule(models.Model):
    """How often and when a message is tried again after a fault of one class (providers.md, 1): data, not code."""

    class FaultClass(models.TextChoices):
        RETRY = "retry", "Try again with back-off"
        RETRY_ONCE = "retry_once", "Try again once"
        PERMANENT = "permanent", "Never try this message again"
        CONFIGURATION = "configuration", "Our set-up is wrong"
        OPTED_OUT = "opted_out", "The recipient said stop"
        AMBIGUOUS = "ambiguous", "Nobody knows whether it was taken: asked first"

    fault_class = models.CharField(max_length=16, choices=FaultClass.choices, unique=True)
    waits = ArrayField(
        models.PositiveIntegerField(), default=list, blank=True, size=12,
        help_text="Seconds before each further try, separated by commas; empty: none.",
    )  # fmt: skip
    alerts = models.BooleanField(default=False, help_text="Whether somebody has to know at once.")

    def __str__(self) -> str:
        return self.get_fault_class_display()


class Circuit(models.Model):
    """Whether an account at a provider takes messages at all: shut after a run of faults, then tried by a few.

    Made at an account's first fault. `account` is a business's own; without one it is the platform's.
    """

    class State(models.TextChoices):
        CLOSED = "closed", "Working"
        OPEN = "open", "Shut: its messages wait"
        HALF_OPEN = "half_open", "Being tried"

    provider = models.CharField(max_length=32)
    account = models.ForeignKey(
        ProviderAccount, models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0, help_text="Faults since the last message that it took.")
    trials = models.PositiveSmallIntegerField(default=0, help_text="Trials that failed since it was shut.")
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField()
    probe_at = models.DateTimeField(null=True, blank=True, help_text="When the next few messages try it.")
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            # Read at each claim; NULL is the platform's one account.
            models.UniqueConstraint(fields=["provider", "account"], name="circuit_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.provider}, {self.account or 'the platform'}"


class SenderBudget(models.Model):
    """How much of its rate a sender has used: a bucket that refills by the database's clock."""

    sender = models.OneToOneField(Sender, models.CASCADE, primary_key=True, related_name="+")
    tokens = models.FloatField(default=0)
    refilled_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"budget of sender {self.sender_id}"


class SenderQueue(models.Model):
    """How much was queued at a sender when it was counted last, and how fast it left (services/backlog.py)."""

    sender = models.OneToOneField(Sender, models.CASCADE, primary_key=True, related_name="+")
    high = models.PositiveIntegerField(default=0)
    normal = models.PositiveIntegerField(default=0)
    bulk = models.PositiveIntegerField(default=0)
    last_position = models.BigIntegerField(default=0)
    per_second = models.FloatField(null=True, blank=True, help_text="Messages that left it in a second, of late.")
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"queue of sender {self.sender_id}"


class Watermark(models.Model):
    """Up to when a sender's incoming texts were compared with the provider's own record, and what that found."""

    sender = models.OneToOneField(Sender, models.CASCADE, primary_key=True, related_name="+")
    listed_until = models.DateTimeField(help_text="What came before this is known to be here.")
    next_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, blank=True)
    filled_in = models.PositiveIntegerField(default=0, help_text="Texts that only the provider's record told us of.")
    error = models.TextField(blank=True, help_text="Why the provider could not be asked the last time.")

    class Meta:
        # Read by the reconciler.
        indexes = [models.Index(fields=["next_at"], name="watermark_due")]

    def __str__(self) -> str:
        return f"watermark of sender {self.sender_id}"


class Hearing(models.Model):
    """What a sender hears of its provider's callbacks, and since when it hears nothing where it should."""

    sender = models.OneToOneField(Sender, models.CASCADE, primary_key=True, related_name="+")
    first_at = models.DateTimeField()
    inbound_at = models.DateTimeField(null=True, blank=True, help_text="The last message that a callback brought.")
    receipt_at = models.DateTimeField(null=True, blank=True, help_text="The last delivery receipt by a callback.")
    unheard = models.PositiveIntegerField(default=0, help_text="Messages handed over since that receipt.")
    unheard_since = models.DateTimeField(null=True, blank=True)
    filled = models.PositiveIntegerField(default=0, help_text="Texts that only the provider's record told of.")
    usual = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Messages that came in the same hours of the weeks before."
    )
    inbound_silent_since = models.DateTimeField(null=True, blank=True)
    receipts_silent_since = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"what sender {self.sender_id} hears"


class HearingHour(models.Model):
    """How many callbacks a sender heard in an hour, and what it sent: kept for five weeks."""

    sender = models.ForeignKey(Sender, models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    inbound = models.PositiveIntegerField(default=0)
    receipts = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0)

    class Meta:
        # Read by who looks for silence.
        constraints = [models.UniqueConstraint(fields=["sender", "hour"], name="hearing_hour_once")]
        # Read by who forgets what is old.
        indexes = [models.Index(fields=["hour"], name="hearing_hour_old")]

    def __str__(self) -> str:
        return f"hour of sender {self.sender_id}"


class ListeningMark(models.Model):
    """How far callbacks were counted: one row. `since`: from when on silence means something."""

    event_id = models.BigIntegerField(default=0)
    receipt_id = models.BigIntegerField(default=0)
    attempt_id = models.BigIntegerField(default=0)
    next_event_id = models.BigIntegerField(default=0)
    next_receipt_id = models.BigIntegerField(default=0)
    next_attempt_id = models.BigIntegerField(default=0)
    since = models.DateTimeField()
    noted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"counted to event {self.event_id}"


class Template(models.Model):
    """A canned reply or message template of a business; variables stand as {{ name }}."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="templates")
    name = models.CharField(max_length=255)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.SMS)
    language = models.CharField(max_length=16, blank=True)
    subject = models.CharField(max_length=998, blank=True)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["business", "name"], name="template_name_once")]

    def __str__(self) -> str:
        return self.name


class ReportDay(models.Model):
    """One day of a business in reports, in its own zone; `is_stale`: something of it changed since it was counted."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    is_stale = models.BooleanField(default=True)
    counted_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        # Read by the summary.
        constraints = [models.UniqueConstraint(fields=["business", "day"], name="report_day_once")]
        # Read by the job that counts.
        indexes = [models.Index(fields=["business", "day"], name="report_day_stale", condition=Q(is_stale=True))]

    def __str__(self) -> str:
        return f"{self.business_id}, {self.day}"


class ReportFigure(models.Model):
    """How many messages of one sort a day had; of answers and resolutions also how long each took, in seconds."""

    class Kind(models.TextChoices):
        MESSAGES = "messages"
        RESPONSE = "response"
        RESOLUTION = "resolution"
        HOUR = "hour"

    day = models.ForeignKey(ReportDay, models.CASCADE, related_name="figures")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    channel = models.CharField(max_length=8, blank=True)
    direction = models.CharField(max_length=8, blank=True)
    status = models.CharField(max_length=11, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    staff_id = models.BigIntegerField(null=True, blank=True)
    location_id = models.BigIntegerField(null=True, blank=True)
    hour = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of the kind hour: 0 to 23.")
    count = models.PositiveIntegerField()
    seconds = ArrayField(models.IntegerField(), null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} of {self.day_id}"


class ReportWatermark(models.Model):
    """How far messages and their events were looked through for days to count anew: one row.

    A row is read a second time some minutes later: a transaction that began before its neighbours may end after them.
    """

    message_id = models.BigIntegerField(default=0)
    event_id = models.BigIntegerField(default=0)
    next_message_id = models.BigIntegerField(default=0)
    next_event_id = models.BigIntegerField(default=0)
    noted_at = models.DateTimeField(null=True, blank=True)
    is_caught_up = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"looked through to message {self.message_id}"


class WebhookEndpoint(models.Model):
    """Where a business's host platform wants to be told what changes: a reader of the feed, with its place in it."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField(max_length=2048)
    description = models.CharField(max_length=255, blank=True)
    events = ArrayField(models.CharField(max_length=24), default=list, blank=True, help_text="None: every one.")
    secrets = models.BinaryField(editable=False)
    rotated_at = models.DateTimeField(null=True, blank=True, help_text="For a day after it both secrets sign.")
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=255, blank=True)
    position = models.BigIntegerField(default=0, help_text="Up to which change of the feed deliveries were made.")
    due_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        # Read by the push: whose turn it is.
        indexes = [models.Index(fields=["due_at"], name="webhook_endpoint_due", condition=Q(is_enabled=True))]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """One change to be pushed to one endpoint, in the words in which every try of it is sent."""

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False)
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False)
    position = models.BigIntegerField()
    webhook_id = models.CharField(max_length=64)
    type = models.CharField(max_length=24)
    client_id = models.BigIntegerField(null=True, blank=True, help_text="Whose words it holds.")
    payload = models.TextField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0, help_text="Attempts since it was made, or last replayed.")
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    response = models.TextField(blank=True)
    error = models.TextField(blank=True)
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    attempted_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        # What makes a second delivery of one change impossible, however often it is read.
        constraints = [models.UniqueConstraint(fields=["endpoint", "position"], name="webhook_delivery_once")]
        indexes = [
            # Read by the push: an endpoint's next ones, in order.
            models.Index(fields=["endpoint", "id"], name="webhook_delivery_next", condition=Q(status="pending")),
            # Read by the list of a business's deliveries, and of an endpoint's.
            models.Index(fields=["business", "-id"], name="webhook_delivery_list"),
            models.Index(fields=["endpoint", "-id"], name="webhook_delivery_of"),
            models.Index(fields=["business", "-id"], name="webhook_delivery_failed", condition=Q(status="failed")),
            # Read where a client is erased.
            models.Index(fields=["client_id"], name="webhook_delivery_client", condition=Q(client_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.webhook_id}"
