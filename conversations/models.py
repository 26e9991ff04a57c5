"""The thread: columns, constraints and properties without a query. The message row is also the outbox."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, Left

from accounts.models import Business, Client, Location, Sender, Staff
from accounts.querysets import TenantQuerySet
from conversations.querysets import ConversationQuerySet, MessageQuerySet


class Conversation(models.Model):
    """One thread per client and business, whatever the channel.

    `last_message`, `unread_count`, `message_count` and `channels` are kept by the write that appends a message, so
    that an inbox page costs the same at any size (limits.md). Activity entries are no last message.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        PENDING = "pending"
        SNOOZED = "snoozed"
        CLOSED = "closed"

    business = models.ForeignKey(Business, models.CASCADE, related_name="conversations", db_index=False)
    client = models.OneToOneField(Client, models.CASCADE, related_name="conversation")
    location = models.ForeignKey(Location, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    assigned_to = models.ForeignKey(
        Staff, models.SET_NULL, null=True, blank=True, related_name="conversations", db_index=False
    )
    last_sender = models.ForeignKey(
        Sender,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="The number this client knows.",
    )
    unread_count = models.PositiveIntegerField(default=0)
    message_count = models.PositiveIntegerField(default=0)
    channels = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    labels = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    last_message = models.ForeignKey(
        "Message", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False, db_index=False
    )
    last_message_at = models.DateTimeField()
    merged_into = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Where its messages went when its client was merged: lists leave it out.",
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    first_inbound_at = models.DateTimeField(null=True, blank=True)
    first_response_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "pending", "snoozed", "closed"]), name="conversation_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="snoozed") | Q(snoozed_until__isnull=False), name="conversation_snooze_has_end"
            ),
        ]
        indexes = [
            # Read by the inbox, in its default order.
            models.Index(fields=["business", "-last_message_at", "-id"], name="inbox"),
            # Read by the inbox filtered by status, and by the filters' live counts.
            models.Index(fields=["business", "status", "-last_message_at", "-id"], name="inbox_by_status"),
            # Read by "mine" and "unassigned".
            models.Index(fields=["business", "assigned_to", "-last_message_at", "-id"], name="inbox_by_assignee"),
            # Read by the list of staff: how many conversations each has open.
            models.Index(
                fields=["assigned_to"],
                name="open_by_assignee",
                condition=Q(status="open", assigned_to__isnull=False),
            ),
            # Read by "unread".
            models.Index(
                fields=["business", "-last_message_at", "-id"], name="inbox_unread", condition=Q(unread_count__gt=0)
            ),
            # Read by the inbox in the order of creation, and by who asks what changed since.
            models.Index(fields=["business", "-created_at", "-id"], name="inbox_by_creation"),
            models.Index(fields=["business", "-updated_at"], name="inbox_by_update"),
            # Read by the inbox filtered by a channel that few conversations have. Texts are in nearly all of them.
            models.Index(
                fields=["business", "-last_message_at", "-id"],
                name="inbox_with_email",
                condition=Q(channels__contains=["email"]),
            ),
            models.Index(
                fields=["business", "-last_message_at", "-id"],
                name="inbox_with_calls",
                condition=Q(channels__contains=["voice"]),
            ),
            # Read by the inbox filtered by location, and by label.
            models.Index(fields=["business", "location", "-last_message_at", "-id"], name="inbox_by_location"),
            GinIndex(fields=["labels"], name="inbox_by_label", condition=~Q(labels=[])),
            # Read by the sweep that carries stragglers out of a merged client's conversation.
            models.Index(fields=["merged_into"], name="conversation_merged", condition=Q(merged_into__isnull=False)),
            # Read by the sweep that wakes the snoozed.
            models.Index(fields=["snoozed_until"], name="snoozed_to_wake", condition=Q(status="snoozed")),
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class Message(models.Model):
    """One entry of the timeline: a text, an e-mail, a call, a note or an activity. An outgoing one is the outbox too.

    `due_at` not null: omega itself sends it. `position` is the order in which messages of one client leave.
    """

    class Channel(models.TextChoices):
        SMS = "sms"
        EMAIL = "email"
        VOICE = "voice"
        NOTE = "note"
        ACTIVITY = "activity"

    class Direction(models.TextChoices):
        INBOUND = "inbound"
        OUTBOUND = "outbound"
        INTERNAL = "internal"

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        QUEUED = "queued"
        SENDING = "sending"
        UNKNOWN = "unknown"
        SENT = "sent"
        DELIVERED = "delivered"
        READ = "read"
        FAILED = "failed"
        UNDELIVERED = "undelivered"
        BLOCKED = "blocked"
        CANCELED = "canceled"
        RECEIVED = "received"

    class Priority(models.IntegerChoices):
        HIGH = 0
        NORMAL = 1
        BULK = 2

    business = models.ForeignKey(Business, models.CASCADE, related_name="messages", db_index=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages", db_index=False)
    client = models.ForeignKey(Client, models.CASCADE, related_name="messages", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    direction = models.CharField(max_length=8, choices=Direction.choices)
    status = models.CharField(max_length=11, choices=Status.choices)
    accepted_status = models.CharField(max_length=11, help_text="The status of the first answer: where history begins.")
    request_id = models.CharField(max_length=128)
    request_hash = models.BinaryField(max_length=32, null=True, editable=False)
    body = models.TextField(blank=True)
    subject = models.CharField(max_length=998, blank=True)
    html = models.TextField(blank=True)
    from_address = models.CharField(max_length=254, blank=True)
    to_address = models.CharField(max_length=254, blank=True)
    cc = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    bcc = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    staff = models.ForeignKey(Staff, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    sender = models.ForeignKey(Sender, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    provider = models.CharField(max_length=32, blank=True)
    provider_message_id = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)
    error_retryable = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    attempts_allowed = models.PositiveSmallIntegerField(default=6, db_default=6)
    segments = models.PositiveSmallIntegerField(default=0)
    media_count = models.PositiveSmallIntegerField(default=0)
    is_read = models.BooleanField(default=True, help_text="Read from its first moment; MessageRead: later.")
    read_at = models.DateTimeField(null=True, blank=True)
    call = models.JSONField(null=True, blank=True, help_text="What a call came to: kept by voice.")
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    position = models.BigIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    hold_until = models.DateTimeField(null=True, blank=True, help_text="Until when a waiting one holds the next back.")
    scheduled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    decision = models.JSONField(default=dict, blank=True, help_text="Why it was accepted as it was.")
    traceparent = models.CharField(  # noqa: DJ001  nearly all rows have none: a null takes no room
        max_length=55, null=True, blank=True, editable=False, help_text="The trace of the request that it came from."
    )
    metadata = models.JSONField(default=dict, blank=True)
    # A tsvector holds a megabyte at most; what a person searches stands in the first hundred thousand characters.
    search = models.GeneratedField(
        expression=SearchVector(
            Left(Concat("subject", Value(" "), "body", output_field=models.TextField()), 100_000), config=Value("omega")
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            # Idempotency: the same request_id in a business is one message (api.md, 4). Read by request-id look-ups,
            # in one business and across all: hence the request_id stands first.
            models.UniqueConstraint(fields=["request_id", "business"], name="message_once_by_request"),
            # Recording the same provider's message twice is one message; read by status reports without our id.
            models.UniqueConstraint(
                fields=["provider_message_id", "business", "provider"],
                name="message_provider_id_once",
                condition=Q(provider_message_id__isnull=False),
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["sms", "email", "voice", "note", "activity"]), name="message_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(direction="inbound", status="received")
                | Q(direction="internal", status="received")
                | Q(direction="outbound")
                & Q(
                    status__in=[
                        *("scheduled", "queued", "sending", "unknown", "sent", "delivered", "read"),
                        *("failed", "undelivered", "blocked", "canceled"),
                    ]
                ),
                name="message_status_fits_direction",
            ),
            models.CheckConstraint(
                condition=~Q(status="sending", due_at__isnull=False) | Q(lease_until__isnull=False),
                name="message_sending_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(channel__in=["note", "activity"]) | Q(direction="internal"),
                name="message_note_stays_inside",
            ),
        ]
        indexes = [
            # Read by the timeline. What it can be filtered by is in the index itself: a filter that leaves a few of
            # a long conversation's messages looks at no other one.
            models.Index(
                fields=["conversation", "-created_at", "-id"],
                name="timeline_by_time",
                include=["channel", "direction", "status", "media_count", "is_read"],
            ),
            # Read by the claim: each sender's due ones, by priority.
            models.Index(
                fields=["sender", "priority", "due_at", "position"],
                name="outbox",
                condition=Q(status="queued", due_at__isnull=False),
            ),
            # Read by the claim: is an earlier message of this client still on its way?
            models.Index(
                fields=["conversation", "channel", "position"],
                name="outbox_order",
                condition=Q(status__in=["queued", "sending", "unknown"], due_at__isnull=False),
            ),
            # Read by the sweep: scheduled ones that fall due.
            models.Index(fields=["due_at", "id"], name="outbox_scheduled", condition=Q(status="scheduled")),
            # Read by the sweep: expired leases, and outcomes that nobody knows.
            models.Index(
                fields=["lease_until"],
                name="outbox_leases",
                condition=Q(status__in=["sending", "unknown"], due_at__isnull=False),
            ),
            # Read by the reconciler: handed over, and no delivery receipt heard of in time.
            models.Index(
                fields=["lease_until"],
                name="receipts_awaited",
                condition=Q(status="sent", due_at__isnull=False, lease_until__isnull=False),
            ),
            # Read by retry and by the board of failed messages.
            models.Index(
                fields=["business", "-id"],
                name="message_failed",
                condition=Q(status__in=["failed", "undelivered", "blocked", "unknown"]),
            ),
            # Read by the search in one conversation and by `q` of the inbox.
            GinIndex(fields=["search"], name="message_search"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class MessageRead(models.Model):
    """That a client's message was read, and when: a row beside it, since a message stands in many indexes.

    Marking fifty thousand messages read writes fifty thousand narrow rows and no message again.
    """

    message = models.OneToOneField(
        Message, models.CASCADE, primary_key=True, related_name="reading", db_constraint=False
    )
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"message {self.message_id} was read"


class MessageEvent(models.Model):
    """One change of a message's status: the history that api.md shows. Never changed."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="events")
    from_status = models.CharField(max_length=11)
    status = models.CharField(max_length=11)
    source = models.CharField(max_length=32, help_text="Who said so: dispatch, twilio, api, sweep, staff …")
    detail = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.status}"


class Attachment(models.Model):
    """A picture or file of a message. `source_url` is where it came from, `file` our copy."""

    class Status(models.TextChoices):
        LINKED = "linked"
        PENDING = "pending"
        STORED = "stored"
        FAILED = "failed"

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    status = models.CharField(max_length=8, choices=Status.choices)
    source_url = models.CharField(max_length=2048, blank=True)
    file = models.FileField(upload_to="attachments/%Y/%m/%d", max_length=255, blank=True)
    content_type = models.CharField(max_length=255, blank=True)
    size = models.PositiveBigIntegerField(null=True, blank=True)
    name = models.CharField(max_length=255, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            # Read by the sweep: media still to be fetched.
            models.Index(fields=["next_attempt_at"], name="media_to_fetch", condition=Q(status="pending")),
        ]

    def __str__(self) -> str:
        return self.name or self.source_url


class Notification(models.Model):
    """Something that a staff member is told: shown in the admin, sent by e-mail where they want that."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False)
    staff = models.ForeignKey(Staff, models.CASCADE, related_name="notifications")
    conversation = models.ForeignKey(Conversation, models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=32)
    text = models.CharField(max_length=512)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)
    email_due = models.BooleanField(default=False)
    emailed_at = models.DateTimeField(null=True, blank=True)
    email_attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        # Read by the job that sends the e-mails.
        indexes = [models.Index(fields=["id"], name="notification_to_email", condition=Q(email_due=True))]

    def __str__(self) -> str:
        return self.text


class Assignment(models.Model):
    """One change of a conversation's owner. Never changed."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="assignments")
    previous = models.ForeignKey(Staff, models.SET_NULL, null=True, blank=True, related_name="+")
    staff = models.ForeignKey(Staff, models.SET_NULL, null=True, blank=True, related_name="+")
    actor = models.ForeignKey(Staff, models.SET_NULL, null=True, blank=True, related_name="+")
    forced = models.BooleanField(default=False)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"assignment {self.pk}"


class ClientMerge(models.Model):
    """Two clients made one: what was moved and what was so before, so that it can be undone.

    `before` and `after` hold what the merge changed on both clients and on both conversations.
    """

    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False)
    kept = models.ForeignKey(Client, models.CASCADE, related_name="merges")
    merged = models.ForeignKey(Client, models.CASCADE, related_name="+", db_index=False)
    actor = models.ForeignKey(Staff, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    message_ids = ArrayField(models.BigIntegerField(), default=list)
    entry_ids = models.JSONField(default=dict, help_text="By table: what of the thread moved besides the messages.")
    address_ids = ArrayField(models.BigIntegerField(), default=list)
    at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(Staff, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A client is merged into one other at most. Read by whoever meets a merged client.
            models.UniqueConstraint(fields=["merged"], name="client_merged_once", condition=Q(undone_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"merge {self.pk}"


class Change(models.Model):
    """One line of the feed of changes: which thing of a business changed. Written by triggers (migration 0010).

    `position` is null until the line has its place in the business's feed: see services/changes.py.
    """

    class Kind(models.TextChoices):
        MESSAGE_CREATED = "message.created"
        MESSAGE_UPDATED = "message.updated"
        CONVERSATION_UPDATED = "conversation.updated"
        ASSIGNMENT_CREATED = "assignment.created"
        CALL_UPDATED = "call.updated"

    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    kind = models.CharField(max_length=24, choices=Kind.choices)
    subject_id = models.BigIntegerField()
    at = models.DateTimeField()
    position = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            # Read by the feed, in its order.
            models.UniqueConstraint(
                fields=["business", "position"], name="change_position_once", condition=Q(position__isnull=False)
            ),
        ]
        # Read by who gives the places.
        indexes = [models.Index(fields=["business", "id"], name="change_placeless", condition=Q(position__isnull=True))]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class ChangeFeed(models.Model):
    """How far the places in a business's feed of changes are given: its lock, and its counter."""

    business = models.OneToOneField(Business, models.CASCADE, primary_key=True, related_name="+")
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"feed of business {self.business_id}"


class Seen(models.Model):
    """How far one log-in has read a conversation, beside the conversation's own count of unread messages.

    `at` and `message_id` are the place of the last entry that was seen. Who never opened it has no row.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    message_id = models.BigIntegerField()

    class Meta:
        verbose_name = "seen mark"
        constraints = [
            # Read by the inbox: which of a page's conversations are new to the one who looks.
            models.UniqueConstraint(fields=["user", "conversation"], name="seen_once"),
        ]

    def __str__(self) -> str:
        return f"conversation {self.conversation_id} was seen"


class SavedView(models.Model):
    """One log-in's own way to look at a business's inbox: a name for a folder and its filters."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    business = models.ForeignKey(Business, models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True, help_text="The inbox's own query string.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # Read by the inbox: the views of who looks, by name.
            models.UniqueConstraint(fields=["user", "business", "name"], name="saved_view_once"),
        ]

    def __str__(self) -> str:
        return self.name
