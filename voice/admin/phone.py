"""The phone in the browser: click-to-call and calls that ring, on a conversation's page and in the inbox."""

from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Staff
from conversations.models import Conversation
from messaging.admin.composer import Composer
from messaging.admin.conversations import ConversationAdmin, Visit
from messaging.console.rooms import CHANGE, Room, room_of, visit_of
from messaging.console.views import add_to_page, is_hidden
from omega_project.lib.admin import sentences_of
from omega_project.lib.api.errors import ApiError, Conflict
from omega_project.lib.headers import let_call
from omega_project.lib.reach import reach_of
from voice.services import tokens

# Twilio's signalling, its report of qualities, and the sounds that its library plays.
_TWILIO = ("https://*.twilio.com", "wss://*.twilio.com")
_SDK = "voice/twilio-voice-sdk-2.18.5/twilio.min.js"
_TOKEN = "conversations_conversation_call_token"  # noqa: S105  a view's name
_NOBODY = gettext_lazy("Your log-in is no staff member of this business, so that nobody could be called back.")
# What the phone says, in the language of the page.
_WORDS: dict[str, Any] = {
    "calling": gettext_lazy("Calling …"),
    "ringing": gettext_lazy("Ringing …"),
    "talking": gettext_lazy("Talking"),
    "ended": gettext_lazy("Ended"),
    "endedAfter": gettext_lazy("Ended after {length}"),
    "isCalling": gettext_lazy("{caller} is calling"),
    "here": gettext_lazy("Calls ring here"),
    "noToken": gettext_lazy("The phone could not be set up. Try again, or load the page anew."),
    "noProgram": gettext_lazy("The phone's program could not be loaded."),
    "noCarrier": gettext_lazy("The sandbox carrier cannot be reached."),
    "refused": gettext_lazy("The sandbox carrier refused it."),
    "busy": gettext_lazy("One call at a time: this one first."),
}


@dataclass(frozen=True, slots=True)
class Phone:
    """What the page is told. `callers`: as whom this person may call; `closed`: why not at all; `client_id`: whom."""

    token_url: str
    callers: list[Staff]
    caller_id: int | None
    closed: str
    client_id: int | None = None
    facts_url: str = ""
    words: dict[str, str] = field(default_factory=lambda: {name: str(text) for name, text in _WORDS.items()})
    carrier: str = field(default_factory=lambda: carrier())
    sdk: str = field(default_factory=lambda: static(_SDK))


def _callers(request: HttpRequest, staff: list[Staff], actor_id: int | None) -> list[Staff]:
    """A person calls as themselves; support, which is nobody's staff, as anybody of the business."""
    active = [one for one in staff if one.is_active]
    if actor_id is not None:
        return [one for one in active if one.pk == actor_id]
    return active if reach_of(request).is_everything else []


def _callers_of(visit: Visit) -> list[Staff]:
    return _callers(visit.request, visit.staff, visit.actor_id)


def _chosen(visit: Visit, callers: list[Staff]) -> int | None:
    known = [one.pk for one in callers]
    assignee = visit.conversation.assigned_to_id
    return assignee if assignee in known else next(iter(known), None)


def _closed(visit: Visit, callers: list[Staff]) -> str:
    client = visit.conversation.client
    reasons = [
        (not callers, _NOBODY),
        (not client.phone.startswith("+"), _("This client has no phone number to call.")),
        (client.is_blocked, _("This client is blocked.")),
        (client.consent_voice == "opted_out", _("This client does not want to be called.")),
        (visit.conversation.business.status != "active", _("This business is suspended.")),
    ]
    return next((str(sentence) for is_so, sentence in reasons if is_so), "")


def carrier() -> str:
    """Where the sandbox's devices register; empty for Twilio itself."""
    parts = urlsplit(settings.TWILIO_API_BASE_URL)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


admin.site.unregister(Conversation)


@admin.register(Conversation)
class CallingConversationAdmin(ConversationAdmin):
    """The conversation's page of messaging, with a phone."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.call_token))
        return [path("<int:object_id>/call-token/", view, name=_TOKEN), *super().get_urls()]

    def page(self, visit: Visit, composer: Composer, status: int = 200) -> HttpResponse:
        """The page, with what its phone needs to know and to reach."""
        answer = super().page(visit, composer, status)
        if isinstance(answer, TemplateResponse) and self.has_change_permission(visit.request):
            callers = _callers_of(visit)
            answer.context_data = (answer.context_data or {}) | {
                "phone": Phone(
                    token_url=reverse(f"admin:{_TOKEN}", args=[visit.conversation.pk]),
                    callers=callers,
                    caller_id=_chosen(visit, callers),
                    closed=_closed(visit, callers),
                    client_id=visit.conversation.client_id,
                )
            }
            let_call(answer, *_origins())
        return answer

    def call_token(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """A token for the person's own phone, or for that of the staff member whom support plays."""
        visit = self.visit(request, object_id)
        return _token(request, visit.conversation.business_id, _callers_of(visit))


def _origins() -> tuple[str, ...]:
    return (carrier(),) if carrier() else _TWILIO


def _token(request: HttpRequest, business_id: int, callers: list[Staff]) -> HttpResponse:
    """A token for one of these: the one that the form names, else the first."""
    asked = request.POST.get("staff", "")
    staff = next((one for one in callers if str(one.pk) == asked), callers[0] if callers else None)
    try:
        if staff is None:
            raise Conflict(str(_NOBODY), "staff_unavailable")
        made = tokens.make_token(business_id=business_id, staff_id=staff.pk)
    except ApiError as error:
        return JsonResponse({"errors": sentences_of(error)}, status=error.status)
    answer = JsonResponse(asdict(made) | {"name": staff.name})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def in_inbox(answer: TemplateResponse, room: Room) -> None:
    """The phone of the inbox: one for the whole page, so that a call goes on while another conversation is read."""
    if not room.may_write or is_hidden(room.request):
        return
    callers = _callers(room.request, room.staff, room.staff_id)
    query = f"?business={room.business.pk}"
    answer.context_data = (answer.context_data or {}) | {
        "phone": Phone(
            token_url=reverse("admin:inbox_call_token") + query,
            callers=callers,
            caller_id=next((one.pk for one in callers), None),
            closed="",
            facts_url=reverse("admin:inbox_phone", args=[0]),
        )
    }
    let_call(answer, *_origins(), *([settings.LIVE_BASE_URL] if settings.LIVE_BASE_URL else []))


def inbox_facts(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """Whom the inbox's phone calls from a conversation: the client, as whom, and why not at all."""
    visit = visit_of(request, conversation_id, CHANGE)
    callers = _callers_of(visit)
    return JsonResponse(
        {
            "client": visit.conversation.client_id,
            "name": str(visit.conversation.client),
            "as": _chosen(visit, callers),
            "closed": _closed(visit, callers),
        }
    )


def inbox_token(request: HttpRequest) -> HttpResponse:
    """A token for the inbox's phone, in the business that is open."""
    room = room_of(request)
    if not room.may_write or is_hidden(request):
        raise PermissionDenied
    return _token(request, room.business.pk, _callers(request, room.staff, room.staff_id))


inbox_urls = [
    path("inbox/call-token/", admin.site.admin_view(require_POST(inbox_token)), name="inbox_call_token"),
    path("inbox/<int:conversation_id>/phone/", admin.site.admin_view(require_GET(inbox_facts)), name="inbox_phone"),
]

add_to_page(in_inbox)
