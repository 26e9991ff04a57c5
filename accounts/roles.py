"""What each role of the admin may do, as a table; and which businesses a person reaches."""

from typing import Any

from django.apps import apps
from django.contrib.auth.backends import BaseBackend

from accounts.models import AdminRole
from omega_project.lib import reach
from omega_project.lib.reach import EVERYTHING, NOTHING, SUPPORT, Reach

_OURS = ("accounts", "conversations", "messaging", "voice", "onboarding")
# Logins and their roles are a superuser's: support could make itself one.
EVERY = "accounts.every_business"
_NEVER = {"adminrole", "authenticator", "recoverycode"}

AGENT = frozenset({
    "accounts.view_business", "accounts.view_location", "accounts.view_staff",
    "accounts.view_client", "accounts.add_client", "accounts.change_client",
    "conversations.view_conversation", "conversations.change_conversation", "conversations.view_message",
    "messaging.view_template", "messaging.view_consent", "messaging.view_consentchange",
})  # fmt: skip
MANAGER = AGENT | {
    "accounts.view_sender", "accounts.add_location", "accounts.change_location",
    "accounts.add_staff", "accounts.change_staff", "conversations.change_message",
    "messaging.add_template", "messaging.change_template", "messaging.delete_template",
    "messaging.view_hearing", "messaging.view_reportday",
    "voice.view_call", "voice.view_recording", "voice.view_voicesettings", "voice.change_voicesettings",
}  # fmt: skip
OWNER = MANAGER | {
    "accounts.change_business",
    "accounts.delete_client",  # to erase one
    "accounts.view_auditentry",
    "accounts.view_unmasking",
    "voice.add_voicesettings",
}
OF_ROLE = {AdminRole.Role.AGENT: AGENT, AdminRole.Role.MANAGER: MANAGER, AdminRole.Role.OWNER: OWNER}


def _of_support() -> frozenset[str]:
    models = [model._meta for model in apps.get_models() if model._meta.app_label in _OURS]
    named = [meta for meta in models if meta.model_name not in _NEVER]
    verbs = ("view", "add", "change", "delete")
    found = {f"{meta.app_label}.{verb}_{meta.model_name}" for meta in named for verb in verbs}
    return frozenset(found | {"django_rq.view_dashboard", EVERY})


def role_of(user: Any) -> AdminRole | None:
    """The role of a person, read once for each request."""
    if not hasattr(user, "_omega_role"):
        with reach.everything():  # it is the role that says how far they reach
            user._omega_role = AdminRole.objects.filter(user_id=user.pk).first() if user.is_authenticated else None
    found: AdminRole | None = user._omega_role
    return found


def reach_of_user(user: Any) -> Reach:
    """Every business for superusers, and masked for support and `every_business`; one's own for a role; else none."""
    if not user.is_active or not user.is_staff:
        return NOTHING
    if user.is_superuser:
        return EVERYTHING
    role = role_of(user)
    if role is None or role.business_id is None:
        return SUPPORT if user.has_perm(EVERY) else NOTHING
    return Reach(business_id=role.business_id, staff_id=role.staff_id)


class RoleBackend(BaseBackend):
    """Gives a role's permissions beside those of Django's users and groups."""

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous:
            return set()
        role = role_of(user_obj)
        if role is None:
            return set()
        return set(_of_support() if role.role == AdminRole.Role.SUPPORT else OF_ROLE[AdminRole.Role(role.role)])

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return perm in self.get_user_permissions(user_obj, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Whether the admin shows the app to this person."""
        return any(perm.partition(".")[0] == app_label for perm in self.get_user_permissions(user_obj))
