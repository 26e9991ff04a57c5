"""Webhook events in the admin: the inbox of what providers told us, raw, read only, and replayed by hand."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import ModelAdmin
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from unfold.decorators import display

from conversations.admin.records import link
from messaging.admin import rehearsals
from messaging.admin.mails import as_download
from messaging.models import WebhookEvent
from messaging.services import mail_sources, stored_mail
from messaging.services.intake import replay_event
from messaging.services.rehearsing import rehearse
from omega_project.lib import forms, wording
from omega_project.lib.admin import ExactSearch, PostAction, ReadOnlyAdmin, moment, tell
from omega_project.lib.reach import reach_of

# By what a call proved to be its provider's: one that did not was answered with 401 or 403, and never stored.
VERDICTS = {
    "platform": "Accepted: signed by the platform's key.",
    "business": "Accepted: signed by the key of the business's own account.",
    "password": "Accepted: it gave the hook's user and password, and its signature held where it had one.",
    "asked": "Not a call: omega asked the provider for its own record.",
    "": "Accepted. It came before omega kept by what.",
}
wording.say(*VERDICTS.values())
MOST_SHOWN = 20_000
MOST_FIELD = 2000
TONES = {"pending": "warning", "processed": "success", "failed": "danger", "ignored": "default"}


class EventStateFilter(SimpleListFilter):
    """Only what an index serves."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("failed", "Failed"), ("waiting", "To be tried again")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "failed":
            return queryset.filter(status="failed")
        if self.value() == "waiting":
            return queryset.filter(status__in=("pending", "failed"), next_attempt_at__isnull=False)
        return queryset


@admin.register(WebhookEvent)
class WebhookEventAdmin(ExactSearch, ReadOnlyAdmin):
    empty_text = "No provider has called yet. Check that its webhooks name this server: docs/operations.md."
    list_display = ("shown_event", "shown_status", "shown_error", "attempts", "shown_message", "shown_at")
    list_filter = (EventStateFilter,)
    exact_numbers = ("pk", "message_id")
    search_help_text = "An event's or a message's id"
    ordering = ("-id",)
    sortable_by = ()
    list_fullwidth = True
    actions = ("replay_selected",)
    blind_deeds = ("replay", "rehearse", *actions)
    post_actions = (
        PostAction("rehearse", "What would a replay change?", "preview"),
        PostAction("replay", "Replay", "replay", "primary"),
    )
    fields = (
        ("provider", "kind"), ("status", "attempts"), "error", ("shown_message", "business"),
        ("received_at", "processed_at", "next_attempt_at"), "shown_verdict", "shown_form", "shown_payload",
        "shown_headers", "url", ("content_type", "dedupe_key"),
    )  # fmt: skip
    readonly_fields = ("shown_message", "shown_verdict", "shown_form", "shown_payload", "shown_headers")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        match = request.resolver_match
        found = super().get_queryset(request)
        return found.defer("payload") if match and match.url_name == "messaging_webhookevent_changelist" else found

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_GET(self.source))
        return [path("<int:object_id>/source/", view, name="messaging_webhookevent_source"), *super().get_urls()]

    def source(self, request: HttpRequest, object_id: int) -> FileResponse:
        """The mail, or the post, that a mail's event keeps as a file."""
        event: WebhookEvent | None = self.get_object(request, str(object_id))
        if event is None or not self.has_view_permission(request, event) or event.kind != stored_mail.KIND:
            raise Http404
        try:
            stored = stored_mail.read_payload(bytes(event.payload))
            return as_download(mail_sources.open_source(stored.file), f"event-{event.pk}{Path(stored.file).suffix}")
        except (ValueError, FileNotFoundError) as error:
            raise Http404 from error

    def rehearse(self, request: HttpRequest, obj: WebhookEvent) -> HttpResponse:
        """What a replay would change, row by row; nothing is."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": _("What a replay of event {id} would change").format(id=obj.pk),
            "post_actions": [one for one in self.post_actions if one.name == "replay"],
            "may_act": True,
            **rehearsals.told(rehearse(event_id=obj.pk), is_hidden=_is_hidden(request)),
        }
        return TemplateResponse(request, "admin/omega_lib/rehearsal.html", context)

    def replay(self, request: HttpRequest, obj: WebhookEvent) -> None:
        self._replay(request, [obj])

    @admin.action(description="Replay", permissions=["act"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._replay(request, queryset.order_by("id")[:200])

    def _replay(self, request: HttpRequest, chosen: Iterable[WebhookEvent]) -> None:
        """Replay in the order of arrival, and tell what became of each."""
        for event in chosen:
            replay_event(event_id=event.pk)
            event.refresh_from_db(fields=["status", "error", "message"])
            self.log_change(request, event, f"Replayed: {event.status}.")
            if event.status == "processed":
                message = " " + _("See message {id}.").format(id=event.message_id) if event.message_id else ""
                tell(request, [_("Event {id} was processed.").format(id=event.pk) + message])
            elif event.status == "ignored":
                tell(
                    request,
                    [_("Event {id} is kept: there is nothing in it that changes anything here.").format(id=event.pk)],
                )
            else:
                tell(
                    request,
                    [_("Event {id} failed again: {error}").format(id=event.pk, error=event.error)],
                    messages.ERROR,
                )

    @display(description="event")
    def shown_event(self, obj: WebhookEvent) -> str:
        return f"#{obj.pk} {obj.provider} {obj.kind}"

    @display(description="status", label=TONES)
    def shown_status(self, obj: WebhookEvent) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @display(description="error")
    def shown_error(self, obj: WebhookEvent) -> str:
        return obj.error[:120] or "-"

    @display(description="message")
    def shown_message(self, obj: WebhookEvent) -> str:
        return link("conversations_message", obj.message_id, f"#{obj.message_id}")

    @display(description="received")
    def shown_at(self, obj: WebhookEvent) -> str:
        return moment(obj.received_at)

    @display(description="what it says")
    def shown_form(self, obj: WebhookEvent) -> str:
        return render_to_string("admin/omega_lib/event_form.html", {"fields": _fields(obj)})

    @display(description="verdict")
    def shown_verdict(self, obj: WebhookEvent) -> str:
        return _(VERDICTS[obj.verdict]) if obj.verdict in VERDICTS else obj.verdict

    @display(description="headers")
    def shown_headers(self, obj: WebhookEvent) -> str:
        return render_to_string("admin/omega_lib/event_form.html", {"fields": sorted(obj.headers.items())})

    @display(description="as it came")
    def shown_payload(self, obj: WebhookEvent) -> str:
        raw = bytes(obj.payload)
        text = raw[:MOST_SHOWN].decode("utf-8", "backslashreplace")
        context = {"text": text, "size": len(raw), "most": MOST_SHOWN, "event": obj}
        context["has_source"] = obj.kind == stored_mail.KIND
        return render_to_string("admin/omega_lib/event_payload.html", context)


def _is_hidden(request: HttpRequest) -> bool:
    curtain = getattr(request, "curtain", None)
    return reach_of(request).is_masked and not (curtain and curtain.is_open)


def _fields(event: WebhookEvent) -> list[tuple[str, str]]:
    """The payload's fields where it is a form or a JSON object; none where it cannot be read as one."""
    if "json" in event.content_type:
        return _members(bytes(event.payload))
    if "multipart" in event.content_type:
        return []
    try:
        found, _ = forms.parse(bytes(event.payload), event.content_type)
    except ValueError:
        return []
    return sorted(found.items())


def _members(payload: bytes) -> list[tuple[str, str]]:
    try:
        given = json.loads(payload)
    except (ValueError, RecursionError):
        return []
    return sorted((name, _short(value)) for name, value in given.items()) if isinstance(given, dict) else []


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:MOST_FIELD].encode("utf-8", "backslashreplace").decode()
