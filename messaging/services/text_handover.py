"""Texts in a provider's terms."""

from functools import partial
from typing import Any

from django.conf import settings

from conversations.media_links import link_for
from messaging.providers.base import Outgoing
from messaging.services.claiming import Claim
from messaging.services.prepared import Prepared
from omega_project.lib import sql

_MEDIA = """
SELECT message_id, array_agg(id ORDER BY id) AS ids, array_agg(source_url ORDER BY id) AS urls
FROM conversations_attachment WHERE message_id = ANY(%(ids)s::bigint[]) GROUP BY message_id
"""


def prepare(claims: list[Claim]) -> list[Prepared]:
    """The texts with their media's addresses: no statement where none has media."""
    ids = [claim.message_id for claim in claims if claim.media_count]
    found: list[dict[str, Any]] = sql.rows(_MEDIA, {"ids": ids}) if ids else []
    urls = {row["message_id"]: _urls(row) for row in found}
    return [Prepared(partial(outgoing, claim, urls.get(claim.message_id, ()))) for claim in claims]


def _urls(row: dict[str, Any]) -> tuple[str, ...]:
    """Where each file lies; one that was given to us, with us."""
    return tuple(url or link_for(pk) for pk, url in zip(row["ids"], row["urls"], strict=True))


def outgoing(claim: Claim, media_urls: tuple[str, ...]) -> Outgoing:
    """Our id and the attempt ride in the callback's URL (providers.md, 0)."""
    base = f"{settings.PUBLIC_BASE_URL}/{settings.OMEGA_URL_PREFIX}"
    return Outgoing(
        message_id=claim.message_id,
        attempt=claim.attempt,
        from_address=claim.from_address,
        to_address=claim.to_address,
        body=claim.body,
        media_urls=media_urls,
        callback_url=f"{base}twilio/sms/status?mid={claim.message_id}&a={claim.attempt}#rc=3&rp=5xx,ct,rt",
    )
