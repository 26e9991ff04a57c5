"""Is it really Twilio? The signature of a webhook, checked against PUBLIC_BASE_URL (providers.md, 4)."""

import hmac
from urllib.parse import urlparse

from django.conf import settings
from django.http import HttpRequest
from twilio.request_validator import RequestValidator, add_port, remove_port

from omega_project.lib import forms
from omega_project.lib.api.errors import InvalidSignature


class _Fields(dict[str, list[str]]):
    """A form as the SDK's validator reads one: every value of a name."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def verified_form(request: HttpRequest, payload: bytes) -> dict[str, str]:
    """The form of a call that Twilio signed; InvalidSignature otherwise, whatever went wrong in the check.

    The URL is the public one with the path as it was called, never what Host or a proxy's headers say. A body that is
    not UTF-8 is read in the charset under which the signature holds.
    """
    given = request.headers.get("x-twilio-signature", "")
    url = settings.PUBLIC_BASE_URL + request.get_full_path()
    try:
        form = _matching_form(url, payload, request.headers.get("content-type", ""), given)
    except Exception as error:
        raise InvalidSignature("The signature could not be checked.") from error
    if form is None:
        raise InvalidSignature("The signature does not belong to this request.")
    return form


def _matching_form(url: str, payload: bytes, content_type: str, given: str) -> dict[str, str] | None:
    if not given:
        return None
    for charset in forms.charsets(content_type):
        try:
            found = forms.pairs(payload, charset)
        except forms.TooManyFields:
            raise
        except ValueError:
            continue
        if _holds(url, found, given):
            return dict(found)
    return None


def _holds(url: str, pairs: list[tuple[str, str]], given: str) -> bool:
    fields = _Fields()
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    validator, offered = RequestValidator(settings.TWILIO_AUTH_TOKEN), given.encode("utf-8", "replace")
    parts = urlparse(url)
    # Twilio signs with or without a default port (providers.md, 4); the URL as it stands comes first.
    spellings = [url] if parts.port else [url, add_port(parts)]
    if parts.port in {80, 443}:
        spellings.append(remove_port(parts))
    return any(hmac.compare_digest(validator.compute_signature(one, fields).encode(), offered) for one in spellings)
