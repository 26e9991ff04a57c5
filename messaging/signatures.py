"""Is it really Twilio? The signature of a webhook, checked against PUBLIC_BASE_URL (providers.md, 4).

The key is the auth token of the account that the form names: the platform's, or a business's own.
"""

import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlparse

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from twilio.request_validator import RequestValidator, add_port, remove_port

from messaging.services import carriers
from omega_project.lib import forms
from omega_project.lib.api.errors import InvalidSignature
from omega_project.lib.metrics import WEBHOOKS

_ACCOUNT = re.compile(r"^AC[0-9A-Za-z]{1,62}\Z")


class _Fields(dict[str, list[str]]):
    """A form as the SDK's validator reads one: every value of a name."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


@contextmanager
def forgeries_counted(provider: str, kind: str) -> Iterator[None]:
    """Count a call whose signature does not hold, for the metrics; `provider` is one that we know."""
    try:
        yield
    except InvalidSignature:
        WEBHOOKS.labels(provider, kind, "forged").inc()
        raise


@dataclass(frozen=True, slots=True)
class Verified:
    """A form that Twilio signed. `business_id`: whose own account it came by, None for the platform's."""

    form: dict[str, str]
    business_id: int | None


def verified_form(request: HttpRequest, payload: bytes) -> Verified:
    """The form of a call that Twilio signed; InvalidSignature otherwise, whatever went wrong in the check.

    The URL is the public one with the path as it was called, never what Host or a proxy's headers say. A body that is
    not UTF-8 is read in the charset under which the signature holds.
    """
    given = request.headers.get("x-twilio-signature", "")
    url = settings.PUBLIC_BASE_URL + request.get_full_path()
    try:
        found = _matching_form(url, payload, request.headers.get("content-type", ""), given)
    except (OperationalError, InterfaceError):
        raise  # a database that is away says nothing about the caller: 503, and Twilio calls again
    except Exception as error:
        raise InvalidSignature("The signature could not be checked.") from error
    if found is None:
        raise InvalidSignature("The signature does not belong to this request.")
    return found


def _matching_form(url: str, payload: bytes, content_type: str, given: str) -> Verified | None:
    if not given:
        return None
    for charset in forms.charsets(content_type):
        try:
            found = forms.pairs(payload, charset)
        except forms.TooManyFields:
            raise
        except ValueError:
            continue
        form = dict(found)
        token, business_id = _key_of(form.get("AccountSid", ""))
        if token and _holds(url, found, given, token):
            return Verified(form, business_id)
    return None


def _key_of(account_sid: str) -> tuple[str, int | None]:
    """The auth token of an account and the business that it belongs to; no token where nobody has it."""
    if account_sid in {"", settings.TWILIO_ACCOUNT_SID}:
        return settings.TWILIO_AUTH_TOKEN, None
    account = carriers.account_named("twilio", account_sid) if _ACCOUNT.match(account_sid) else None
    return (account.secrets.get("auth_token", ""), account.business_id) if account else ("", None)


def _holds(url: str, pairs: list[tuple[str, str]], given: str, token: str) -> bool:
    fields = _Fields()
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    validator, offered = RequestValidator(token), given.encode("utf-8", "replace")
    parts = urlparse(url)
    # Twilio signs with or without a default port (providers.md, 4); the URL as it stands comes first.
    spellings = [url] if parts.port else [url, add_port(parts)]
    if parts.port in {80, 443}:
        spellings.append(remove_port(parts))
    return any(hmac.compare_digest(validator.compute_signature(one, fields).encode(), offered) for one in spellings)
