"""Clients in the admin: the form says upward that an address is new, and the page leads to the one thread."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.admin.clients import ClientListAdmin
from accounts.admin.transfer import ClientTransfer
from accounts.models import Client
from accounts.services.address_changes import tell_changed
from conversations.services.threads import ensure_conversation
from omega_project.lib.admin import PostAction


@admin.register(Client)
class ClientAdmin(ClientTransfer, ClientListAdmin):
    post_actions: tuple[PostAction, ...] = (PostAction("converse", "Open the conversation", "forum", "primary"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without those that were merged into another: their page says which."""
        found = super().get_queryset(request)
        match = request.resolver_match
        return found if match and "object_id" in match.kwargs else found.filter(merged_into__isnull=True)

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        super().save_model(request, obj, form, change)
        tell_changed(
            phones=[obj.pk] if "phone" in form.changed_data else [],
            emails=[obj.pk] if "email" in form.changed_data else [],
        )

    def converse(self, request: HttpRequest, obj: Client) -> HttpResponse:
        """Go to the client's one thread, made where there is none yet."""
        conversation_id, _ = ensure_conversation(business_id=obj.business_id, client_id=obj.pk)
        return HttpResponseRedirect(reverse("admin:conversations_conversation_change", args=[conversation_id]))
