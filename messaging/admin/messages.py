"""Messages in the admin: read only, each with the story of why it went as it did; tried again or taken back by hand."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import ModelAdmin
from django.db.models import CharField, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _
from unfold.decorators import display

from conversations.admin.words import CHANNEL_ICONS, DELIVERY, STATUS_TONES
from conversations.models import Message
from conversations.services.reading import messages_by_ids
from messaging.admin import mails, problems
from messaging.admin.words import most_at_once, not_failed, queued_again, step_sentence, why_not_retried
from messaging.models import Attempt
from messaging.services.explaining import explain
from messaging.services.retrying import MOST_AT_ONCE, Retried, Wanted, cancel_message, retry_failed
from omega_project.lib.admin import ExactSearch, PostAction, ReadOnlyAdmin, moment, tell

FAILED = ("failed", "undelivered", "unknown")
_NOT_LOADED = ("body", "html", "cc", "bcc", "decision", "metadata", "request_hash", "search")


class StateFilter(SimpleListFilter):
    """Only what an index serves: a rare status without one would be looked for in every message ever sent."""

    title = "state"
    parameter_name = "state"
    _conditions: dict[str, tuple[str, dict[str, Any]]] = {
        "problems": ("Failed, undelivered or unknown", {"status__in": FAILED}),
        "failed": ("Failed", {"status": "failed"}),
        "undelivered": ("Undelivered", {"status": "undelivered"}),
        "unknown": ("Outcome unknown", {"status": "unknown"}),
        "blocked": ("Blocked", {"status": "blocked"}),
        "waiting": ("On its way", {"status__in": ("queued", "sending"), "due_at__isnull": False}),
        "scheduled": ("Scheduled", {"status": "scheduled"}),
    }

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(name, _(title)) for name, (title, _condition) in self._conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        _title, condition = self._conditions.get(self.value() or "", ("", {}))
        return queryset.filter(**condition)


RETRY = PostAction("retry", "Retry", "replay", "primary")
FORCE = PostAction(
    "retry_forced", "Retry even a permanent fault", "bolt", "danger",
    "The provider may refuse it again, and one of unknown outcome may reach the client twice. Retry all the same?",
)  # fmt: skip
CANCEL = PostAction("cancel", "Cancel", "cancel", "danger", "Take this message back before it goes?")


@admin.register(Message)
class MessageAdmin(problems.ProblemBoard, mails.MailPages, ExactSearch, ReadOnlyAdmin):
    empty_text = "Nothing has been said yet. Write to a client from their conversation, or by the API."
    list_display = ("shown_id", "shown_text", "shown_status", "shown_parties", "shown_business", "shown_at")
    list_display_links = ("shown_id",)
    list_filter = (StateFilter,)
    exact_words = ("request_id", "provider_message_id")
    search_help_text = "An id, request id or provider's id, exactly"
    ordering = ("-id",)
    sortable_by = ()
    list_fullwidth = True
    actions = ("retry_selected", "retry_selected_forced", "cancel_selected")
    blind_deeds = ("retry", "retry_forced", "cancel", *actions)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request).select_related("business").defer(*_NOT_LOADED)
        return found.annotate(excerpt=Left("body", 120, output_field=CharField()))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The message's story, in place of a form that nobody may fill in."""
        obj = self.get_object(request, object_id)
        if obj is None or not self.has_view_permission(request, obj):
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": _("Message {id}").format(id=obj.pk),
            "post_actions": self.post_actions_for(obj),
            "may_act": self.has_act_permission(request),
            **story(obj),
        }
        return TemplateResponse(request, "admin/omega_lib/message.html", context)

    def get_urls(self) -> list[URLPattern]:
        return [*self.problem_urls(), *self.mail_urls(), *super().get_urls()]

    def post_actions_for(self, obj: Any) -> tuple[PostAction, ...]:
        if obj.due_at is None:
            return mails.actions_for(obj)
        if obj.status in {"scheduled", "queued"}:
            return (CANCEL,)
        return (RETRY, FORCE) if obj.status in FAILED else ()

    def retry(self, request: HttpRequest, obj: Message) -> None:
        self._retry(request, [obj], force=False)

    def retry_forced(self, request: HttpRequest, obj: Message) -> None:
        self._retry(request, [obj], force=True)

    def cancel(self, request: HttpRequest, obj: Message) -> None:
        cancel_message(message_id=obj.pk, business_id=obj.business_id)
        self.log_change(request, obj, "Canceled.")
        tell(request, [_("Message {id} is taken back: it will not be sent.").format(id=obj.pk)])

    @admin.action(description="Retry", permissions=["act"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._retry(request, _first_of(request, queryset), force=False)

    @admin.action(description="Retry even permanent faults", permissions=["act"])
    def retry_selected_forced(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._retry(request, _first_of(request, queryset), force=True)

    @admin.action(description="Cancel", permissions=["act"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in _first_of(request, queryset):
            self._cancel_one(request, obj)

    def _cancel_one(self, request: HttpRequest, obj: Message) -> None:
        if CANCEL in self.post_actions_for(obj):
            self.cancel(request, obj)
        else:
            tell(
                request,
                [_("Message {id} is {status}: it cannot be taken back.").format(id=obj.pk, status=obj.status)],
                messages.WARNING,
            )

    def _retry(self, request: HttpRequest, chosen: list[Message], *, force: bool) -> None:
        if not chosen:  # to the service, no ids means every failed message
            return
        ids = [obj.pk for obj in chosen]
        done = retry_failed(Wanted(message_ids=ids, limit=len(ids), force=force, source="admin"))
        for obj in chosen:
            if obj.pk in done.retried:
                self.log_change(request, obj, "Retried by force." if force else "Retried.")
        _tell_retried(request, done, len(ids))

    def told_retried(self, request: HttpRequest, done: Retried) -> None:
        _tell_retried(request, done, done.matched)
        if done.matched == MOST_AT_ONCE:
            tell(request, [most_at_once(MOST_AT_ONCE)], messages.WARNING)

    @display(description="message")
    def shown_id(self, obj: Message) -> str:
        return f"#{obj.pk}"

    @display(description="text")
    def shown_text(self, obj: Any) -> str:
        return obj.subject or obj.excerpt or ("Picture or file" if obj.media_count else "-")

    @display(description="status", label=STATUS_TONES)
    def shown_status(self, obj: Message) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="from → to")
    def shown_parties(self, obj: Message) -> str:
        ends = f"{obj.from_address or '-'} → {obj.to_address or '-'}"
        return ends if obj.from_address or obj.to_address else obj.get_channel_display()

    @display(description="business")
    def shown_business(self, obj: Message) -> str:
        return str(obj.business)

    @display(description="when")
    def shown_at(self, obj: Message) -> str:
        return moment(obj.created_at)


def _first_of(request: HttpRequest, chosen: QuerySet[Any]) -> list[Message]:
    """As many of those chosen as are done at once, and a sentence where there are more."""
    found = list(chosen[: MOST_AT_ONCE + 1])
    if len(found) > MOST_AT_ONCE:
        tell(request, [most_at_once(MOST_AT_ONCE)], messages.WARNING)
    return found[:MOST_AT_ONCE]


def _tell_retried(request: HttpRequest, done: Retried, asked: int) -> None:
    if done.retried:
        tell(request, [queued_again(len(done.retried))])
    reasons: dict[str, int] = {}
    for one in done.skipped:
        reasons[one["reason"]] = reasons.get(one["reason"], 0) + 1
    tell(request, [why_not_retried(reason, count) for reason, count in reasons.items()], messages.WARNING)
    if asked > done.matched:
        tell(request, [not_failed(asked - done.matched)], messages.WARNING)


def story(obj: Message) -> dict[str, Any]:
    """Everything that the message's page tells: the text, its history and its trace in words, its attempts."""
    row = messages_by_ids([obj.pk])[0]
    why = explain(row)
    steps: list[dict[str, Any]] = [{**step, "sentence": step_sentence(step)} for step in why["trace"]]
    return {
        "row": row,
        "look": DELIVERY[row["status"]],
        "tone": STATUS_TONES[row["status"]],
        "icon": CHANNEL_ICONS.get(row["channel"], "chat_bubble"),
        "history": [{**step, "look": DELIVERY[step["status"]]} for step in why["history"]],
        "steps": steps,
        "attempts": Attempt.objects.filter(message_id=obj.pk).order_by("number"),
        "times": _times(row),
        "mail": mails.facts_of(obj),
    }


def _times(row: dict[str, Any]) -> list[tuple[str, datetime]]:
    names = ("created_at", "scheduled_at", "sent_at", "delivered_at", "read_at")
    return [(name.removesuffix("_at"), row[name]) for name in names if row[name]]
