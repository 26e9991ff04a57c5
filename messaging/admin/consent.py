"""Consent in the admin: the state of an address, and every change that led to it with its evidence."""

from typing import Any

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from unfold.decorators import display

from accounts.admin.clients import CONSENT_TONES
from conversations.admin.records import link
from messaging.models import Consent, ConsentChange
from messaging.services import consent
from omega_project.lib import masking
from omega_project.lib.addresses import normalise_email, normalise_phone
from omega_project.lib.admin import PostAction, ReadOnlyAdmin, moment, tell


class ByAddressAdmin(ReadOnlyAdmin):
    """Found by the whole address, within the businesses there are: both tables' indexes begin with the business."""

    search_fields = ("address",)
    search_help_text = "A whole phone number or e-mail address"
    ordering = ("-id",)
    list_select_related: tuple[str, ...] = ("business",)
    sortable_by = ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        with masking.unmasked():
            found = list(self._found(search_term)[:1000])
        return queryset.filter(pk__in=found), False

    def _found(self, search_term: str) -> QuerySet[Any]:
        businesses = self.model._meta.get_field("business").remote_field.model.objects.values("pk")
        # Named channels and businesses let the index (business, channel, address) serve it without the address first.
        return self.model._default_manager.filter(
            business__in=businesses, channel__in=["sms", "email", "voice"], address=_as_stored(search_term)
        ).values_list("pk", flat=True)

    @display(description="business")
    def shown_business(self, obj: Any) -> str:
        return str(obj.business)

    @display(description="channel", label={"sms": "info", "email": "warning", "voice": "success"})
    def shown_channel(self, obj: Any) -> tuple[str, str]:
        return obj.channel, obj.get_channel_display()

    @display(description="consent", label=CONSENT_TONES)
    def shown_state(self, obj: Any) -> tuple[str, str]:
        return obj.state, obj.get_state_display()


def _as_stored(text: str) -> str:
    for normalise in (normalise_phone, normalise_email):
        try:
            return normalise(text)
        except ValueError:
            continue
    return text.strip()


LIFT = PostAction(
    "lift_bounce", "Mail may go there again", "mark_email_read", "primary",
    "Its mailbox turned mail away for good. Is the address right, and there again?",
)  # fmt: skip


@admin.register(Consent)
class ConsentAdmin(ByAddressAdmin):
    empty_text = "Nobody has opted in or out yet. Who was asked on paper is recorded by the API."
    list_display = ("address", "shown_channel", "shown_state", "shown_mailbox", "shown_business", "shown_at")
    fields = (
        ("address", "channel"), ("business", "state"), "updated_at", ("bounced_at", "bounce_reason"), "shown_history",
    )  # fmt: skip
    readonly_fields = ("shown_history",)

    def post_actions_for(self, obj: Consent) -> tuple[PostAction, ...]:
        return (LIFT,) if obj.bounced_at else ()

    def lift_bounce(self, request: HttpRequest, obj: Consent) -> None:
        consent.lift_bounce(business_id=obj.business_id, address=obj.address, by=str(request.user))
        self.log_change(request, obj, "Mail may go there again.")
        tell(
            request,
            [
                _("Mail to {address} may go again. What was blocked meanwhile is not sent: write it anew.").format(
                    address=obj.address
                )
            ],
        )

    @display(description="mailbox", label={"gone": "danger"})
    def shown_mailbox(self, obj: Consent) -> tuple[str, str] | str:
        return ("gone", "Turned mail away") if obj.bounced_at else "-"

    @display(description="since")
    def shown_at(self, obj: Consent) -> str:
        return moment(obj.updated_at)

    @display(description="how it came to this")
    def shown_history(self, obj: Consent) -> str:
        found = ConsentChange.objects.filter(business_id=obj.business_id, channel=obj.channel, address=obj.address)
        changes = [{"change": one, "evidence": _evidence(one)} for one in found.order_by("-id")[:100]]
        return render_to_string("admin/omega_lib/consent_history.html", {"changes": changes})


@admin.register(ConsentChange)
class ConsentChangeAdmin(ByAddressAdmin):
    list_display = (
        "shown_change",
        "shown_channel",
        "shown_state",
        "source",
        "shown_client",
        "shown_business",
        "shown_at",
    )
    list_select_related = ("business", "client")
    fields = (
        ("address", "channel"), ("previous", "state"), ("source", "at"), ("business", "shown_client"),
        "shown_evidence",
    )  # fmt: skip
    readonly_fields = ("shown_client", "shown_evidence")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("business", "client")

    @display(description="address")
    def shown_change(self, obj: ConsentChange) -> str:
        return obj.address

    @display(description="client")
    def shown_client(self, obj: ConsentChange) -> str:
        return link("accounts_client", obj.client_id, str(obj.client))

    @display(description="when")
    def shown_at(self, obj: ConsentChange) -> str:
        return moment(obj.at)

    @display(description="evidence")
    def shown_evidence(self, obj: ConsentChange) -> str:
        return _evidence(obj)


def _evidence(change: ConsentChange) -> str:
    return orjson.dumps(change.evidence, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
