"""Links to our own copies of media: signed, so that a picture shows in a page without a credential of its own."""

import hashlib
import hmac

from django.conf import settings

# What a page shows in place: nothing in it can run. Anything else is a download, whatever it says to be.
_SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif", "image/heic", "image/heif"}
_RUNS = ("html", "xml", "svg", "script", "xsl")


def is_picture(content_type: str) -> bool:
    """A picture that a page may show; an SVG is a program."""
    return content_type.lower() in _SHOWN


def is_shown(content_type: str) -> bool:
    """Whether it is opened in the browser and not downloaded."""
    return is_picture(content_type) or content_type.lower().startswith(("audio/", "video/"))


def served_type(content_type: str) -> str:
    """The type that a file is served under: none that a browser would run."""
    runs = any(word in content_type.lower() for word in _RUNS)
    return "application/octet-stream" if runs or not content_type else content_type


def _signature(attachment_id: int) -> str:
    text = f"media\0{attachment_id}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()[:32]


def link_for(attachment_id: int) -> str:
    """The public link of an attachment."""
    return settings.PUBLIC_BASE_URL + path_for(attachment_id)


def path_for(attachment_id: int) -> str:
    """The same for pages of our own, which may be open under another name of the same host: our policy knows one."""
    return f"/{settings.OMEGA_URL_PREFIX}media/{attachment_id}-{_signature(attachment_id)}"


def attachment_id_of(token: str) -> int | None:
    """The attachment that a link's last part stands for; None where it was not made by us."""
    number, _, given = token.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    right = hmac.compare_digest(_signature(int(number)).encode(), given.encode("utf-8", "replace"))
    return int(number) if right else None
