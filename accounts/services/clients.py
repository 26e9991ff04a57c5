"""Clients made by what happens: somebody writes, or is written to, for the first time."""

from collections.abc import Mapping
from typing import Any

from omega_project.lib import sql

_MAKE = """
INSERT INTO accounts_client (business_id, first_name, last_name, phone, email, timezone, locale, tags, is_blocked,
                             consent_sms, consent_email, consent_voice, created_at, updated_at)
VALUES (%(business)s, '', '', %(phone)s, %(address)s, '', '', '{}', false, %(sms)s, %(email)s, 'unknown', now(), now())
RETURNING id
"""


def create_client(
    *, business_id: int, phone: str = "", email: str = "", consent: Mapping[str, str] | None = None
) -> int:
    """A client known by an address alone; `consent`, by channel, is what its address already has."""
    states = {"sms": "unknown", "email": "unknown"} | dict(consent or {})
    params: dict[str, Any] = {"business": business_id, "phone": phone, "address": email, **states}
    return int(sql.rows(_MAKE, params)[0]["id"])
