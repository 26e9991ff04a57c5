"""The Message resource as JSON, field by field (tests/fixtures/twilio_message_201_*.json)."""

from functools import lru_cache
from random import getrandbits
from time import gmtime, strftime
from typing import Any

from sandbox.ledger import Text
from sandbox.twilio.errors import LATER

SETTLED = frozenset({"delivered", "undelivered", "sent", "received"})
PRICE_PER_SEGMENT = 0.0079


@lru_cache(maxsize=1024)
def rfc2822(second: int) -> str:
    """An epoch second as the resources and callbacks have it."""
    return strftime("%a, %d %b %Y %H:%M:%S +0000", gmtime(second))


def new_sid(prefix: str) -> str:
    """A sid such as SM and 32 hexadecimal digits."""
    return f"{prefix}{getrandbits(128):032x}"


def resource_uri(text: Text) -> str:
    """The resource's path without its `.json`."""
    return f"/2010-04-01/Accounts/{text.account}/Messages/{text.sid}"


def as_resource(text: Text) -> dict[str, Any]:
    """The resource's JSON; times are RFC 2822, numbers of things are strings."""
    uri = resource_uri(text)
    return {
        "account_sid": text.account,
        "api_version": "2010-04-01",
        "body": "" if text.hidden else text.body,
        "date_created": rfc2822(int(text.at)),
        "date_sent": None if text.sent_at is None else rfc2822(int(text.sent_at)),
        "date_updated": rfc2822(int(text.updated_at)),
        "direction": text.direction,
        "error_code": text.error_code,
        "error_message": None if text.error_code is None else LATER.get(text.error_code, "Unknown error"),
        "from": text.from_,
        "messaging_service_sid": text.service,
        "num_media": str(len(text.media)),
        "num_segments": str(text.segments) if text.from_ else "0",
        "price": f"-{PRICE_PER_SEGMENT * text.segments:.5f}" if text.status in SETTLED else None,
        "price_unit": "USD",
        "sid": text.sid,
        "status": text.status,
        "subresource_uris": {"media": uri + "/Media.json"},
        "to": text.to,
        "uri": uri + ".json",
    }
