"""What belongs to one log-in, read only: how far it has seen conversations, and its views of the inbox."""

from django.contrib import admin
from unfold.decorators import display

from conversations.admin.records import link
from conversations.models import SavedView, Seen
from omega_project.lib.admin import ExactSearch, ReadOnlyAdmin, moment


@admin.register(Seen)
class SeenAdmin(ExactSearch, ReadOnlyAdmin):
    of_business = "conversation__business_id"
    list_display = ("user", "shown_conversation", "shown_at")
    list_select_related = ("user",)
    exact_numbers = ("conversation_id",)
    search_help_text = "A conversation's id"
    ordering = ("-id",)
    sortable_by = ()

    @display(description="conversation")
    def shown_conversation(self, obj: Seen) -> str:
        return link("conversations_conversation", obj.conversation_id, f"#{obj.conversation_id}")

    @display(description="to")
    def shown_at(self, obj: Seen) -> str:
        return moment(obj.at)


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "business", "query")
    list_select_related = ("user", "business")
    ordering = ("-id",)
    sortable_by = ()
