"""What staff do in the inbox: each deed is one call of the API's own service, and its answer a sentence or a fault."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.models import Client
from conversations.models import Conversation, Message
from conversations.services import personal, presence, threads
from conversations.services.blocking import block_client
from conversations.services.merging import merge_clients
from conversations.services.timeline import new_request_id
from messaging.admin.composer import composer_for, draft_of, note_to_write, typed
from messaging.admin.conversations import Visit
from messaging.admin.words import queued_again, why_not_retried
from messaging.console.rooms import CHANGE, CHANGE_CLIENT, VIEW, number, room_of, visit_of
from messaging.console.views import boxes, numbers
from messaging.services.retrying import Wanted, cancel_message, retry_failed
from messaging.services.sending import Accepted, Draft, queue_message
from messaging.services.templates import variables_of
from omega_project.lib.admin import sentences_of
from omega_project.lib.api.errors import ApiError, Conflict, NotFound, parameter_error
from omega_project.lib.audit import touch

# A reply lies on disk for so long before it may leave: time to take it back.
UNDO_SECONDS = 5
LONGEST_AHEAD = timedelta(days=366)
MOST_LABELS, LONGEST_LABEL = 20, 64
Answer = dict[str, Any]
Deed = Callable[[Visit], Answer]


def _deed(name: str, *permissions: str) -> Callable[[Deed], Callable[..., HttpResponseBase]]:
    """A view that does one thing to a conversation and answers what to tell; a refusal is its sentences."""

    def made(deed: Deed) -> Callable[..., HttpResponseBase]:
        @require_POST
        def view(request: HttpRequest, conversation_id: int) -> HttpResponse:
            visit = visit_of(request, conversation_id, CHANGE, *permissions)
            try:
                answer = deed(visit)
            except ApiError as error:
                return JsonResponse({"errors": sentences_of(error), **_asking(error)}, status=error.status)
            touch(request, f"admin.inbox: {name}", visit.conversation)
            return JsonResponse(answer)

        return view

    return made


def _asking(error: ApiError) -> Answer:
    """What was missed, where somebody wrote meanwhile: the page asks before the answer goes."""
    missed = (error.extra or {}).get("messages_missed") if isinstance(error, Conflict) else None
    if not missed:
        return {}
    shown = [{"id": one["id"], "body": one["body"][:300], "direction": one["direction"]} for one in missed[-3:]]
    return {"missed": shown, "last": missed[-1]["id"]}


@_deed("assign")
def assign(visit: Visit) -> Answer:
    staff_id = number(visit.request.POST.get("staff"))
    changed = threads.assign_conversation(
        conversation=visit.conversation, staff_id=staff_id, actor_id=visit.actor_id, force=True
    )
    if not changed:
        return {"told": _("It was so already.")}
    if staff_id is None:
        return {"told": _("Assigned to nobody.")}
    return {"told": _("Assigned to %(name)s.") % {"name": visit.names.get(staff_id, "")}}


@_deed("status")
def status(visit: Visit) -> Answer:
    form = visit.request.POST
    wanted = form.get("status", "")
    if wanted not in Conversation.Status.values:
        raise parameter_error("status", "must be open, pending, snoozed or closed")
    until = moment_of(form.get("until", "")) if wanted == Conversation.Status.SNOOZED else None
    changed = threads.change_status(
        conversation=visit.conversation, status=wanted, snoozed_until=until, actor_id=visit.actor_id
    )
    if not changed:
        return {"told": _("It was so already: somebody else may have done it.")}
    return {"told": _STATUS_TOLD[wanted]()}


_STATUS_TOLD: dict[str, Callable[[], str]] = {
    "open": lambda: _("Opened."),
    "pending": lambda: _("Waits for another answer now."),
    "snoozed": lambda: _("Snoozed: it comes back by itself."),
    "closed": lambda: _("Closed. Their next message opens it again."),
}


def moment_of(text: str) -> datetime | None:
    """A time as the page's script sends it: ISO 8601 with its offset; without one it is UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@_deed("labels")
def labels(visit: Visit) -> Answer:
    names = [" ".join(one.replace("\0", "").split())[:LONGEST_LABEL] for one in visit.request.POST.getlist("label")]
    wanted = [one for one in dict.fromkeys(names) if one]
    if len(wanted) > MOST_LABELS:
        raise parameter_error("labels", f"must be at most {MOST_LABELS}")
    threads.set_labels(conversation=visit.conversation, labels=wanted)
    return {"told": _("Labels kept.")}


@_deed("read")
def read(visit: Visit) -> Answer:
    done = threads.mark_read(conversation_id=visit.conversation.pk, is_read=True, chosen={})
    personal.see(user_id=visit.request.user.pk or 0, conversation_id=visit.conversation.pk)
    return {"told": _("Read.") if done["updated"] else _("Everything was read already.")}


@_deed("unread")
def unread(visit: Visit) -> Answer:
    message_id = number(visit.request.POST.get("message")) or visit.conversation.last_message_id or 0
    personal.unsee_from(user_id=visit.request.user.pk or 0, conversation=visit.conversation, message_id=message_id)
    return {"told": _("Unread from here on.")}


@_deed("merge", CHANGE_CLIENT)
def merge(visit: Visit) -> Answer:
    business_id = visit.conversation.business_id
    other = Client.objects.in_business(business_id).filter(pk=number(visit.request.POST.get("client")) or 0).first()
    if other is None:
        raise NotFound("There is no such client in this business.")
    merge_clients(kept=visit.conversation.client, merged=other, actor_id=visit.actor_id)
    return {"told": _("%(name)s is part of this client now.") % {"name": other}, "anew": True}


@_deed("block", CHANGE_CLIENT)
def block(visit: Visit) -> Answer:
    wanted = visit.request.POST.get("blocked") == "yes"
    changed = block_client(conversation=visit.conversation, is_blocked=wanted, actor_id=visit.actor_id)
    if not changed:
        return {"told": _("It was so already."), "anew": True}
    return {"told": _("Blocked: nothing goes to this client.") if wanted else _("Unblocked."), "anew": True}


@_deed("note")
def note(visit: Visit) -> Answer:
    request = visit.request
    row = note_to_write(request.POST, visit.actor_id, request.user.get_username())
    row.mentions = numbers(request.POST.get("mentions", ""))
    message_id, _was = threads.add_note(conversation=visit.conversation, note=row)
    personal.see(user_id=request.user.pk or 0, conversation_id=visit.conversation.pk)
    return {"told": _("Your colleagues see it; no client does."), "id": message_id, **_fresh(visit)}


@_deed("reply")
def reply(visit: Visit) -> Answer:
    """Keep a reply on disk; it leaves in five seconds, or at the time asked for, unless it is taken back."""
    request = visit.request
    draft = draft_of(visit.conversation, request.POST, request.FILES, visit.actor_id, request.user.get_username())
    wanted = variables_of(typed(request.POST, "subject") + " " + typed(request.POST, "body"))
    if wanted:
        raise parameter_error("body", "still wants " + ", ".join(f"{{{{{one}}}}}" for one in wanted))
    draft.scheduled_at = _leaves_at(request.POST.get("at", ""))
    draft.expected_last_message_id = number(request.POST.get("expected"))
    accepted = _queue(draft)
    threads.mark_read(conversation_id=visit.conversation.pk, is_read=True, chosen={})
    personal.see(user_id=request.user.pk or 0, conversation_id=visit.conversation.pk)
    is_held = accepted.status == Message.Status.SCHEDULED
    undo = UNDO_SECONDS if is_held and not request.POST.get("at") else 0
    return {"id": accepted.message_id, "status": accepted.status, "undo": undo, **_fresh(visit)}


def _leaves_at(text: str) -> datetime:
    if not text:
        return timezone.now() + timedelta(seconds=UNDO_SECONDS)
    at = moment_of(text)
    if at is None or not timezone.now() < at < timezone.now() + LONGEST_AHEAD:
        raise parameter_error("at", "must be a time within the next year")
    return at


def _queue(draft: Draft) -> Accepted:
    """Queue the reply. Where only the client wrote meanwhile there is nothing to ask: it stands on the page."""
    for _try in range(3):
        try:
            return queue_message(draft)
        except Conflict as error:
            missed = (error.extra or {}).get("messages_missed")
            if not missed or any(one["direction"] != "inbound" for one in missed):
                raise
            draft.expected_last_message_id = missed[-1]["id"]
    return queue_message(draft)


def _fresh(visit: Visit) -> Answer:
    return {"boxes": boxes(composer_for(visit.conversation)), "note_request_id": new_request_id()}


@_deed("retry")
def retry(visit: Visit) -> Answer:
    """Send one again that failed, where the fault may pass."""
    row = _own(visit)
    business_id = visit.conversation.business_id
    done = retry_failed(Wanted(business_id=business_id, message_ids=[row.pk], limit=1, source="admin"))
    if done.retried:
        return {"told": queued_again(1)}
    reason = done.skipped[0]["reason"] if done.skipped else "already_retried"
    raise Conflict(why_not_retried(reason, 1), "not_retried")


def _own(visit: Visit) -> Message:
    """The message of this conversation that a deed is about."""
    wanted = number(visit.request.POST.get("message")) or 0
    found = Message.objects.filter(pk=wanted, conversation=visit.conversation, direction="outbound")
    row = found.only("channel", "body", "subject").first()
    if row is None:
        raise NotFound("There is no such message in this conversation.")
    return row


@_deed("undo")
def undo(visit: Visit) -> Answer:
    """Take a message back that has not left; its words, for the box."""
    row = _own(visit)
    cancel_message(message_id=row.pk, business_id=visit.conversation.business_id)
    told = _("Taken back: it has not left.")
    return {"told": told, "channel": row.channel, "body": row.body, "subject": row.subject, **_fresh(visit)}


@require_POST
def here(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """A window tells that its person looks, types, or is gone."""
    visit = visit_of(request, conversation_id)
    doing = request.POST.get("doing", "")
    window = request.POST.get("window", "")
    if doing in presence.DOINGS and window.isalnum() and len(window) <= 32:
        name = visit.names.get(visit.actor_id or 0) or request.user.get_username()
        conversation = visit.conversation
        presence.tell(
            presence.Presence(conversation.business_id, conversation.pk, request.user.pk or 0, window, name, doing)
        )
    return HttpResponse(status=204)


@require_POST
def keep_view(request: HttpRequest) -> HttpResponse:
    """Keep a view of this login's own, or remove one."""
    room = room_of(request)
    user_id, business_id = request.user.pk or 0, room.business.pk
    try:
        if removed := number(request.POST.get("remove")):
            personal.remove_view(user_id=user_id, business_id=business_id, view_id=removed)
            return JsonResponse({"told": _("The view is gone.")})
        name = " ".join(typed(request.POST, "name").split())
        query = request.POST.get("query", "").replace("\0", "")[:1000]
        kept = personal.save_view(user_id=user_id, business_id=business_id, name=name, query=query)
    except ApiError as error:
        return JsonResponse({"errors": sentences_of(error)}, status=error.status)
    return JsonResponse({"told": _("The view is kept."), "id": kept.pk, "name": kept.name, "query": kept.query})


__all__ = ["VIEW", "assign", "block", "here", "keep_view", "labels", "merge", "note", "read", "reply", "retry",
           "status", "undo", "unread"]  # fmt: skip
