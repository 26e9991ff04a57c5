"""Who: columns, constraints and properties without a query."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from accounts.logins import AdminRole, AuditEntry, Authenticator, LoginTries, Preference, RecoveryCode, Unmasking
from accounts.querysets import ApiKeyQuerySet, ClientQuerySet, TenantQuerySet

__all__ = [
    "AccessToken", "AdminRole", "ApiKey", "AuditEntry", "Authenticator", "Business", "Channel", "Client",
    "ClientAddress", "ConsentState", "Location", "LoginTries", "Preference", "ProviderAccount", "RecoveryCode",
    "Sender", "Staff", "Unmasking",
]  # fmt: skip


class Channel(models.TextChoices):
    """The channels a client can be reached on."""

    SMS = "sms"
    EMAIL = "email"
    VOICE = "voice"


class ConsentState(models.TextChoices):
    OPTED_IN = "opted_in", "Opted in"
    OPTED_OUT = "opted_out", "Opted out"
    UNKNOWN = "unknown", "Unknown"


class Business(models.Model):
    """A studio, spa or clinic: the tenant that every other row belongs to."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    external_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    name = models.CharField(max_length=255)
    timezone = models.CharField(max_length=64, default="UTC")
    country = models.CharField(max_length=2, default="US", help_text="ISO 3166 code: how national numbers are read.")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    quiet_from = models.TimeField(default="21:00", help_text="Bulk messages wait from this local time of the client.")
    quiet_until = models.TimeField(default="08:00", help_text="… until this one. The same time twice: no quiet hours.")
    settings = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "businesses"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=["active", "suspended"]), name="business_status_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Location(models.Model):
    """One address of a business."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="locations")
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    name = models.CharField(max_length=255)
    address = models.CharField(max_length=512, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    hours = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text='When calls ring, such as {"mon": [["09:00", "17:00"]], "closed_on": ["2026-12-25"]}. Empty: always.',
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # Read by the sync: a row of the host platform is one row here.
            models.UniqueConstraint(fields=["business", "external_id"], name="location_external_id_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Staff(models.Model):
    """Somebody who reads and answers."""

    class Role(models.TextChoices):
        OWNER = "owner"
        MANAGER = "manager"
        AGENT = "agent"

    class Availability(models.TextChoices):
        AVAILABLE = "available"
        AWAY = "away"
        OFFLINE = "offline"

    business = models.ForeignKey(Business, models.CASCADE, related_name="staff")
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    name = models.CharField(max_length=255)
    email = models.CharField(max_length=254, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.AGENT)
    availability = models.CharField(max_length=16, choices=Availability.choices, default=Availability.AVAILABLE)
    locations = models.ManyToManyField(Location, blank=True, related_name="staff")
    notify_by_email = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "staff"
        constraints = [
            # Read by the sync: a row of the host platform is one row here.
            models.UniqueConstraint(fields=["business", "external_id"], name="staff_external_id_once"),
            models.CheckConstraint(condition=Q(role__in=["owner", "manager", "agent"]), name="staff_role_known"),
            models.CheckConstraint(
                condition=Q(availability__in=["available", "away", "offline"]), name="staff_availability_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


# Not by the id alone: in a database with one large business its newest rows are looked for among everybody's by the
# primary key.
_NEWEST = ("-created_at", "-id")


class Client(models.Model):
    """A person whom a business serves. Two clients of a business may share a phone.

    The consent columns copy the state of the client's present addresses (messaging's consent ledger is the truth)
    for lists and filters; messaging keeps them.
    """

    business = models.ForeignKey(Business, models.CASCADE, related_name="clients")
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    first_name = models.CharField(max_length=255, blank=True)
    last_name = models.CharField(max_length=255, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    email = models.CharField(max_length=254, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    locale = models.CharField(max_length=16, blank=True)
    home_location = models.ForeignKey(Location, models.SET_NULL, null=True, blank=True, related_name="+")
    tags = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    is_blocked = models.BooleanField(default=False)
    consent_sms = models.CharField(max_length=16, choices=ConsentState, default=ConsentState.UNKNOWN)
    consent_email = models.CharField(max_length=16, choices=ConsentState, default=ConsentState.UNKNOWN)
    consent_voice = models.CharField(max_length=16, choices=ConsentState, default=ConsentState.UNKNOWN)
    has_conversation = models.BooleanField(default=False, db_default=False, help_text="Kept by conversations.")
    erased_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When their data was erased.")
    merged_into = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="The client that this one was merged into: lists and look-ups leave it out.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ClientQuerySet.as_manager()

    class Meta:
        constraints = [
            # Read by the sync: a row of the host platform is one row here.
            models.UniqueConstraint(fields=["business", "external_id"], name="client_external_id_once"),
        ]
        indexes = [
            # Read by every text that comes in or goes out: who has this phone?
            models.Index(fields=["business", "phone"], name="client_by_phone", condition=~Q(phone="")),
            models.Index(fields=["business", "email"], name="client_by_email", condition=~Q(email="")),
            # Read by the clients' list.
            models.Index(fields=["business", *_NEWEST], name="client_list"),
            # Read by the list of those with, and of those without a conversation.
            models.Index(fields=["business", "has_conversation", *_NEWEST], name="client_list_conversation"),
            # Read by the list filtered by home location, by consent, and by tag.
            models.Index(fields=["business", "home_location", *_NEWEST], name="client_list_location"),
            models.Index(fields=["business", "consent_sms", *_NEWEST], name="client_list_consent_sms"),
            models.Index(fields=["business", "consent_email", *_NEWEST], name="client_list_consent_email"),
            models.Index(fields=["business", "consent_voice", *_NEWEST], name="client_list_consent_voice"),
            GinIndex(fields=["tags"], name="client_tags"),
            # Read by the sweep that carries stragglers to the client who was kept.
            models.Index(fields=["merged_into"], name="client_merged", condition=Q(merged_into__isnull=False)),
            # Read by `q` of the lists and by the admin's search: any part of a name, phone or e-mail.
            GinIndex(
                OpClass(Upper("first_name"), name="gin_trgm_ops"),
                OpClass(Upper("last_name"), name="gin_trgm_ops"),
                OpClass(Upper("phone"), name="gin_trgm_ops"),
                OpClass(Upper("email"), name="gin_trgm_ops"),
                name="client_search",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.phone or self.email or f"client {self.pk}"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class ClientAddress(models.Model):
    """One more address of a client, beside the phone and e-mail on its own row: what a merge left it with.

    What comes in from it is this client's, where no client has it on the row itself.
    """

    class Kind(models.TextChoices):
        PHONE = "phone"
        EMAIL = "email"

    business = models.ForeignKey(Business, models.CASCADE, related_name="+", db_index=False)
    client = models.ForeignKey(Client, models.CASCADE, related_name="other_addresses")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    address = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "client addresses"
        constraints = [
            # Read by what comes in from an address that is on no client's own row.
            models.UniqueConstraint(fields=["business", "kind", "address", "client"], name="client_address_once"),
            models.CheckConstraint(condition=Q(kind__in=["phone", "email"]), name="client_address_kind_known"),
        ]

    def __str__(self) -> str:
        return self.address


class Sender(models.Model):
    """An address that a business sends from and is written to."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="senders")
    channel = models.CharField(max_length=8, choices=Channel)
    address = models.CharField(max_length=254)
    provider = models.CharField(max_length=32)
    location = models.ForeignKey(Location, models.SET_NULL, null=True, blank=True, related_name="senders")
    is_default = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    messages_per_second = models.DecimalField(
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="1 for a US long code, 3 toll-free, 100 short code; empty: no limit of its own.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # Read by what comes in: an address that can be written to belongs to one business.
            models.UniqueConstraint(
                fields=["channel", "address"],
                name="sender_address_once",
                condition=Q(address__regex=r"^\+?[0-9]+$") | Q(address__contains="@"),
            ),
            models.UniqueConstraint(fields=["business", "channel", "address"], name="sender_once_in_business"),
            models.UniqueConstraint(
                fields=["business", "channel"], name="sender_one_default", condition=Q(is_default=True)
            ),
            models.CheckConstraint(condition=Q(channel__in=["sms", "email", "voice"]), name="sender_channel_known"),
            models.CheckConstraint(
                condition=Q(messages_per_second__isnull=True) | Q(messages_per_second__gt=0),
                name="sender_rate_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.address


class ProviderAccount(models.Model):
    """A business's own account at a provider, such as a Twilio subaccount. Without one the platform's own is used.

    `secrets` is a JSON object, sealed (omega_project/lib/sealing.py): auth_token, api_key_sid, api_key_secret,
    twiml_app_sid for Twilio; api_key, webhook_public_key for SendGrid; and what another provider's back end asks for.
    """

    business = models.ForeignKey(Business, models.CASCADE, related_name="provider_accounts")
    provider = models.CharField(max_length=32)
    account_id = models.CharField(max_length=128, blank=True, help_text="The provider's own name for it: AC… at Twilio")
    secrets = models.BinaryField(editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # Read by every send of the business (kept for some seconds in a worker).
            models.UniqueConstraint(fields=["business", "provider"], name="provider_account_once"),
            # Read by webhooks, which name the account that they come from.
            models.UniqueConstraint(
                fields=["provider", "account_id"], name="provider_account_id_once", condition=~Q(account_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.account_id}".strip()


class ApiKey(models.Model):
    """A caller's key: stored hashed, shown once. Without a business it is a platform key and opens every one."""

    business = models.ForeignKey(Business, models.CASCADE, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=255)
    prefix = models.CharField(max_length=16, help_text="The key's first characters, to tell keys apart.")
    key_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AccessToken(models.Model):
    """A token for one business and optionally one staff member, made by an API key: stored hashed, shown once."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="+")
    staff = models.ForeignKey(Staff, models.CASCADE, null=True, blank=True, related_name="tokens")
    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="tokens")
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Read by the tidy job that removes tokens long dead.
        indexes = [models.Index(fields=["expires_at"], name="token_by_expiry")]

    def __str__(self) -> str:
        return f"token {self.pk}"
