"""Webhooks to host platforms in the admin: endpoints, their secret shown once, and deliveries sent again."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin.filters import BusinessFilter
from conversations.admin.records import link
from conversations.models import Change
from messaging.models import WebhookDelivery, WebhookEndpoint
from messaging.services import webhook_endpoints
from omega_project.lib.admin import ExactSearch, OmegaAdmin, PostAction, ReadOnlyAdmin, moment, sentences_of, tell
from omega_project.lib.api.errors import ApiError

TONES = {"pending": "warning", "delivered": "success", "failed": "danger"}
_SHOWN_ONCE = 'Copy the secret now, it is never shown again: <code class="om-key">{}</code>'


class EndpointForm(ModelForm):
    events = forms.MultipleChoiceField(
        choices=Change.Kind.choices, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What is told. None chosen: everything.",
    )  # fmt: skip

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        try:
            webhook_endpoints.require_reachable(url)
        except ApiError as error:
            raise ValidationError(sentences_of(error)) from error
        return url


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OmegaAdmin):
    empty_text = "No host platform is told what changes. Add the address that it listens at."
    form = EndpointForm
    is_removable = True
    list_display = ("url", "business", "shown_events", "shown_state", "shown_failing", "created")
    list_filter = (BusinessFilter,)
    list_select_related = ("business",)
    search_fields = ("url",)
    autocomplete_fields = ("business",)
    ordering = ("-id",)
    sortable_by = ()
    add_fieldsets = (
        (
            None,
            {
                "fields": ("business", "url", "events", "description"),
                "description": "It is told what changes from now on. Its secret is shown once, right after this.",
            },
        ),
    )
    fieldsets = (
        (None, {"fields": (("business", "shown_state"), "url", "events", "description")}),
        ("How it goes", {"fields": (("shown_failing", "disabled_reason"), ("shown_waiting", "shown_deliveries"))}),
    )
    readonly_fields = ("shown_state", "shown_failing", "disabled_reason", "shown_waiting", "shown_deliveries")
    post_actions = (
        PostAction("switch_on", "Switch on", "play_arrow", "primary"),
        PostAction("switch_off", "Switch off", "pause"),
        PostAction("replay_failed", "Replay what failed", "replay"),
        PostAction("rotate", "New secret", "key", "default", "For a day both secrets sign. Make a new one?"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> tuple[str, ...]:
        return ("business", *self.readonly_fields) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        if change:
            given = {name: form.cleaned_data[name] for name in form.changed_data}
            webhook_endpoints.change_endpoint(obj, **given)
            return
        made, secret = webhook_endpoints.add_endpoint(
            business_id=obj.business_id, url=obj.url, events=obj.events, description=obj.description
        )
        obj.pk = made.pk
        messages.warning(request, format_html(_SHOWN_ONCE, secret))

    def post_actions_for(self, obj: Any) -> tuple[PostAction, ...]:
        other = "switch_on" if obj.is_enabled else "switch_off"
        return tuple(one for one in self.post_actions if one.name != other)

    def switch_on(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        webhook_endpoints.change_endpoint(obj, is_enabled=True)
        self.log_change(request, obj, "Switched on.")
        tell(request, [_("It goes on where it stopped.")])

    def switch_off(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        webhook_endpoints.change_endpoint(obj, is_enabled=False)
        self.log_change(request, obj, "Switched off.")
        tell(request, [_("It is told nothing until it is switched on again, and then from here on.")])

    def replay_failed(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        count = webhook_endpoints.replay_deliveries(webhook_endpoints.Replay(obj.pk, status="failed"))
        self.log_change(request, obj, "Replayed what failed.")
        tell(request, [_("{count} to be sent again.").format(count=count) if count else _("Nothing failed for good.")])

    def rotate(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        secret, _ = webhook_endpoints.rotate_secret(obj)
        self.log_change(request, obj, "New secret.")
        messages.warning(request, format_html(_SHOWN_ONCE, secret))

    @display(description="told")
    def shown_events(self, obj: WebhookEndpoint) -> str:
        return ", ".join(obj.events) or "everything"

    @display(description="state", label={"on": "success", "off": "danger"})
    def shown_state(self, obj: WebhookEndpoint) -> str:
        return "on" if obj.is_enabled else "off"

    @display(description="fails since")
    def shown_failing(self, obj: WebhookEndpoint) -> SafeString | str:
        return moment(obj.failing_since)

    @display(description="waiting")
    def shown_waiting(self, obj: WebhookEndpoint) -> str:
        waiting = obj.deliveries.filter(status="pending").order_by("id")[:1001].count()
        return f"{waiting}" if waiting <= 1000 else "more than 1,000"

    @display(description="deliveries")
    def shown_deliveries(self, obj: WebhookEndpoint) -> SafeString:
        return format_html(
            '<a class="om-link" href="/admin/messaging/webhookdelivery/?endpoint__id__exact={}">See them</a>', obj.pk
        )

    @display(description="made")
    def created(self, obj: WebhookEndpoint) -> SafeString | str:
        return moment(obj.created_at)


class DeliveryStateFilter(SimpleListFilter):
    """Only what an index serves."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("failed", "Failed"), ("pending", "Waiting")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(status=self.value()) if self.value() in {"failed", "pending"} else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ExactSearch, ReadOnlyAdmin):
    list_display = ("shown_type", "shown_endpoint", "shown_status", "attempts", "response_status", "shown_at")
    list_filter = (DeliveryStateFilter, BusinessFilter)
    list_select_related = ("endpoint",)
    search_help_text = "A delivery's id"
    ordering = ("-id",)
    sortable_by = ()
    actions = ("replay_selected",)
    post_actions = (PostAction("replay", "Send again", "replay", "primary"),)
    fields = (
        ("type", "webhook_id"), ("shown_endpoint", "business"), ("status", "attempts", "milliseconds"), "error",
        ("response_status", "response"), ("created_at", "attempted_at", "delivered_at"), "shown_payload",
    )  # fmt: skip
    readonly_fields = ("shown_endpoint", "shown_payload")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        match = request.resolver_match
        found = super().get_queryset(request)
        is_list = match and match.url_name == "messaging_webhookdelivery_changelist"
        return found.defer("payload", "response") if is_list else found

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "endpoint__id__exact" or super().lookup_allowed(lookup, value, request)

    def replay(self, request: HttpRequest, obj: WebhookDelivery) -> None:
        webhook_endpoints.replay_delivery(obj)
        self.log_change(request, obj, "Sent again.")
        tell(request, [_("Delivery {id} is sent again.").format(id=obj.pk)])

    @admin.action(description="Send again", permissions=["act"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for one in queryset.order_by("id")[:200]:
            self.replay(request, one)

    @display(description="change")
    def shown_type(self, obj: WebhookDelivery) -> str:
        return f"#{obj.pk} {obj.type}"

    @display(description="endpoint")
    def shown_endpoint(self, obj: WebhookDelivery) -> SafeString | str:
        return link("messaging_webhookendpoint", obj.endpoint_id, obj.endpoint.url)

    @display(description="status", label=TONES)
    def shown_status(self, obj: WebhookDelivery) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="made")
    def shown_at(self, obj: WebhookDelivery) -> SafeString | str:
        return moment(obj.created_at)

    @display(description="what is sent")
    def shown_payload(self, obj: WebhookDelivery) -> SafeString:
        try:
            text = json.dumps(json.loads(obj.payload), indent=2, ensure_ascii=False)
        except ValueError:  # masked, for who has given no reason to see it
            text = obj.payload
        return format_html('<pre class="om-pre">{}</pre>', text)
