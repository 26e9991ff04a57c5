"""Who may log in to the admin: guessing counted, the second factor, roles; and the trail that nobody edits.

Part of `accounts.models`, which brings these in; a file of their own, since none of them is read by the API.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django_otp.models import Device

from accounts.querysets import TenantQuerySet


class LoginTries(models.Model):
    """Log-ins that were tried, by user name and address, by name alone and by address alone, since a moment.

    A try is counted before the password is looked at and given back where it was right, so that many at once
    count as many. Written by services/guarding.py alone.
    """

    class Kind(models.TextChoices):
        PAIR = "pair", "name and address"
        NAME = "name"
        ADDRESS = "address"

    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=150, blank=True)
    address = models.CharField(max_length=45, blank=True)
    tries = models.PositiveIntegerField()
    since = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = "login tries"
        constraints = [
            # Read by every log-in.
            models.UniqueConstraint(fields=["kind", "name", "address"], name="login_tries_once"),
        ]

    def __str__(self) -> str:
        return " from ".join(part for part in (self.name, self.address) if part)


class Authenticator(Device):
    """A person's authenticator app (TOTP, RFC 6238). `secret` is sealed (omega_project/lib/sealing.py)."""

    secret = models.BinaryField(editable=False)
    last_step = models.BigIntegerField(
        default=-1, editable=False, help_text="The time step of the last code: a code counts once."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Read by every page of the admin: is a code asked of this person?
            models.UniqueConstraint(fields=["user", "confirmed"], name="authenticator_once"),
        ]

    def __str__(self) -> str:
        return f"authenticator of {self.user_id}"


class RecoveryCode(models.Model):
    """One of the codes that stand in for a lost authenticator: 80 random bits, stored hashed, good once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recovery_codes")
    code_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class AdminRole(models.Model):
    """What a log-in may see and do in the admin: support sees every business, the others their own and no more.

    A superuser needs none. Who is neither, nor has the permission `every_business`, sees no business's rows at all,
    whatever other permissions there are.
    """

    class Role(models.TextChoices):
        SUPPORT = "support", "Support (every business)"
        OWNER = "owner", "Owner"
        MANAGER = "manager", "Manager"
        AGENT = "agent", "Agent"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="admin_role")
    role = models.CharField(max_length=16, choices=Role)
    business = models.ForeignKey("accounts.Business", models.CASCADE, null=True, blank=True, related_name="+")
    staff = models.ForeignKey(
        "accounts.Staff", models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Who this person is among the staff: what is written in the admin is theirs.",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        # For logins whose permissions are Django's own, such as those who may look at everything and change nothing.
        permissions = [("every_business", "Reach every business")]
        constraints = [
            models.CheckConstraint(
                condition=Q(role="support", business__isnull=True, staff__isnull=True)
                | Q(role__in=["owner", "manager", "agent"], business__isnull=False),
                name="admin_role_of_one_business",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.user_id}"


class Preference(models.Model):
    """How a person has the admin: language, zone (empty: as their browser), and whether they saw the demo's tour."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    language = models.CharField(max_length=8, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    tour_seen_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"preference of {self.user_id}"


class Unmasking(models.Model):
    """For how long a person of support sees the people of one business, or one client, as they are, and why."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    business = models.ForeignKey("accounts.Business", models.CASCADE, related_name="+", db_index=False)
    client = models.ForeignKey(
        "accounts.Client", models.CASCADE, null=True, blank=True, related_name="+", db_index=False,
        help_text="Empty: everybody of the business.",
    )  # fmt: skip
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        # Read by every page of a person of support: what is open to them now?
        indexes = [models.Index(fields=["user", "expires_at"], name="unmasking_open")]

    def __str__(self) -> str:
        return f"unmasking {self.pk} by {self.user_id}"


class AuditEntry(models.Model):
    """One change by the admin or the API: who, what, to what, when and from where; names of fields, never values.

    PostgreSQL refuses to change or remove a row (migration 0008). No foreign keys: an entry outlives what it names.
    """

    at = models.DateTimeField(db_default=models.functions.Now(), editable=False)
    actor_kind = models.CharField(max_length=8, help_text="key, token, login, command, or nobody.")
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150, blank=True, help_text="The login's name; empty for keys and tokens.")
    staff_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=128)
    object_kind = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    business_id = models.BigIntegerField(null=True)
    fields = models.JSONField(default=list, help_text="The names of what was given or changed.")
    status = models.PositiveSmallIntegerField(help_text="The HTTP status of the answer; 0 for a command.")
    request_id = models.CharField(max_length=128, blank=True)
    address = models.CharField(max_length=45, blank=True)
    reason = models.CharField(max_length=500, blank=True, db_default="", default="", help_text="Why, in their words.")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # Read by the admin's list of one business.
            models.Index(fields=["business_id", "-id"], name="audit_by_business"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_kind} {self.actor_name or self.actor_id or ''}".strip()
