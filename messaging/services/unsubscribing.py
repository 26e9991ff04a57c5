"""Leaving a list by one click (RFC 8058): the headers that offer it, and what a click does."""

from typing import Any

from django.conf import settings

from messaging.services import consent
from omega_project.lib import signed_ids, sql

_PURPOSE = "mail.unsubscribe"
_MAIL = """
SELECT m.business_id, m.client_id, m.to_address, b.name AS business, t.state
FROM conversations_message m JOIN accounts_business b ON b.id = m.business_id
LEFT JOIN messaging_consent t ON t.business_id = m.business_id AND t.channel = 'email' AND t.address = m.to_address
WHERE m.id = %(id)s AND m.channel = 'email' AND m.direction = 'outbound'
"""
_MARK = """
UPDATE messaging_email SET unsubscribed_at = LEAST(unsubscribed_at, clock_timestamp()) WHERE message_id = %(id)s
"""


def link_for(message_id: int) -> str:
    """The link of one mail: it opts its recipient out at its business, and tells nobody who that is."""
    base = f"{settings.PUBLIC_BASE_URL}/{settings.OMEGA_URL_PREFIX}"
    return f"{base}email/unsubscribe/{signed_ids.word_for(_PURPOSE, message_id)}"


def headers_for(message_id: int) -> dict[str, str]:
    """What a mail program shows its own button for."""
    return {
        "List-Unsubscribe": f"<{link_for(message_id)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def mail_of(token: str) -> dict[str, Any] | None:
    """The mail whose link this is: `business` (its name), `to_address`, `state`; None where we made no such link."""
    message_id = signed_ids.number_in(_PURPOSE, token)
    found = sql.row(_MAIL, {"id": message_id}) if message_id is not None else None
    return found | {"id": message_id} if found else None


def unsubscribe(mail: dict[str, Any]) -> None:
    """Opt the recipient of this mail out; once more changes nothing."""
    sql.in_transaction(lambda: _opt_out(mail))


def _opt_out(mail: dict[str, Any]) -> None:
    consent.change_consent(
        business_id=mail["business_id"], channel="email", address=mail["to_address"], state=consent.OPTED_OUT,
        source="unsubscribe", evidence={"message_id": mail["id"]}, client_id=mail["client_id"],
    )  # fmt: skip
    sql.rows(_MARK, {"id": mail["id"]})
