"""The board of messages that did not go: their reasons, how many each has, samples, and a retry of a whole group."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations.admin.words import CHANNEL_ICONS, DELIVERY
from messaging.services.problems import problem_groups
from messaging.services.retrying import MOST_AT_ONCE, Retried, Wanted, retry_failed
from omega_project.lib import wording
from omega_project.lib.audit import touch
from omega_project.lib.reach import reach_of

SPANS = [("1", "a day"), ("7", "a week"), ("30", "30 days"), ("", "ever")]
wording.say(*(label for _, label in SPANS))
BOARD, AGAIN = "conversations_message_problems", "conversations_message_problems_retry"
_STATUSES = ("failed", "undelivered", "unknown")


class ProblemBoard:
    """What a message's admin has besides for the board. Beside an OmegaAdmin of messages."""

    admin_site: Any
    opts: Any

    def problem_urls(self) -> list[URLPattern]:
        def at(part: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(part, self.admin_site.admin_view(view), name=name)

        return [
            at("problems/", require_GET(self.problems), BOARD),
            at("problems/retry/", require_POST(self.retry_group), AGAIN),
        ]

    def problems(self, request: HttpRequest) -> HttpResponse:
        """The groups, as far as this person reaches."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        days = request.GET.get("days", "7")
        days = days if days in dict(SPANS) else "7"
        reach = reach_of(request)
        nothing = not reach.is_everything and reach.business_id is None
        groups = [] if nothing else problem_groups(business_id=reach.business_id, since=_since(days))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Messages that did not go"),
            "groups": [_shown(group) for group in groups],
            "spans": SPANS,
            "days": days,
            "may_act": self.has_act_permission(request),  # type: ignore[attr-defined]
            "most": MOST_AT_ONCE,
        }
        return TemplateResponse(request, "admin/omega_lib/problems.html", context)

    def retry_group(self, request: HttpRequest) -> HttpResponse:
        """Try the latest thousand of a group again; permanent faults and unknown outcomes by `force` alone."""
        reach = reach_of(request)
        if not self.has_act_permission(request) or not (reach.is_everything or reach.business_id):  # type: ignore[attr-defined]
            raise PermissionDenied
        form = request.POST
        back = HttpResponseRedirect(f"{reverse(f'admin:{BOARD}')}?days={form.get('days', '')[:3]}")
        if form.get("status") not in _STATUSES or len(form.get("code", "")) > 64:
            return back
        done = retry_failed(
            Wanted(
                business_id=reach.business_id, channel=form.get("channel", ""), status=form["status"],
                error_code=form.get("code", ""), failed_after=_since(form.get("days", "")), limit=MOST_AT_ONCE,
                direction="outbound", force=form.get("force") == "1", source="admin",
            )
        )  # fmt: skip
        touch(request, f"admin.message: retry {len(done.retried)} of a group", fields=["status", "error_code"])
        self.told_retried(request, done)
        return back

    def told_retried(self, request: HttpRequest, done: Retried) -> None:
        """Say how it went; the admin of messages does."""
        raise NotImplementedError


def _since(days: str) -> Any:
    return timezone.now() - timedelta(days=int(days)) if days in {"1", "7", "30"} else None


def _shown(group: dict[str, Any]) -> dict[str, Any]:
    can_retry = group["is_ours"] and group["status"] in _STATUSES and group["error_code"] not in {"opted_out", "21610"}
    look = DELIVERY[group["status"]]
    return group | {
        "look": look,
        "icon": CHANNEL_ICONS.get(group["channel"], "chat_bubble"),
        "sentence": group["sentence"] or look.sentence,
        "can_retry": can_retry and group["is_retryable"] and group["status"] != "unknown",
        "can_force": can_retry,
    }
