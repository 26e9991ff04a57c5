"""The admin's sidebar: what people come for first, how it works last."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.functional import lazystr
from django.utils.translation import gettext_lazy

UNREAD, PROBLEMS, FAILED = "unread=yes", "state=problems", "state=failed"


def _allowed(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _model(title: str, icon: str, app: str, model: str, query: str = "") -> dict[str, Any]:
    """A link to a model's list for those who may see it."""
    link: Any = reverse_lazy(f"admin:{app}_{model}_changelist")
    return {
        "title": gettext_lazy(title),
        "icon": icon,
        "link": lazystr(_WithQuery(link, query)) if query else link,
        "permission": _allowed(f"{app}.view_{model}"),
        "active": _is_here(link, query),
    }


def _page(title: str, icon: str, name: str, permission: str) -> dict[str, Any]:
    """A link to a page of our own."""
    link: Any = reverse_lazy(f"admin:{name}")
    return {
        "title": gettext_lazy(title),
        "icon": icon,
        "link": link,
        "permission": _allowed(permission),
        "active": lambda request: request.path.startswith(str(link)),
    }


def _is_here(link: Any, query: str) -> Callable[[HttpRequest], bool]:
    """Whether the page is this list or one of its records; a list under a query is not the list without."""
    name, _, value = query.partition("=")

    def is_here(request: HttpRequest) -> bool:
        if not request.path.startswith(str(link)) or "/problems/" in request.path:
            return False
        if query:
            return request.GET.get(name) == value
        return not any(f"{one}={request.GET[one]}" in {UNREAD, PROBLEMS, FAILED} for one in request.GET)

    return is_here


class _WithQuery:
    """A path that is not known before the URLs are, with a query behind it."""

    def __init__(self, link: Any, query: str) -> None:
        self.link, self.query = link, query

    def __str__(self) -> str:
        return f"{self.link}?{self.query}"


def _group(title: str, *items: dict[str, Any], collapsible: bool = False) -> dict[str, Any]:
    return {"title": gettext_lazy(title), "separator": True, "collapsible": collapsible, "items": list(items)}


SIDEBAR: dict[str, Any] = {
    "show_search": False,
    "show_all_applications": False,
    "navigation": [
        _group(
            "Inbox",
            {
                "title": "Inbox",
                "icon": "inbox",
                "link": reverse_lazy("admin:inbox"),
                "permission": _allowed("conversations.view_conversation"),
                "active": lambda request: request.path.startswith("/admin/inbox/"),
            },
            _page("Dashboard", "monitoring", "messaging_dashboard", "messaging.view_reportday"),
            _model("Conversations", "forum", "conversations", "conversation"),
            _model("Unread", "mark_chat_unread", "conversations", "conversation", UNREAD),
            _model("Templates", "quick_phrases", "messaging", "template"),
        ),
        _group(
            "People",
            _model("Clients", "group", "accounts", "client"),
            _model("Staff", "badge", "accounts", "staff"),
            _model("Locations", "location_on", "accounts", "location"),
            _model("Businesses", "storefront", "accounts", "business"),
            _model("Onboarding", "rocket_launch", "onboarding", "onboarding"),
        ),
        _group(
            "Delivery",
            _model("Messages", "send", "conversations", "message"),
            _page("Problems", "sms_failed", "conversations_message_problems", "conversations.view_message"),
            _model("Webhook events", "webhook", "messaging", "webhookevent"),
            _model("Failed events", "report", "messaging", "webhookevent", FAILED),
        ),
        _group(
            "Calls",
            _model("Calls", "call", "voice", "call"),
            _model("Settings of calls", "settings_phone", "voice", "voicesettings"),
            _model("Recordings", "voicemail", "voice", "recording"),
            _model("Legs", "call_split", "voice", "leg"),
            collapsible=True,
        ),
        _group(
            "Consent",
            _model("Consent", "verified_user", "messaging", "consent"),
            _model("Changes", "fact_check", "messaging", "consentchange"),
        ),
        _group(
            "Senders & keys",
            _model("Senders", "dialpad", "accounts", "sender"),
            _model("Provider accounts", "cell_tower", "accounts", "provideraccount"),
            _model("Circuit breakers", "electrical_services", "messaging", "circuit"),
            _model("Silence", "hearing_disabled", "messaging", "hearing"),
            _model("API keys", "key", "accounts", "apikey"),
            _model("Tokens", "token", "accounts", "accesstoken"),
        ),
        _group(
            "Webhooks out",
            _model("Endpoints", "webhook", "messaging", "webhookendpoint"),
            _model("Deliveries", "outbound", "messaging", "webhookdelivery"),
            collapsible=True,
        ),
        _group(
            "Vocabulary",
            _model("Consent keywords", "spellcheck", "messaging", "consentkeyword"),
            _model("Carrier codes", "menu_book", "messaging", "carriercode"),
            _model("Retry rules", "replay", "messaging", "retryrule"),
            collapsible=True,
        ),
        _group(
            "Records",
            _model("Attempts", "flight_takeoff", "messaging", "attempt"),
            _model("Status changes", "timeline", "conversations", "messageevent"),
            _model("Read marks", "done_all", "conversations", "messageread"),
            _model("Mails", "mail", "messaging", "email"),
            _model("Attachments", "attach_file", "conversations", "attachment"),
            _model("Feed of changes", "rss_feed", "conversations", "change"),
            _model("Assignments", "assignment_ind", "conversations", "assignment"),
            _model("Notifications", "notifications", "conversations", "notification"),
            _model("Seen marks", "visibility", "conversations", "seen"),
            _model("Saved views", "bookmark", "conversations", "savedview"),
            _model("Merges of clients", "call_merge", "conversations", "clientmerge"),
            _model("Further addresses", "contact_phone", "accounts", "clientaddress"),
            _model("Watermarks", "water", "messaging", "watermark"),
            _model("Hours of callbacks", "hearing", "messaging", "hearinghour"),
            _model("Counted callbacks", "bookmark", "messaging", "listeningmark"),
            _model("Days of reports", "today", "messaging", "reportday"),
            _model("Figures of reports", "query_stats", "messaging", "reportfigure"),
            _model("Sender budgets", "speed", "messaging", "senderbudget"),
            _model("Sender queues", "traffic", "messaging", "senderqueue"),
            _model("Onboarding steps", "checklist", "onboarding", "onboardingstep"),
            _model("Onboarding requests", "move_to_inbox", "onboarding", "onboardingrequest"),
            _model("Invitations", "forward_to_inbox", "onboarding", "invitation"),
            collapsible=True,
        ),
        _group(
            "Operations",
            {
                "title": gettext_lazy("Job queues"),
                "icon": "stacks",
                "link": "/django-rq/",
                "permission": _allowed("django_rq.view_dashboard"),
            },
            {"title": gettext_lazy("API"), "icon": "api", "link": reverse_lazy("docs")},
            _model("Logins", "lock_person", "auth", "user"),
            _model("Groups", "groups", "auth", "group"),
            _model("Roles", "admin_panel_settings", "accounts", "adminrole"),
            _model("Authenticators", "phonelink_lock", "accounts", "authenticator"),
            _model("Recovery codes", "password", "accounts", "recoverycode"),
            _model("Login tries", "gpp_maybe", "accounts", "logintries"),
            _model("Reasons of support", "visibility", "accounts", "unmasking"),
            _model("Audit trail", "history_edu", "accounts", "auditentry"),
        ),
    ],
}
