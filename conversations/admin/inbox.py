"""The inbox: conversations as a list, the latest first, in few queries whatever the size."""

from typing import Any, cast

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import ModelAdmin
from django.db.models import CharField, F, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.decorators import display

from accounts.admin.filters import BusinessFilter
from accounts.models import Client, Staff
from accounts.querysets import ClientQuerySet
from accounts.services.unmasking import clients_at
from conversations.admin.words import CHANNEL_ICONS, CONVERSATION_TONES, initials
from omega_project.lib import masking
from omega_project.lib.admin import OmegaAdmin, moment
from omega_project.lib.reach import reach_of, within_reach

NOBODY, SOMEBODY = "nobody", "somebody"


class UnreadFilter(SimpleListFilter):
    title = "unread"
    parameter_name = "unread"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Unread only")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(unread_count__gt=0) if self.value() == "yes" else queryset


class AssigneeFilter(SimpleListFilter):
    """Nobody's, somebody's; and each staff member of the business that the list is narrowed to."""

    title = "assignee"
    parameter_name = "assignee"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        choices = [(NOBODY, "Nobody"), (SOMEBODY, "Somebody")]
        business = request.GET.get(BusinessFilter.parameter_name, "")
        own = reach_of(request)
        business = business if own.is_everything else str(own.business_id or "")
        if business.isascii() and business.isdigit():
            staff = Staff.objects.in_business(int(business)).filter(is_active=True).order_by("name")
            choices += [(str(pk), name) for pk, name in staff.values_list("pk", "name")[:50]]
        return choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value in {NOBODY, SOMEBODY}:
            return queryset.filter(assigned_to__isnull=value == NOBODY)
        return queryset.filter(assigned_to_id=int(value)) if value.isascii() and value.isdigit() else queryset


class InboxAdmin(OmegaAdmin):
    """The list. What a row shows of its last message is kept on the conversation; bodies are cut by the database."""

    empty_text = "A conversation begins with a client's first message, or with the first one to them."
    list_display = ("shown_client", "shown_preview", "shown_status", "shown_assignee", "shown_business", "shown_last")
    list_display_links = None
    list_filter = (BusinessFilter, "status", UnreadFilter, AssigneeFilter)
    search_fields = ("client__phone",)
    search_help_text = "Part of a client's name, phone or e-mail"
    ordering = ("-last_message_at", "-id")
    sortable_by = ()
    list_fullwidth = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request).filter(merged_into__isnull=True)
        found = found.select_related("client", "assigned_to", "business")
        return found.annotate(
            last_body=Left("last_message__body", 140, output_field=CharField()),
            last_subject=Left("last_message__subject", 140, output_field=CharField()),
            last_channel=F("last_message__channel"),
            last_direction=F("last_message__direction"),
            last_status=F("last_message__status"),
            last_media=F("last_message__media_count"),
        )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By the client, through the index client_search."""
        if not search_term.strip():
            return queryset, False
        if masking.is_on():
            return queryset.filter(client_id__in=clients_at(search_term)), False
        clients = cast(ClientQuerySet, within_reach(request, Client.objects.all(), "business_id"))
        return queryset.filter(client_id__in=clients.found(search_term).values("pk")), False

    @display(description="client")
    def shown_client(self, obj: Any) -> str:
        client = {"initials": initials(str(obj.client)), "obj": obj}
        return render_to_string("admin/omega_lib/inbox_client.html", client)

    @display(description="last message")
    def shown_preview(self, obj: Any) -> str:
        icon = CHANNEL_ICONS.get(obj.last_channel or "", "chat_bubble")
        text = obj.last_subject or obj.last_body or ("Picture or file" if obj.last_media else "No message yet")
        return render_to_string("admin/omega_lib/inbox_preview.html", {"obj": obj, "icon": icon, "text": text})

    @display(description="status", label=CONVERSATION_TONES)
    def shown_status(self, obj: Any) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="assignee")
    def shown_assignee(self, obj: Any) -> str:
        return obj.assigned_to.name if obj.assigned_to else "-"

    @display(description="business")
    def shown_business(self, obj: Any) -> str:
        return str(obj.business)

    @display(description="last activity")
    def shown_last(self, obj: Any) -> str:
        return moment(obj.last_message_at)
