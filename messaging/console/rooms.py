"""Who looks at what: the business whose inbox is open, who among its staff looks, and the conversation in hand."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from accounts.models import Business, Staff
from conversations.models import Conversation
from messaging.admin.conversations import Visit
from omega_project.lib.reach import reach_of, within_reach

VIEW, CHANGE, CHANGE_CLIENT = (
    "conversations.view_conversation", "conversations.change_conversation", "accounts.change_client",
)  # fmt: skip
MOST_BUSINESSES = 500
_REMEMBERED = "omega_inbox_business"
_STAFF = ("pk", "name", "email", "is_active", "availability", "business_id")


@dataclass(frozen=True, slots=True)
class Room:
    """A business's inbox as one person sees it. `businesses`: those that this person may change to."""

    request: HttpRequest
    business: Business
    businesses: list[Business]
    staff: list[Staff]

    @property
    def names(self) -> dict[int, str]:
        return {one.pk: one.name for one in self.staff}

    @property
    def staff_id(self) -> int | None:
        """Who looks, among the business's staff."""
        return actor_of(self.request, self.staff)

    @property
    def may_write(self) -> bool:
        return bool(self.request.user.has_perm(CHANGE))


def actor_of(request: HttpRequest, staff: list[Staff]) -> int | None:
    """Who this login is by its role; else the staff member who has its e-mail address, if one has."""
    return Visit(request, Conversation(), staff).actor_id


def require(request: HttpRequest, *permissions: str) -> None:
    """403 where the person lacks one of these."""
    if not all(request.user.has_perm(one) for one in permissions):
        raise PermissionDenied


def room_of(request: HttpRequest) -> Room:
    """The inbox that a request is about: the business that it names, else the one of last time, else the first."""
    require(request, VIEW)
    asked = number(request.GET.get("business"))
    reach = reach_of(request)
    if reach.is_everything:
        businesses = list(Business.objects.order_by("name", "pk")[:MOST_BUSINESSES])
    else:
        businesses = list(Business.objects.filter(pk=reach.business_id or 0))
    wanted = asked or request.session.get(_REMEMBERED)
    business = next((one for one in businesses if one.pk == wanted), None)
    if business is None and asked:
        raise Http404
    if business is None and not businesses:
        raise PermissionDenied
    business = business or businesses[0]
    if request.session.get(_REMEMBERED) != business.pk:
        request.session[_REMEMBERED] = business.pk
    return Room(request, business, businesses, staff_of(business.pk))


def staff_of(business_id: int) -> list[Staff]:
    return list(Staff.objects.in_business(business_id).only(*_STAFF).order_by("name"))


def visit_of(request: HttpRequest, conversation_id: int, *permissions: str) -> Visit:
    """The conversation, for a person who may see it and has the permissions besides; 404 where it is not theirs."""
    require(request, VIEW, *permissions)
    rows: Any = within_reach(request, Conversation.objects.all(), "business_id")
    found = rows.select_related("client", "business", "assigned_to", "location").filter(pk=conversation_id).first()
    if found is None:
        raise Http404
    return Visit(request, found, staff_of(found.business_id))


def number(text: str | None) -> int | None:
    """An id out of a form or a query; None where it is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def live_url() -> str:
    """Where windows listen for news; on the page's own host where nothing else is said."""
    return f"{settings.LIVE_BASE_URL}/admin/inbox/live/"
