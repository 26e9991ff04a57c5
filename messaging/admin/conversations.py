"""The conversation's page: the timeline, a reply box that queues a real text, and what staff do with a thread."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Staff
from conversations.admin.inbox import InboxAdmin
from conversations.admin.timeline import changed_since, page_before, rendered
from conversations.admin.words import CONVERSATION_TONES, initials
from conversations.models import Conversation
from conversations.services import threads
from messaging.admin.composer import Composer, composer_for, draft_of, note_to_write, typed
from messaging.services.sending import queue_message
from omega_project.lib.admin import sentences_of, tell
from omega_project.lib.api.errors import ApiError, Conflict, parameter_error
from omega_project.lib.audit import touch
from omega_project.lib.reach import reach_of, within_reach

CONSENT_TONES = {"opted_in": "success", "opted_out": "danger", "unknown": "default"}
MOST_WATCHED = 200
_PAGE = "admin:conversations_conversation_change"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a conversation: the thread, the staff of its business, and who among them is looking."""

    request: HttpRequest
    conversation: Conversation
    staff: list[Staff]

    @property
    def names(self) -> dict[int, str]:
        return {one.pk: one.name for one in self.staff}

    @property
    def actor_id(self) -> int | None:
        """Who this login is by its role; else the staff member who has its e-mail address, if one has."""
        own = reach_of(self.request).staff_id
        if own is not None and any(one.pk == own for one in self.staff):
            return own
        email = getattr(self.request.user, "email", "").lower()
        return next((one.pk for one in self.staff if email and one.email.lower() == email), None)

    @property
    def assignable(self) -> list[Staff]:
        return [one for one in self.staff if one.is_active or one.pk == self.conversation.assigned_to_id]

    @property
    def url(self) -> str:
        return reverse(_PAGE, args=[self.conversation.pk])


Deed = Callable[["ConversationAdmin", Visit], str]


@admin.register(Conversation)
class ConversationAdmin(InboxAdmin):
    """The inbox of `conversations`, and the page that needs transport."""

    def get_urls(self) -> list[URLPattern]:
        def at(part: str, view: Callable[..., HttpResponse]) -> URLPattern:
            name = f"conversations_conversation_{part}"
            return path(f"<int:object_id>/{part}/", self.admin_site.admin_view(view), name=name)

        return [
            at("reply", require_POST(self.reply)),
            at("entries", require_GET(self.entries)),
            *(at(name, require_POST(self._doing(deed))) for name, deed in _DEEDS.items()),
            *super().get_urls(),
        ]

    def visit(self, request: HttpRequest, object_id: int, *, writes: bool = True) -> Visit:
        """The conversation for a user who may see it, or change it where the request writes."""
        allowed = self.has_change_permission(request) if writes else self.has_view_permission(request)
        if not allowed:
            raise PermissionDenied
        rows = within_reach(request, Conversation.objects.all(), self.business_path())
        found = rows.select_related("client", "business", "assigned_to", "location")
        conversation = found.filter(pk=object_id).first()
        if conversation is None:
            raise Http404
        if writes:
            touch(request, f"admin.conversation: {request.path_info.rstrip('/').rpartition('/')[2]}", conversation)
        columns = ("pk", "name", "email", "is_active", "availability", "business_id")
        staff = list(Staff.objects.in_business(conversation.business_id).only(*columns).order_by("name"))
        return Visit(request, conversation, staff)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page itself, in place of Django's form."""
        if not (object_id.isascii() and object_id.isdigit() and len(object_id) < 19):
            raise Http404
        visit = self.visit(request, int(object_id), writes=False)
        if visit.conversation.merged_into_id:  # its client is part of another one, and so is what was said
            return HttpResponseRedirect(reverse(_PAGE, args=[visit.conversation.merged_into_id]))
        return self.page(visit, composer_for(visit.conversation))

    def page(self, visit: Visit, composer: Composer, status: int = 200) -> HttpResponse:
        """Render the conversation with the reply boxes in the state given."""
        before = _number(visit.request.GET.get("before"))
        page = page_before(visit.conversation.pk, visit.names, before)
        context = {
            **self.admin_site.each_context(visit.request),
            **_head(visit),
            "opts": self.opts,
            "original": visit.conversation,
            "title": str(visit.conversation.client),
            "page": page,
            "is_past": before is not None,
            "composer": composer,
            "statuses": Conversation.Status.choices,
            "staff": visit.assignable,
            "may_write": self.has_change_permission(visit.request),
        }
        return TemplateResponse(visit.request, "admin/omega_lib/thread.html", context, status=status)

    def reply(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Queue the reply; where that is refused, show why above the box, with what was typed."""
        visit = self.visit(request, object_id)
        try:
            login = request.user.get_username()
            queue_message(draft_of(visit.conversation, request.POST, request.FILES, visit.actor_id, login))
        except ApiError as error:
            return self._refused(visit, error)
        if _wants_json(request):
            return self.entries(request, object_id)
        return HttpResponseRedirect(f"{visit.url}#end")

    def _refused(self, visit: Visit, error: ApiError) -> HttpResponse:
        form = visit.request.POST
        composer = composer_for(visit.conversation)
        composer.mode = "email" if form.get("channel") == "email" else "sms"
        box = composer.box(composer.mode)
        box.text, box.errors = typed(form, "body"), sentences_of(error)
        box.subject = typed(form, "subject") or box.subject
        if isinstance(error, Conflict):
            box.errors = [
                _("An earlier reply of this form was sent already: see the timeline, then send this one again.")
            ]
        if _wants_json(visit.request):
            return JsonResponse({"errors": box.errors, "request_id": box.request_id}, status=error.status)
        return self.page(visit, composer, status=error.status)

    def entries(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """What the page's script asks for: older entries (`before`), or what is new and changed, with the head."""
        visit = self.visit(request, object_id, writes=False)
        asked = request.POST if request.method == "POST" else request.GET
        if before := _number(asked.get("before")):
            page = page_before(visit.conversation.pk, visit.names, before)
            return JsonResponse({"entries": rendered(page.entries), "before": page.before})
        watched = [number for text in asked.get("watch", "").split(",") if (number := _number(text))]
        after = _number(asked.get("after")) or 0
        found = changed_since(visit.conversation.pk, visit.names, after, watched[:MOST_WATCHED])
        composer = composer_for(visit.conversation)
        head = render_to_string("admin/omega_lib/thread_head.html", _head(visit), request=request)
        boxes = {
            box.channel: {"closed": box.closed, "request_id": box.request_id, "subject": box.subject,
                          "answers": box.answers or ""}
            for box in (composer.sms, composer.email)
        }  # fmt: skip
        return JsonResponse({"entries": rendered(found), "head": head.strip(), "boxes": boxes})

    def _doing(self, deed: Deed) -> Callable[..., HttpResponse]:
        """A view that does one thing to a conversation, tells how it went, and goes back to its page."""

        def view(request: HttpRequest, object_id: int) -> HttpResponse:
            visit = self.visit(request, object_id)
            try:
                tell(request, [deed(self, visit)])
            except ApiError as error:
                tell(request, sentences_of(error), messages.ERROR)
            return HttpResponseRedirect(visit.url)

        return view


def _head(visit: Visit) -> dict[str, Any]:
    conversation = visit.conversation
    client = conversation.client
    return {
        "conversation": conversation,
        "client": client,
        "initials": initials(str(client)),
        "tone": CONVERSATION_TONES[conversation.status],
        "consent_tone": CONSENT_TONES.get(client.consent_sms, "default"),
    }


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _note(model_admin: ConversationAdmin, visit: Visit) -> str:
    login = visit.request.user.get_username()
    threads.add_note(conversation=visit.conversation, note=note_to_write(visit.request.POST, visit.actor_id, login))
    return _("The note is in the timeline; no client sees it.")


def _assign(model_admin: ConversationAdmin, visit: Visit) -> str:
    staff_id = _number(visit.request.POST.get("staff"))
    changed = threads.assign_conversation(
        conversation=visit.conversation, staff_id=staff_id, actor_id=visit.actor_id, force=True
    )
    if not changed:
        return _("Nothing changed: it was so already.")
    return _("Assigned to %(name)s.") % {"name": visit.names[staff_id]} if staff_id else _("Assigned to nobody.")


def _status(model_admin: ConversationAdmin, visit: Visit) -> str:
    form = visit.request.POST
    status = form.get("status", "")
    if status not in Conversation.Status.values:
        raise parameter_error("status", "must be open, pending, snoozed or closed")
    until = _until(form.get("snoozed_until", "")) if status == Conversation.Status.SNOOZED else None
    changed = threads.change_status(
        conversation=visit.conversation, status=status, snoozed_until=until, actor_id=visit.actor_id
    )
    return (
        _("The conversation is {status} now.").format(status=status)
        if changed
        else _("Nothing changed: it was so already.")
    )


def _until(text: str) -> datetime | None:
    """The end of a snooze: ISO 8601 as the page's script sends it, with its offset; without one it is UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _read(model_admin: ConversationAdmin, visit: Visit) -> str:
    done = threads.mark_read(conversation_id=visit.conversation.pk, is_read=True, chosen={})
    return (
        _("{updated} marked as read.").format(updated=done["updated"])
        if done["updated"]
        else _("Everything was read already.")
    )


_DEEDS: dict[str, Deed] = {"note": _note, "assign": _assign, "status": _status, "read": _read}
