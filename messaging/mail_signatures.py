"""Is it really the mail provider? Its events, each by itself, once the call has proved to be its own."""

import time
from dataclasses import dataclass
from io import BytesIO

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from messaging.providers import anymail_events, sendgrid_events
from messaging.services import carriers
from omega_project.lib import sealing
from omega_project.lib.api.errors import Fault, InvalidSignature, NotFound, ParameterError, TooLarge
from omega_project.lib.clean import is_storable
from omega_project.lib.forms import number

PROVIDERS = sorted([sendgrid_events.NAME, *anymail_events.SOURCES])
log = structlog.get_logger(__name__)
_SKEW_SECONDS = 300
_PREFIX = "x-twilio-email-event-webhook"
_FORGED = "The signature does not belong to this request."


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that a provider told, each as bytes. `account_id`, `business_id`: whose own account they came by."""

    provider: str
    events: list[bytes]
    account_id: int | None = None
    business_id: int | None = None


def verified_batch(request: HttpRequest, payload: bytes, provider: str) -> Batch:
    """The events of a call that the provider signed.

    A business's own account is named by `?account=` in the URL that its provider calls; without it the platform's
    key counts, and at SendGrid any business's. InvalidSignature where the check fails, whatever went wrong in it;
    NotFound for a provider that there is not; 422 for a body that is not what it sends.
    """
    if provider not in PROVIDERS:
        raise NotFound("There is no such provider, or none that signs its events.")
    try:
        return _sendgrid(request, payload) if provider == sendgrid_events.NAME else _other(request, payload, provider)
    except anymail_events.NotConfigured as error:
        raise NotFound(f"Nothing is set by which calls of {provider} could be checked.") from error
    except (anymail_events.Forged, sealing.CannotOpen) as error:
        raise InvalidSignature(_FORGED) from error
    except sendgrid_events.BadBatch as error:
        raise ParameterError([Fault(["body"], str(error))]) from error


def _sendgrid(request: HttpRequest, payload: bytes) -> Batch:
    signed = sendgrid_events.Signed(
        request.headers.get(f"{_PREFIX}-signature", ""), request.headers.get(f"{_PREFIX}-timestamp", ""), payload
    )
    account = _signer(signed, request.GET.get("account"))
    _note_skew(request.headers.get(f"{_PREFIX}-timestamp", ""))
    events = sendgrid_events.split(payload)
    return Batch(sendgrid_events.NAME, events, *((account.id, account.business_id) if account else ()))


def _note_skew(timestamp: str) -> None:
    """An old signature is a late repeat (SendGrid tries for a day) or a replay: both are harmless, and worth a line."""
    signed_at = number(timestamp)
    if signed_at is None or abs(time.time() - signed_at) > _SKEW_SECONDS:
        log.info("mail_events.skewed", signed_at=timestamp[:32])


def _signer(signed: sendgrid_events.Signed, named: str | None) -> carriers.Account | None:
    """The account whose key holds; None for the platform's own."""
    if not signed.is_complete:
        raise InvalidSignature(_FORGED)
    if named is None and signed.by(settings.SENDGRID_WEBHOOK_PUBLIC_KEY):
        return None
    name = sendgrid_events.NAME
    for account in [_named(name, named)] if named is not None else carriers.accounts_at(name):
        if account and signed.by(account.secrets.get("webhook_public_key", "")):
            return account
    raise InvalidSignature(_FORGED)


def _named(provider: str, account_id: str) -> carriers.Account | None:
    return carriers.account_named(provider, account_id) if is_storable(account_id) else None


def _other(request: HttpRequest, payload: bytes, provider: str) -> Batch:
    if len(payload) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise TooLarge("No provider sends so many events at once.")
    named = request.GET.get("account")
    account = _named(provider, named) if named is not None else None
    if named is not None and account is None:
        raise InvalidSignature(_FORGED)
    # anymail reads the body by itself: it gets a request of its own, with the body that was taken already.
    again = WSGIRequest(request.META | {"wsgi.input": BytesIO(payload), "CONTENT_LENGTH": str(len(payload))})
    url = settings.PUBLIC_BASE_URL + request.get_full_path()
    events = anymail_events.receive(provider, again, url, account.secrets if account else {})
    return Batch(provider, events, *((account.id, account.business_id) if account else ()))
