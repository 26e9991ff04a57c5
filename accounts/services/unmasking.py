"""What a person of support may see of clients as it is: a business's or a client's, for a reason and for a time."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.models import Business, Client, Unmasking
from omega_project.lib.addresses import normalise_email, normalise_phone
from omega_project.lib.api.errors import NotFound, parameter_error
from omega_project.lib.masking import Opened, unmasked

SHORTEST_REASON, LONGEST_REASON = 10, 500


def opened_to(user_id: int) -> Opened:
    """Whose data a person sees now: one query by an index."""
    rows = Unmasking.objects.filter(user_id=user_id, expires_at__gt=timezone.now()).values_list(
        "business_id", "client_id"
    )
    found = list(rows)
    return Opened(
        businesses=tuple(sorted({business for business, client in found if client is None})),
        clients=tuple(sorted({client for _, client in found if client is not None})),
    )


def unmask(*, user: Any, business: Business, client: Client | None, reason: str) -> Unmasking:
    """Open a client, or a whole business, to a person for ADMIN_UNMASK_MINUTES. 422 without a reason in words."""
    words = " ".join(reason.split())
    if len(words) < SHORTEST_REASON:
        raise parameter_error("reason", f"must be a sentence of at least {SHORTEST_REASON} letters")
    if client is not None and client.business_id != business.pk:
        raise NotFound("There is no such client in this business.")
    return Unmasking.objects.create(
        user=user,
        business=business,
        client=client,
        reason=words[:LONGEST_REASON],
        expires_at=timezone.now() + timedelta(minutes=settings.ADMIN_UNMASK_MINUTES),
    )


def clients_at(address: str) -> list[int]:
    """The clients who have exactly this phone or e-mail: what a masked person may look for, since they know it."""
    for normalise in (normalise_phone, normalise_email):
        try:
            whole = normalise(address)
        except ValueError:
            continue
        with unmasked():  # `matching` has the index, and the whole address leaves no other one
            found = Client.objects.matching(whole).filter(Q(phone=whole) | Q(email=whole))
            return list(found.values_list("pk", flat=True)[:100])
    return []


def mask_again(*, user: Any) -> int:
    """End whatever is open to a person; how many."""
    now = timezone.now()
    return Unmasking.objects.filter(user=user, expires_at__gt=now).update(expires_at=now)
