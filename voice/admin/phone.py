"""The phone on a conversation's page: click-to-call, and calls that ring in the browser."""

from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from accounts.models import Staff
from conversations.models import Conversation
from messaging.admin.composer import Composer
from messaging.admin.conversations import ConversationAdmin, Visit
from omega_project.lib.admin import sentences_of
from omega_project.lib.api.errors import ApiError, Conflict
from omega_project.lib.headers import let_call
from omega_project.lib.reach import reach_of
from voice.services import tokens

# Twilio's signalling, its report of qualities, and the sounds that its library plays.
_TWILIO = ("https://*.twilio.com", "wss://*.twilio.com")
_SDK = "voice/twilio-voice-sdk-2.18.5/twilio.min.js"
_TOKEN = "conversations_conversation_call_token"  # noqa: S105  a view's name
_NOBODY = "Your log-in is no staff member of this business, so that nobody could be called back."


@dataclass(frozen=True, slots=True)
class Phone:
    """What the page is told. `callers`: as whom this person may call; `closed`: why not at all."""

    token_url: str
    carrier: str
    sdk: str
    callers: list[Staff]
    caller_id: int | None
    closed: str


def _callers(visit: Visit) -> list[Staff]:
    """A person calls as themselves; support, which is nobody's staff, as anybody of the business."""
    active = [one for one in visit.staff if one.is_active]
    if visit.actor_id is not None:
        return [one for one in active if one.pk == visit.actor_id]
    return active if reach_of(visit.request).is_everything else []


def _chosen(visit: Visit, callers: list[Staff]) -> int | None:
    known = [one.pk for one in callers]
    assignee = visit.conversation.assigned_to_id
    return assignee if assignee in known else next(iter(known), None)


def _closed(visit: Visit, callers: list[Staff]) -> str:
    client = visit.conversation.client
    reasons = [
        (not callers, _NOBODY),
        (not client.phone.startswith("+"), "This client has no phone number to call."),
        (client.is_blocked, "This client is blocked."),
        (client.consent_voice == "opted_out", "This client does not want to be called."),
        (visit.conversation.business.status != "active", "This business is suspended."),
    ]
    return next((sentence for is_so, sentence in reasons if is_so), "")


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
            callers = _callers(visit)
            answer.context_data = (answer.context_data or {}) | {
                "phone": Phone(
                    token_url=reverse(f"admin:{_TOKEN}", args=[visit.conversation.pk]),
                    carrier=carrier(),
                    sdk=static(_SDK),
                    callers=callers,
                    caller_id=_chosen(visit, callers),
                    closed=_closed(visit, callers),
                )
            }
            let_call(answer, *([carrier()] if carrier() else _TWILIO))
        return answer

    def call_token(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """A token for the person's own phone, or for that of the staff member whom support plays."""
        visit = self.visit(request, object_id)
        callers = _callers(visit)
        asked = request.POST.get("staff", "")
        staff = next((one for one in callers if str(one.pk) == asked), callers[0] if callers else None)
        try:
            if staff is None:
                raise Conflict(_NOBODY, "staff_unavailable")
            made = tokens.make_token(business_id=visit.conversation.business_id, staff_id=staff.pk)
        except ApiError as error:
            return JsonResponse({"errors": sentences_of(error)}, status=error.status)
        answer = JsonResponse(asdict(made) | {"name": staff.name})
        answer.headers["Cache-Control"] = "no-store"
        return answer
