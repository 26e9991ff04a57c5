"""Merges of clients and notifications of staff in the admin, read only; a merge can be undone."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.decorators import display

from conversations.admin.records import link
from conversations.models import ClientMerge, Notification
from conversations.services.merging import undo_merge
from omega_project.lib.admin import ExactSearch, PostAction, ReadOnlyAdmin, moment, tell


@admin.register(ClientMerge)
class ClientMergeAdmin(ExactSearch, ReadOnlyAdmin):
    list_display = ("shown_id", "kept", "merged", "business", "shown_at", "shown_undone")
    list_select_related = ("kept", "merged", "business")
    exact_numbers = ("kept_id",)
    search_help_text = "The id of the client who was kept"
    ordering = ("-id",)
    sortable_by = ()
    post_actions = (
        PostAction("undo", "Undo the merge", "call_split", "danger", "Make two clients of this one again?"),
    )

    def post_actions_for(self, obj: Any) -> tuple[PostAction, ...]:
        return () if obj.undone_at else self.post_actions

    def undo(self, request: HttpRequest, obj: ClientMerge) -> None:
        undo_merge(obj)
        self.log_change(request, obj, "Undone.")
        tell(request, [_("The merge is undone: they are two clients again.")])

    @display(description="merge")
    def shown_id(self, obj: ClientMerge) -> str:
        return f"#{obj.pk}"

    @display(description="when")
    def shown_at(self, obj: ClientMerge) -> str:
        return moment(obj.at)

    @display(description="undone")
    def shown_undone(self, obj: ClientMerge) -> str:
        return moment(obj.undone_at)


@admin.register(Notification)
class NotificationAdmin(ExactSearch, ReadOnlyAdmin):
    list_display = ("text", "staff", "kind", "shown_conversation", "shown_at", "shown_emailed")
    list_select_related = ("staff",)
    exact_numbers = ("staff_id",)
    search_help_text = "A staff member's id"
    ordering = ("-id",)
    sortable_by = ()

    @display(description="conversation")
    def shown_conversation(self, obj: Notification) -> str:
        known = obj.conversation_id
        return link("conversations_conversation", known, f"#{known}") if known else "-"

    @display(description="when")
    def shown_at(self, obj: Notification) -> str:
        return moment(obj.created_at)

    @display(description="e-mailed")
    def shown_emailed(self, obj: Notification) -> str:
        return moment(obj.emailed_at)
