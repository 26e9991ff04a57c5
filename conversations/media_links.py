"""Links to our own copies of media: signed, so that a picture shows in a page without a credential of its own."""

import hashlib
import hmac

from django.conf import settings


def _signature(attachment_id: int) -> str:
    text = f"media\0{attachment_id}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()[:32]


def link_for(attachment_id: int) -> str:
    """The public link of an attachment."""
    base = f"{settings.PUBLIC_BASE_URL}/{settings.OMEGA_URL_PREFIX}"
    return f"{base}media/{attachment_id}-{_signature(attachment_id)}"


def attachment_id_of(token: str) -> int | None:
    """The attachment that a link's last part stands for; None where it was not made by us."""
    number, _, given = token.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    right = hmac.compare_digest(_signature(int(number)).encode(), given.encode("utf-8", "replace"))
    return int(number) if right else None
