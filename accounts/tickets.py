"""A ticket opens one business's stream for a minute, in place of the credential that was shown for it.

The process that holds streams may listen at another port or host, and a client that is sent there leaves its header
and its cookie behind. A ticket stands for what it was made from: it is good while the key and the token are.
"""

from typing import Any

from django.core import signing
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.authentication import ApiKeyAuthentication, Credential
from accounts.services.credentials import still_good
from omega_project.lib.api.callers import caller

SECONDS = 60
_SALT = "events-ticket"


def ticket_for(request: Request, business_id: int) -> str:
    """A ticket for a request that was let in to this business."""
    by = caller(request)
    return signing.dumps([by.key_id, by.token_id, by.staff_id, business_id], salt=_SALT)


class TicketAuthentication(ApiKeyAuthentication):
    """The query's `ticket`; who has none is asked for a credential as everywhere."""

    def authenticate(self, request: Request) -> tuple[Any, Credential] | None:
        given = request.query_params.get("ticket")
        if not given:
            return None
        try:
            key_id, token_id, staff_id, business_id = signing.loads(given, salt=_SALT, max_age=SECONDS)
        except (signing.BadSignature, ValueError):
            raise AuthenticationFailed("This ticket is wrong or too old: please ask the first address again.") from None
        if not still_good([(key_id, token_id)]):
            raise AuthenticationFailed("What this ticket was made from is expired or revoked.")
        return None, Credential(key_id, business_id, staff_id, token_id)
