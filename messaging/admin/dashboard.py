"""The admin's first page: what waits for somebody, counted no further than a glance needs."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from conversations.models import Conversation, Message
from messaging.admin.messages import FAILED
from messaging.models import Circuit, Hearing, WebhookEvent
from omega_project.lib.admin import moment
from omega_project.lib.reach import within_reach

MOST_COUNTED = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """One card: what it counts, how many, and where they are."""

    title: str
    value: str
    sentence: str
    icon: str
    tone: str
    url: str


def figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """UNFOLD's DASHBOARD_CALLBACK: four small look-ups by partial indexes, for those who may see the lists."""
    if request.user.has_perms(["conversations.view_conversation", "conversations.view_message"]):
        threads = within_reach(request, Conversation.objects.all(), "business_id")
        messages = within_reach(request, Message.objects.all(), "business_id")
        context["figures"] = [_unread(threads), _waiting(messages), _problems(messages)]
        if request.user.has_perm("messaging.view_webhookevent"):
            context["figures"].append(_failed_events())
        if request.user.has_perm("messaging.view_circuit") and (accounts := _shut_accounts()):
            context["figures"].append(accounts)
        senders = within_reach(request, Hearing.objects.all(), "sender__business_id")
        if request.user.has_perm("messaging.view_hearing") and (silent := _silent_senders(senders)):
            context["figures"].append(silent)
    return context


def _counted(rows: QuerySet[Any]) -> tuple[int, str]:
    """How many rows there are, as a number and in words, given up at a hundred."""
    found = len(rows.values_list("pk", flat=True)[: MOST_COUNTED + 1])
    return found, f"{MOST_COUNTED}+" if found > MOST_COUNTED else str(found)


def _list(model: str, query: str) -> str:
    return f"{reverse(f'admin:{model}_changelist')}?{query}"


def _unread(threads: QuerySet[Any]) -> Figure:
    count, shown = _counted(threads.filter(unread_count__gt=0, merged_into__isnull=True))
    sentence = _("Clients wait for an answer.") if count else _("Everything is read.")
    url = _list("conversations_conversation", "unread=yes")
    return Figure(_("Unread conversations"), shown, sentence, "mark_chat_unread", "primary", url)


def _waiting(messages: QuerySet[Any]) -> Figure:
    due = messages.filter(status="queued", due_at__lte=timezone.now())
    count, shown = _counted(due)
    oldest = due.order_by("due_at").values_list("due_at", flat=True).first() if count else None
    sentence = format_html(_("The oldest since {}."), moment(oldest)) if oldest else _("Nothing waits to be sent.")
    return Figure(
        _("Due to be sent"), shown, sentence, "schedule_send", "info", _list("conversations_message", "state=waiting")
    )


def _problems(messages: QuerySet[Any]) -> Figure:
    count, shown = _counted(messages.filter(status__in=FAILED))
    sentence = _("Failed, undelivered or of unknown outcome.") if count else _("Every message went as it should.")
    url = _list("conversations_message", "state=problems")
    return Figure(_("Messages with problems"), shown, sentence, "sms_failed", "danger" if count else "success", url)


def _failed_events() -> Figure:
    count, shown = _counted(WebhookEvent.objects.filter(status="failed"))
    sentence = _("Look at their errors, mend the cause, replay.") if count else _("All that came in was understood.")
    url = _list("messaging_webhookevent", "state=failed")
    return Figure(_("Failed webhook events"), shown, sentence, "webhook", "warning" if count else "success", url)


def _silent_senders(senders: QuerySet[Any]) -> Figure | None:
    """A card only where there is something to see."""
    silent = Q(inbound_silent_since__isnull=False) | Q(receipts_silent_since__isnull=False)
    count, shown = _counted(senders.filter(silent))
    sentence = _("They used to hear of their provider: look at its webhooks.")
    url = reverse("admin:messaging_hearing_changelist")
    return Figure(_("Silent senders"), shown, sentence, "hearing_disabled", "danger", url) if count else None


def _shut_accounts() -> Figure | None:
    """A card only where there is something to see."""
    count, shown = _counted(Circuit.objects.exclude(state=Circuit.State.CLOSED))
    sentence = _("They fail again and again: their messages wait, and a few try.")
    url = reverse("admin:messaging_circuit_changelist")
    return Figure(_("Provider accounts shut"), shown, sentence, "electrical_services", "danger", url) if count else None
