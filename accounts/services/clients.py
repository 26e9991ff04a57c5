"""Clients made by what happens: somebody writes, or is written to, for the first time."""

from typing import Any

from omega_project.lib import sql

_MAKE = """
INSERT INTO accounts_client (business_id, first_name, last_name, phone, email, timezone, locale, tags, is_blocked,
                             consent_sms, consent_email, consent_voice, created_at, updated_at)
VALUES (%(business)s, '', '', %(phone)s, %(email)s, '', '', '{}', false, %(sms)s, %(mail)s, 'unknown', now(), now())
RETURNING id
"""


def create_client(
    *, business_id: int, phone: str = "", email: str = "", sms: str = "unknown", mail: str = "unknown"
) -> int:
    """A client known by an address alone; `sms` and `mail` are the consent that its address already has."""
    params: dict[str, Any] = {"business": business_id, "phone": phone, "email": email, "sms": sms, "mail": mail}
    return int(sql.rows(_MAKE, params)[0]["id"])
