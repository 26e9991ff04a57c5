"""Who may log in to the admin: Django's own users and groups, their roles, authenticators, and who was shut out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin.filters import BusinessFilter
from accounts.models import AdminRole, AuditEntry, Authenticator, LoginTries, Preference, RecoveryCode, Unmasking
from accounts.services import guarding, two_factor
from omega_project.lib.admin import AuditedAdmin, OmegaAdmin, PostAction, ReadOnlyAdmin, moment, tell

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(AuditedAdmin, DjangoUserAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):
    pass


class RoleForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_support = cleaned.get("role") == AdminRole.Role.SUPPORT
        if is_support and (cleaned.get("business") or cleaned.get("staff")):
            self.add_error("business", _("Support sees every business: leave business and staff empty."))
        if cleaned.get("role") and not is_support and not cleaned.get("business"):
            self.add_error("business", _("Choose the one business that this person sees."))
        if cleaned.get("staff") and cleaned.get("business") and cleaned["staff"].business_id != cleaned["business"].pk:
            self.add_error(
                "staff", _("This belongs to another business than {business}.").format(business=cleaned["business"])
            )
        return cleaned


@admin.register(AdminRole)
class AdminRoleAdmin(OmegaAdmin):
    form = RoleForm
    is_removable = True
    list_display = ("user", "shown_role", "business", "staff")
    list_filter = (BusinessFilter, "role")
    list_select_related = ("user", "business", "staff")
    search_fields = ("user__username",)  # a small table: one row for each person who logs in
    autocomplete_fields = ("user", "business", "staff")
    readonly_fields = ("created_at", "updated_at")
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {
                "fields": (("user", "role"), ("business", "staff"), ("created_at", "updated_at")),
                "description": "The login itself needs the status of staff, and none of a superuser.",
            },
        ),
    )

    @display(description="role", label={"support": "info", "owner": "success", "manager": "warning"})
    def shown_role(self, obj: AdminRole) -> tuple[str, str]:
        return obj.role, obj.get_role_display()


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Who has a second factor; its secret is never shown. Somebody who lost everything begins anew."""

    list_display = ("user", "confirmed", "shown_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "confirmed", "created_at")
    ordering = ("-id",)
    post_actions = (
        PostAction(
            "reset", "Reset two-factor log-in", "phonelink_erase", "danger",
            "The next log-in sets it up anew with the password alone. Are you sure who asks you for this?",
        ),
    )  # fmt: skip

    def reset(self, request: HttpRequest, obj: Authenticator) -> Any:
        """Turn the second factor off for the person, who sets it up anew."""
        self.log_change(request, obj, "Reset.")
        two_factor.turn_off(obj.user_id)
        tell(request, [_("The authenticator and the recovery codes are gone.")])
        return self._response_post_save(request, obj)

    @display(description="since")
    def shown_at(self, obj: Authenticator) -> str:
        return moment(obj.created_at)


@admin.register(RecoveryCode)
class RecoveryCodeAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "user", "created_at", "used_at")
    list_select_related = ("user",)
    ordering = ("-id",)
    sortable_by = ()


@admin.register(LoginTries)
class LoginTriesAdmin(ReadOnlyAdmin):
    """Guesses of the last day. Removing a row's count lets the person or the address try again at once."""

    list_display = ("__str__", "kind", "tries", "shown_since", "shown_state")
    list_filter = ("kind",)
    search_fields = ("name", "address")
    ordering = ("-since",)
    post_actions = (PostAction("unlock", "Let them try again", "lock_open", "primary"),)

    def unlock(self, request: HttpRequest, obj: LoginTries) -> Any:
        """Forget the tries of this row's name and address."""
        self.log_change(request, obj, "Unlocked.")
        guarding.unlock(name=obj.name, address=obj.address)
        tell(request, [_("{obj} may try again.").format(obj=obj)])
        return self._response_post_save(request, obj)

    @display(description="since")
    def shown_since(self, obj: LoginTries) -> str:
        return moment(obj.since)

    @display(description="state", label={"locked": "danger", "open": "success"})
    def shown_state(self, obj: LoginTries) -> str:
        return "locked" if guarding.is_locked(obj) else "open"


@admin.register(Preference)
class PreferenceAdmin(ReadOnlyAdmin):
    """How each person has the admin; they choose it themselves."""

    list_display = ("user", "language", "timezone", "tour_seen_at")
    list_select_related = ("user",)
    ordering = ("pk",)
    sortable_by = ()


@admin.register(Unmasking)
class UnmaskingAdmin(ReadOnlyAdmin):
    """Who of support saw whose data, why and until when."""

    list_display = ("user", "business", "shown_client", "reason", "shown_at", "shown_until")
    list_select_related = ("user", "business")
    list_filter = (BusinessFilter,)
    ordering = ("-id",)
    sortable_by = ()
    list_fullwidth = True

    @display(description="client")
    def shown_client(self, obj: Unmasking) -> str:
        return f"#{obj.client_id}" if obj.client_id else "everybody"

    @display(description="since")
    def shown_at(self, obj: Unmasking) -> str:
        return moment(obj.created_at)

    @display(description="until")
    def shown_until(self, obj: Unmasking) -> str:
        return moment(obj.expires_at)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what, when and from where. PostgreSQL itself refuses to change or remove an entry."""

    of_business = "business_id"
    list_display = ("action", "shown_actor", "shown_object", "business_id", "status", "shown_at", "address", "reason")
    list_filter = ("actor_kind",)
    search_fields = ("=object_id", "=request_id", "=actor_name")
    search_help_text = "An object's id, a request's id or a login's name, exactly"
    ordering = ("-id",)
    sortable_by = ()
    list_fullwidth = True

    @display(description="who")
    def shown_actor(self, obj: AuditEntry) -> str:
        return f"{obj.actor_kind} {obj.actor_name or obj.actor_id or ''}".strip()

    @display(description="what")
    def shown_object(self, obj: AuditEntry) -> str:
        return f"{obj.object_kind} {obj.object_id}".strip() or "-"

    @display(description="when")
    def shown_at(self, obj: AuditEntry) -> str:
        return moment(obj.at)
