"""A Twilio form's fields as a resource's: SmsUrl becomes sms_url, and what makes no sense is refused."""

import re
from typing import Any
from urllib.parse import urlsplit

from sandbox.twilio.errors import TwilioError

INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
METHODS = {"GET", "POST"}
LONGEST_NAME = 64


def snake(name: str) -> str:
    """VoiceApplicationSid as voice_application_sid."""
    return INNER_CAPITAL.sub("_", name).lower()


def fields_of(form: dict[str, str], known: dict[str, Any]) -> dict[str, Any]:
    """The form's fields that a resource has, checked; raises TwilioError. Fields of no resource are ignored."""
    found = {snake(name): value for name, value in form.items() if snake(name) in known}
    return {name: _checked(name, value, known[name]) for name, value in found.items()}


def _checked(name: str, value: str, default: Any) -> Any:
    if isinstance(default, bool):
        return value.lower() == "true"
    if name.endswith("_method"):
        if value.upper() not in METHODS:
            raise TwilioError(21403, name=name, value=value)
        return value.upper()
    if name.endswith(("_url", "_callback")) and value:
        _check_url(name, value)
    if name == "friendly_name" and len(value) > LONGEST_NAME:
        raise TwilioError(20001)
    return value


def _check_url(name: str, value: str) -> None:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or "_" in (parts.hostname or ""):
        raise TwilioError(21402, name=name, value=value)
