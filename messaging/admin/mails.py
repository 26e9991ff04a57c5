"""A client's mail in the admin: its text and its HTML in frames where nothing runs, its source, held ones decided.

The frames are documents of their own under a policy that lets nothing in but their pictures, those from elsewhere only
after somebody has asked for them.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from conversations.admin.words import AUTOMATIC, why_held
from conversations.media_links import link_for
from conversations.models import Attachment, Message
from messaging.mail.html import has_remote, is_bearable, sanitised, shown
from messaging.models import Email
from messaging.services.held_mail import accept_held_mail, move_held_mail
from omega_project.lib import wording
from omega_project.lib.admin import PostAction, tell

ACCEPT = PostAction("accept_held", "It is this client's", "check", "primary")
MOVE = PostAction("move_held", "Not this client's: move it", "move_item", "danger")
_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><base target="_blank">
<style>
body {{ background: #fff; color: #1f2937; font: 14px/1.5 system-ui, sans-serif; margin: 12px; }}
body {{ overflow-wrap: anywhere; }} img {{ height: auto; max-width: 100%; }}
blockquote {{ border-left: 2px solid #ccc; margin: 8px 0; padding-left: 10px; }}
pre {{ font: inherit; margin: 0; white-space: pre-wrap; }} table {{ max-width: 100%; }}
</style></head><body>{content}</body></html>
"""


class MailPages:
    """What a message's admin has besides for mail. Beside an OmegaAdmin of messages."""

    admin_site: Any

    def mail_urls(self) -> list[URLPattern]:
        def at(part: str, view: Callable[..., Any]) -> URLPattern:
            guarded = self.admin_site.admin_view(require_GET(view))
            return path(f"<int:object_id>/mail/{part}/", guarded, name=f"conversations_message_mail_{part}")

        return [at("text", self.mail_text), at("html", self.mail_html), at("source", self.mail_source)]

    def mail_text(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Everything that was written, with what it quotes."""
        message = self._message(request, object_id)
        mail = Email.objects.filter(pk=message.pk).first()
        text = (mail.full_text if mail else "") or message.body
        return _framed(f"<pre>{escape(text)}</pre>", remote=False)

    def mail_html(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The kept HTML; `?remote=1` with the pictures that other servers have."""
        message = self._message(request, object_id)
        remote = request.GET.get("remote") == "1"
        return _framed(shown(_harmless(message), _pictures(message), remote=remote), remote=remote)

    def mail_source(self, request: HttpRequest, object_id: int) -> FileResponse:
        """The mail as it came, to be downloaded."""
        message = self._message(request, object_id)
        mail = Email.objects.filter(pk=message.pk).exclude(source="").first()
        if mail is None or not mail.source.storage.exists(str(mail.source.name)):
            raise Http404
        return as_download(mail.source.open("rb"), f"mail-{message.pk}.eml")

    def _message(self, request: HttpRequest, object_id: int) -> Message:
        found: Message | None = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        if found is None or found.channel != Message.Channel.EMAIL:
            raise Http404
        if not self.has_view_permission(request, found):  # type: ignore[attr-defined]
            raise PermissionDenied
        return found

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whose mail it is decides who may work on conversations; the rest, who may change messages."""
        match = request.resolver_match
        if match and match.kwargs.get("action") in {ACCEPT.name, MOVE.name}:
            return bool(request.user.has_perm("conversations.change_conversation"))
        return bool(super().has_act_permission(request))  # type: ignore[misc]

    def accept_held(self, request: HttpRequest, obj: Message) -> HttpResponse:
        tell(request, [accept_held_mail(message_id=obj.pk)])
        self.log_change(request, obj, "Held mail accepted.")  # type: ignore[attr-defined]
        return _to_conversation(obj.conversation_id)

    def move_held(self, request: HttpRequest, obj: Message) -> HttpResponse:
        conversation_id = move_held_mail(message_id=obj.pk)
        tell(request, [_("The mail is in a conversation of its own now: this one.")])
        self.log_change(request, obj, "Held mail moved.")  # type: ignore[attr-defined]
        return _to_conversation(conversation_id)


def actions_for(message: Message) -> tuple[PostAction, ...]:
    """What can be done about a held mail; nothing about any other."""
    return (ACCEPT, MOVE) if message.channel == "email" and message.metadata.get("held") else ()


def facts_of(message: Message) -> dict[str, Any] | None:
    """What a message's page tells of its mail; None where it has none."""
    mail = Email.objects.filter(pk=message.pk).first()
    if mail is None:
        return None
    proof = message.metadata.get("authentication") or {}
    return {
        "row": mail,
        "held": why_held(message.metadata.get("held", ""), mail.held_from),
        "automatic": AUTOMATIC.get(message.metadata.get("automatic", ""), ""),
        "from_name": message.metadata.get("from_name", ""),
        "proof": _(PROOFS[proof["verdict"]]) if proof.get("verdict") in PROOFS else "",
        "spf": proof.get("spf", ""),
        "dkim": ", ".join(f"{domain}: {word}" for domain, word in (proof.get("dkim") or {}).items()),
        "incomplete": bool(message.metadata.get("incomplete")),
        "has_html": bool(message.html),
        "has_remote": has_remote(message.html),
        "has_source": bool(mail.source),
    }


PROOFS = {
    "pass": "The sender's domain vouches for it.",
    "fail": "The sender's domain denies it: it may be forged.",
    "unknown": "Nobody vouches for the sender.",
}
wording.say(*PROOFS.values())


def _harmless(message: Message) -> str:
    """What a client wrote, made safe here too: a host platform records a mail as it has it."""
    if message.direction != Message.Direction.INBOUND:
        return message.html
    return sanitised(message.html) if is_bearable(message.html) else f"<pre>{escape(message.body)}</pre>"


def _pictures(message: Message) -> dict[str, str]:
    """Links to the pictures in the text, by their Content-ID."""
    ids = list(Attachment.objects.filter(message_id=message.pk, status="stored").values_list("pk", flat=True))
    places = message.metadata.get("inline") or {}
    known = {name: at for name, at in places.items() if isinstance(at, int) and 0 <= at < len(ids)}
    return {name: link_for(ids[at]) for name, at in known.items()}


def _framed(content: str, *, remote: bool) -> HttpResponse:
    own = settings.PUBLIC_BASE_URL
    pictures = "https: http:" if remote else f"'self' {own}"
    response = HttpResponse(_FRAME.format(content=content))
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; img-src {pictures}; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; "
        "form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def as_download(file: Any, name: str) -> FileResponse:
    """A file of somebody else's, never opened in the browser."""
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _to_conversation(conversation_id: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:conversations_conversation_change", args=[conversation_id]) + "#end")
