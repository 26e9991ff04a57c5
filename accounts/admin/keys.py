"""API keys in the admin: made by the service, shown once, revoked and never removed; and the tokens that they made."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from unfold.decorators import display

from accounts.admin.filters import BusinessFilter
from accounts.models import AccessToken, ApiKey
from accounts.services.credentials import create_api_key, expire_tokens, find_api_key, revoke_api_key
from omega_project.lib.admin import OmegaAdmin, PostAction, ReadOnlyAdmin, moment, tell


class ApiKeyForm(ModelForm):
    def clean_expires_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["expires_at"]
        if at is not None and at <= timezone.now():
            raise ValidationError(_("This must be a time in the future."))
        return at


@admin.register(ApiKey)
class ApiKeyAdmin(OmegaAdmin):
    empty_text = "A host platform calls omega with a key. Add one: it is shown once."
    form = ApiKeyForm
    list_display = ("name", "shown_prefix", "shown_scope", "shown_state", "created", "expires_at")
    list_filter = (BusinessFilter,)
    list_select_related = ("business",)
    search_fields = ("name", "prefix")
    autocomplete_fields = ("business",)
    ordering = ("-id",)
    opens_people = ("add",)
    add_fieldsets = (
        (
            None,
            {
                "fields": ("name", "business", "expires_at"),
                "description": "The key itself is shown once, right after this. Without a business it opens every one.",
            },
        ),
    )
    fieldsets = (
        (None, {"fields": (("name", "shown_prefix"), "business", ("created_at", "expires_at", "revoked_at"))}),
    )
    post_actions = (
        PostAction("revoke", "Revoke", "key_off", "danger", "Whoever uses this key is shut out at once. Revoke it?"),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("shown_prefix", "business", "created_at", "expires_at", "revoked_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        key = create_api_key(name=obj.name, business_id=obj.business_id, expires_at=obj.expires_at)
        found = find_api_key(key)
        obj.pk, obj.prefix = found["id"] if found else None, key[:14]
        sentence = 'Copy the key now, it is never shown again: <code class="om-key">{}</code>'
        messages.warning(request, format_html(sentence, key))

    def changed_columns(self, obj: Any, form: "ModelForm[Any]") -> list[str]:
        return ["name"]

    def post_actions_for(self, obj: Any) -> tuple[PostAction, ...]:
        return () if obj.revoked_at else self.post_actions

    def revoke(self, request: HttpRequest, obj: ApiKey) -> None:
        revoke_api_key(key=obj)
        self.log_change(request, obj, "Revoked.")
        tell(request, [_("{obj} is revoked: its next request is refused.").format(obj=obj)])

    @display(description="begins with")
    def shown_prefix(self, obj: ApiKey) -> str:
        return f"{obj.prefix}…"

    @display(description="opens", ordering="business")
    def shown_scope(self, obj: ApiKey) -> str:
        return obj.business.name if obj.business else "every business (platform)"

    @display(description="state", label={"alive": "success", "revoked": "danger", "expired": "warning"})
    def shown_state(self, obj: ApiKey) -> str:
        if obj.revoked_at:
            return "revoked"
        return "expired" if obj.expires_at and obj.expires_at <= timezone.now() else "alive"

    @display(description="made", ordering="created_at")
    def created(self, obj: ApiKey) -> str:
        return moment(obj.created_at)


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    list_display = ("shown_id", "staff", "business", "api_key", "created", "expires_at", "revoked_at")
    list_select_related = ("staff", "business", "api_key")
    ordering = ("-id",)
    sortable_by = ()
    post_actions = (PostAction("end", "End this token", "logout", "danger"),)

    def post_actions_for(self, obj: Any) -> tuple[PostAction, ...]:
        return () if obj.revoked_at or obj.expires_at <= timezone.now() else self.post_actions

    def end(self, request: HttpRequest, obj: AccessToken) -> None:
        expire_tokens(token_id=obj.pk, everywhere=False)
        self.log_change(request, obj, "Ended.")
        tell(request, [_("{obj} is dead from now on.").format(obj=obj)])

    @display(description="token")
    def shown_id(self, obj: AccessToken) -> str:
        return f"#{obj.pk}"

    @display(description="made")
    def created(self, obj: AccessToken) -> str:
        return moment(obj.created_at)
