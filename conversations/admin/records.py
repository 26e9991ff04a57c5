"""What stands behind a timeline, read only: status changes, attachments, assignments."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from conversations.models import Assignment, Attachment, Change, ChangeFeed, MessageEvent, MessageRead
from omega_project.lib.admin import ExactSearch, ReadOnlyAdmin, moment


def link(view: str, pk: int | None, text: str) -> SafeString | str:
    """A link to a record's page in the admin."""
    if pk is None:
        return "-"
    return format_html('<a class="om-link" href="{}">{}</a>', reverse(f"admin:{view}_change", args=[pk]), text)


class OfMessageAdmin(ExactSearch, ReadOnlyAdmin):
    """A record of one message, found by the message's id."""

    exact_numbers = ("message_id",)
    search_help_text = "A message's id"
    ordering = ("-id",)
    list_select_related = False
    raw_id_fields = ("message",)
    sortable_by = ()

    @display(description="message")
    def shown_message(self, obj: Any) -> str:
        return link("conversations_message", obj.message_id, f"#{obj.message_id}")


@admin.register(MessageEvent)
class MessageEventAdmin(OfMessageAdmin):
    list_display = ("shown_change", "shown_message", "source", "detail", "shown_at")

    @display(description="change")
    def shown_change(self, obj: MessageEvent) -> str:
        return str(obj)

    @display(description="when")
    def shown_at(self, obj: MessageEvent) -> str:
        return moment(obj.at)


@admin.register(MessageRead)
class MessageReadAdmin(OfMessageAdmin):
    ordering = ("-message_id",)
    list_display = ("__str__", "shown_message", "shown_at")

    @display(description="when")
    def shown_at(self, obj: MessageRead) -> str:
        return moment(obj.read_at)


@admin.register(Attachment)
class AttachmentAdmin(OfMessageAdmin):
    list_display = ("shown_name", "shown_message", "shown_status", "content_type", "size", "shown_at")

    @display(description="attachment")
    def shown_name(self, obj: Attachment) -> str:
        return str(obj)[:80]

    @display(
        description="status",
        label={"linked": "info", "pending": "warning", "stored": "success", "failed": "danger"},
    )
    def shown_status(self, obj: Attachment) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="since")
    def shown_at(self, obj: Attachment) -> str:
        return moment(obj.created_at)


@admin.register(Assignment)
class AssignmentAdmin(ExactSearch, ReadOnlyAdmin):
    list_display = ("shown_conversation", "previous", "staff", "actor", "forced", "shown_at")
    list_select_related = ("previous", "staff", "actor")
    exact_numbers = ("conversation_id",)
    search_help_text = "A conversation's id"
    ordering = ("-id",)
    sortable_by = ()

    @display(description="conversation")
    def shown_conversation(self, obj: Assignment) -> str:
        return link("conversations_conversation", obj.conversation_id, f"#{obj.conversation_id}")

    @display(description="when")
    def shown_at(self, obj: Assignment) -> str:
        return moment(obj.at)


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """The feed of changes as its readers get it."""

    list_display = ("kind", "subject_id", "business_id", "position", "shown_at")
    ordering = ("-id",)
    sortable_by = ()

    @display(description="when")
    def shown_at(self, obj: Change) -> str:
        return moment(obj.at)


@admin.register(ChangeFeed)
class ChangeFeedAdmin(ReadOnlyAdmin):
    list_display = ("business", "position")
    list_select_related = ("business",)
    ordering = ("pk",)
    sortable_by = ()
