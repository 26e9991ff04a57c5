"""The inbox's pages and their parts: all that only reads."""

import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from accounts.models import Client, ClientAddress, Location
from conversations.admin.timeline import Entry, changed_since, page_before
from conversations.admin.words import CONVERSATION_TONES, initials
from conversations.services import changes, inboxes, personal, presence
from messaging.admin.composer import Composer, composer_for
from messaging.admin.conversations import CONSENT_TONES, Visit
from messaging.console import lists, words
from messaging.console.rooms import CHANGE, CHANGE_CLIENT, Room, live_url, number, room_of, visit_of
from messaging.services import templating
from messaging.services.templates import VARIABLE
from omega_project.lib.headers import let_listen
from omega_project.lib.reach import within_reach

MOST_ASKED = 200
Addition = Callable[[TemplateResponse, Room], None]
_additions: list[Addition] = []


def add_to_page(addition: Addition) -> None:
    """Let an app above messaging add to the page what is its own (the phone: voice/admin/phone.py)."""
    _additions.append(addition)


def inbox(request: HttpRequest, conversation_id: int | None = None) -> HttpResponse:
    """The page. A conversation that it is opened with comes into its middle by itself."""
    room = room_of(request) if conversation_id is None else _room_with(request, conversation_id)
    position = changes.newest(room.business.pk)  # before all else: what comes later is told to the window
    asked = lists.asked_by(request.GET)
    context = {
        **admin.site.each_context(request),
        **_list_context(room, asked),
        "title": _("Inbox"),
        "position": position,
        "conversation_id": conversation_id,
        "words": words.for_scripts(),
        "live_url": live_url(),
        "views": list(personal.views_of(user_id=request.user.pk or 0, business_id=room.business.pk)),
        "locations": list(Location.objects.in_business(room.business.pk).filter(is_active=True).order_by("name")[:200]),
        "channels": lists.CHANNELS,
    }
    answer = TemplateResponse(request, "console/inbox.html", context)
    let_listen(answer, settings.LIVE_BASE_URL)
    for add in _additions:
        add(answer, room)
    return answer


def _room_with(request: HttpRequest, conversation_id: int) -> Room:
    """The inbox of the business that a conversation is of."""
    visit = visit_of(request, conversation_id)
    query = request.GET.copy()
    query["business"] = str(visit.conversation.business_id)
    request.GET = query  # type: ignore[assignment]
    return room_of(request)


def _list_context(room: Room, asked: lists.Asked, cursor: str | None = None) -> dict[str, Any]:
    return {
        "room": room,
        "asked": asked,
        "folders": lists.FOLDERS,
        "folder": lists.FOLDERS[asked.folder],
        "counts": inboxes.counts(business_id=room.business.pk, staff_id=room.staff_id),
        "stretch": lists.stretch(room, asked, cursor),
    }


def rows(request: HttpRequest) -> HttpResponse:
    """The list anew, or what is behind a cursor of it."""
    room, asked = room_of(request), lists.asked_by(request.GET)
    cursor = request.GET.get("cursor")
    context = {"room": room, "asked": asked, "stretch": lists.stretch(room, asked, cursor), "is_first": not cursor}
    return TemplateResponse(request, "console/rows.html", context | {"folder": lists.FOLDERS[asked.folder]})


def label_choices(request: HttpRequest) -> HttpResponse:
    """The labels that the filter offers."""
    room = room_of(request)
    names = inboxes.labels(business_id=room.business.pk)
    return TemplateResponse(request, "console/label_choices.html", {"names": names, "chosen": request.GET.get("label")})


def thread(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """A conversation for the middle of the page."""
    visit = visit_of(request, conversation_id)
    if visit.conversation.merged_into_id:  # its client is part of another one, and so is what was said
        visit = visit_of(request, visit.conversation.merged_into_id)
    personal.see(user_id=request.user.pk or 0, conversation_id=visit.conversation.pk)
    composer = composer_for(visit.conversation)
    context = {
        **head_of(visit),
        "page": page_before(visit.conversation.pk, visit.names),
        "composer": composer,
        "facts": json.dumps(boxes(composer)),
        "present": json.dumps(presence.present(visit.conversation.pk)),
        "mentionable": [one for one in visit.staff if one.is_active],
    }
    return TemplateResponse(request, "console/thread.html", context)


def head_of(visit: Visit) -> dict[str, Any]:
    """What the head of a conversation and its buttons show."""
    conversation, user = visit.conversation, visit.request.user
    client = conversation.client
    return {
        "conversation": conversation,
        "client": client,
        "initials": initials(str(client)),
        "hue": lists.hue_of(str(client)),
        "tone": CONVERSATION_TONES[conversation.status],
        "staff": visit.assignable,
        "actor_id": visit.actor_id,
        "may_write": user.has_perm(CHANGE) and not is_hidden(visit.request),
        "is_hidden": is_hidden(visit.request),
        "may_change_client": user.has_perm(CHANGE_CLIENT),
    }


def is_hidden(request: HttpRequest) -> bool:
    """Whether what is personal is hidden from this person here: then nothing is written either (accounts/veil.py)."""
    curtain: Any = getattr(request, "curtain", None)
    return curtain is not None and not curtain.is_open


def side(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """The client, for the right of the page."""
    visit = visit_of(request, conversation_id)
    client = visit.conversation.client
    beside = inboxes.beside(conversation_id=visit.conversation.pk)
    context = {
        **head_of(visit),
        "addresses": list(ClientAddress.objects.filter(client_id=client.pk).order_by("kind", "address")[:50]),
        "calls": beside["voice"],
        "notes": [row | {"author": visit.names.get(row["staff_id"], "")} for row in beside["note"][:5]],
        "consent": [
            (_("Texts"), client.get_consent_sms_display(), CONSENT_TONES.get(client.consent_sms)),
            (_("E-mail"), client.get_consent_email_display(), CONSENT_TONES.get(client.consent_email)),
            (_("Calls"), client.get_consent_voice_display(), CONSENT_TONES.get(client.consent_voice)),
        ],
    }
    return TemplateResponse(request, "console/side.html", context)


def older(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """The entries before one of a conversation's."""
    visit = visit_of(request, conversation_id)
    page = page_before(visit.conversation.pk, visit.names, number(request.GET.get("before")))
    return JsonResponse({"entries": rendered(visit, page.entries), "before": page.before})


def rendered(visit: Visit, entries: list[Entry]) -> list[dict[str, Any]]:
    """Entries for the page's script: id, revision and HTML."""
    may_write = visit.request.user.has_perm(CHANGE) and not is_hidden(visit.request)
    told = {"may_write": may_write, "conversation": visit.conversation}
    return [
        {"id": one.row["id"], "rev": one.rev, "html": render_to_string("console/entry.html", told | {"entry": one})}
        for one in entries
    ]


def news(request: HttpRequest) -> HttpResponse:
    """What a window that heard of a change asks for: the rows that it concerns, and what is new in its thread."""
    room, asked = room_of(request), lists.asked_by(request.GET)
    ids = numbers(request.GET.get("ids", ""))
    found = {one.row["id"]: one for one in lists.rows_among(room, asked, ids)}
    answer: dict[str, Any] = {
        "rows": [
            {"id": one, "html": _row_html(room, asked, found[one]) if one in found else ""}
            for one in dict.fromkeys(ids)
        ],
        "counts": inboxes.counts(business_id=room.business.pk, staff_id=room.staff_id),
    }
    if opened := number(request.GET.get("thread")):
        answer["thread"] = _thread_news(visit_of(request, opened), request)
    return JsonResponse(answer)


def _row_html(room: Room, asked: lists.Asked, row: lists.Row) -> str:
    return render_to_string("console/row.html", {"one": row, "room": room, "asked": asked}).strip()


def _thread_news(visit: Visit, request: HttpRequest) -> dict[str, Any]:
    conversation = visit.conversation
    watched = numbers(request.GET.get("watch", ""))
    found = changed_since(conversation.pk, visit.names, number(request.GET.get("after")) or 0, watched)
    if request.GET.get("seen") == "yes":
        personal.see(user_id=request.user.pk or 0, conversation_id=conversation.pk)
    head = render_to_string("console/head.html", head_of(visit), request=request)
    return {
        "id": conversation.pk,
        "entries": rendered(visit, found),
        "head": head.strip(),
        "last": conversation.last_message_id or 0,
        "boxes": boxes(composer_for(conversation)),
    }


def boxes(composer: Composer) -> dict[str, dict[str, Any]]:
    """Both reply boxes as they are now, for the page's script."""
    return {
        box.channel: {"closed": box.closed, "sender": box.sender, "request_id": box.request_id,
                      "subject": box.subject, "answers": box.answers or "", "files": box.files}
        for box in (composer.sms, composer.email)
    }  # fmt: skip


def numbers(text: str) -> list[int]:
    """The ids in a list with commas."""
    return [found for one in text[:8000].split(",") if (found := number(one))][:MOST_ASKED]


def template_choices(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """The business's templates as they would go to this client; each says what it still wants."""
    visit = visit_of(request, conversation_id, CHANGE)
    conversation = visit.conversation
    channel = "email" if request.GET.get("channel") == "email" else "sms"
    text = request.GET.get("q", "").replace("\0", "")[:80]
    narrowing = templating.narrowed(conversation.business_id, text, channel, None)
    found = templating.template_rows(narrowing, limit=20)
    known = templating.known_variables(
        business_id=conversation.business_id, client_id=conversation.client_id, staff_id=visit.actor_id
    )
    own = {name.removeprefix("client."): value for name, value in known.items() if name.startswith("client.")}
    choices = [_filled(row, own | known) for row in found]
    return TemplateResponse(request, "console/templates.html", {"choices": choices, "q": text})


def _filled(row: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    def fill(text: str) -> str:
        return VARIABLE.sub(lambda match: known.get(match[1], match[0]), text)

    return {"id": row["id"], "name": row["name"], "subject": fill(row["subject"]), "body": fill(row["body"])}


def find_client(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """Other clients of the business, to be merged into this one."""
    visit = visit_of(request, conversation_id, CHANGE, CHANGE_CLIENT)
    text = request.GET.get("q", "").replace("\0", "").strip()[:80]
    rows: Any = within_reach(request, Client.objects.all(), "business_id")
    found = rows.in_business(visit.conversation.business_id).filter(merged_into__isnull=True)
    others = found.exclude(pk=visit.conversation.client_id).matching(text).order_by("pk")[:10] if text else []
    return TemplateResponse(request, "console/clients.html", {"clients": list(others), "q": text})
