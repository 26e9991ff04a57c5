"""Other providers' event webhooks, by django-anymail: it checks who calls and reads what they say.

Here are the providers that sign what they send, or that at least can be given a user and password for it. Amazon SES
is not: anymail does not check the signature of the service that carries its events (providers.md, 11).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson
import structlog
from anymail.exceptions import AnymailConfigurationError
from anymail.signals import AnymailTrackingEvent
from anymail.utils import get_anymail_setting, get_request_basic_auth
from anymail.webhooks import (
    brevo,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    postal,
    postmark,
    sparkpost,
    unisender_go,
)

from messaging.providers.mail_event import MailEvent
from messaging.providers.sendgrid_events import BadBatch, BadEvent
from omega_project.lib.clean import storable
from omega_project.lib.forms import digest, number

log = structlog.get_logger(__name__)
_MOST_TEXT, _MOST_REASON, _ATTEMPTS_MOST = 255, 1000, 32767


class Source(NamedTuple):
    """A provider's view in anymail, and the settings any of which makes it check a signature."""

    view: Any
    keys: tuple[str, ...] = ()


SOURCES = {
    "brevo": Source(brevo.BrevoTrackingWebhookView),
    "mailersend": Source(mailersend.MailerSendTrackingWebhookView, ("signing_secret",)),
    "mailgun": Source(mailgun.MailgunTrackingWebhookView, ("webhook_signing_key", "api_key")),
    "mailjet": Source(mailjet.MailjetTrackingWebhookView),
    "mailtrap": Source(mailtrap.MailtrapTrackingWebhookView, ("tracking_secret",)),
    "mandrill": Source(mandrill.MandrillCombinedWebhookView, ("webhook_key",)),
    "postal": Source(postal.PostalTrackingWebhookView, ("webhook_key",)),
    "postmark": Source(postmark.PostmarkTrackingWebhookView),
    "sparkpost": Source(sparkpost.SparkPostTrackingWebhookView),
    "unisender_go": Source(unisender_go.UnisenderGoTrackingWebhookView, ("api_key",)),
}
# anymail's words to ours; what is not here (an auto-reply, a reactivation by the provider's staff) is kept and ignored.
_KINDS = {
    "queued": "processed",
    "sent": "processed",
    "rejected": "dropped",
    "failed": "dropped",
    "bounced": "bounced",
    "deferred": "deferred",
    "delivered": "delivered",
    "opened": "opened",
    "clicked": "clicked",
    "complained": "complained",
    "unsubscribed": "unsubscribed",
}
_DEAD_ENDS = {"invalid", "bounced"}
Marks = dict[str, tuple[str, set[Any]]]
# What anymail does not tell apart: the provider's own field, and the values of it that mean …
# … that the mailbox is only busy,
_SOFT: Marks = {
    "brevo": ("event", {"soft_bounce"}),
    "mailersend": ("type", {"soft_bounced"}),
    "mailjet": ("hard_bounce", {False}),
    "mandrill": ("event", {"soft_bounce"}),
    "postmark": ("Type", {"SoftBounce"}),
    "sparkpost": ("bounce_class", {"20", "21", "22", "23", "24", "40", "70"}),
}
# … that a machine opened the mail,
_MACHINES: Marks = {"brevo": ("event", {"unique_proxy_open", "proxy_open"})}
# … and that the recipient had said no to the provider before.
_OPTED_OUT: Marks = {
    "mailgun": ("reason", {"suppress-unsubscribe", "suppress-complaint"}),
    "mailjet": ("error", {"spam reporter"}),
}


class NotConfigured(Exception):
    """There is nothing set by which this provider's calls could be told from anybody's."""


class Forged(Exception):
    """The call is not the provider's."""


def receive(name: str, request: Any, url: str, credentials: Mapping[str, str]) -> list[bytes]:
    """The events of a provider's call, each as `read` takes it. `request` is Django's, its body not read yet.

    `url` is what the provider calls. `credentials`: those of a business's own account; empty for the platform's,
    which stand in the setting ANYMAIL. Raises NotConfigured, Forged, BadBatch.
    """
    view = _view(name, dict(credentials))
    if name == "mandrill":  # it signs the URL with the user and password that stand in it
        user = get_request_basic_auth(request)
        view.webhook_url = url.replace("://", f"://{user}@", 1) if user else url
    try:
        view.run_validators(request)
    except AnymailConfigurationError as error:
        raise NotConfigured(name) from error
    except Exception as error:
        raise Forged("The call could not be checked.") from error
    try:
        return _stored(view, request)
    except Exception as error:
        log.info("mail_events.unreadable", provider=name, error=repr(error)[:300])
    return _one_by_one(view, request)


def _stored(view: Any, request: Any) -> list[bytes]:
    return [_kept(event) for event in view.parse_events(request) if isinstance(event, AnymailTrackingEvent)]


def _one_by_one(view: Any, request: Any) -> list[bytes]:
    """Each event by itself, where one of them cannot be read: that one is stored as it came. Raises BadBatch."""
    try:
        in_form = request.POST.get("mandrill_events")
        events = json.loads(in_form or request.body)
    except (ValueError, RecursionError) as error:
        raise BadBatch("is not JSON") from error
    if not isinstance(events, list):
        raise BadBatch(f"is not what {view.esp_name} sends")
    found: list[bytes] = []
    for one in events:
        text = json.dumps([one])
        piece = SimpleNamespace(body=text.encode(), POST={"mandrill_events": text}, headers=request.headers)
        try:
            found += _stored(view, piece)
        except Exception:
            found.append(orjson.dumps(_clean({"told": None, "raw": one})))
    return found


def _view(name: str, credentials: dict[str, str]) -> Any:
    source = SOURCES[name]
    esp = source.view.esp_name
    known = {key: credentials[key] for key in (*source.keys, "webhook_secret") if credentials.get(key)}
    if credentials and not known:
        raise NotConfigured(name)
    is_signed = any(get_anymail_setting(key, default=None, esp_name=esp, kwargs=dict(known)) for key in source.keys)
    if not is_signed and not get_anymail_setting("webhook_secret", default=None, kwargs=dict(known)):
        raise NotConfigured(name)
    try:
        return source.view(**known)
    except AnymailConfigurationError as error:
        raise NotConfigured(name) from error


def _kept(event: AnymailTrackingEvent) -> bytes:
    """An event as it is stored: what anymail made of it, and the provider's own fields."""
    names = ("event_type", "event_id", "message_id", "recipient", "reject_reason", "description", "mta_response",
             "metadata", "timestamp")  # fmt: skip
    told = {name: getattr(event, name, None) for name in names}
    raw = event.esp_event
    fields = raw.dict() if hasattr(raw, "dict") else raw
    return orjson.dumps(_clean({"told": told, "raw": fields}), default=str)


def _clean(value: Any, depth: int = 0) -> Any:
    """`value` as JSON can hold it: a lone surrogate is no text, and nobody nests this deep."""
    if isinstance(value, str):
        return storable(value)
    if depth > 20:
        return None
    if isinstance(value, Mapping):
        return {storable(str(name)): _clean(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_clean(one, depth + 1) for one in value]
    return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)


def read(name: str, stored: bytes) -> MailEvent:
    """A stored event in our words; `kind` empty where it has none for it. Raises BadEvent."""
    try:
        given = orjson.loads(stored)
        told, raw = given["told"], given["raw"]
        kind = _KINDS.get(told["event_type"] or "", "")
    except (ValueError, KeyError, TypeError) as error:
        raise BadEvent("The event lacks what its provider says that it has.") from error
    raw = raw if isinstance(raw, dict) else {}
    metadata = told.get("metadata") if isinstance(told.get("metadata"), dict) else {}
    why = told.get("reject_reason") or ""
    is_soft = kind == "bounced" and _is_marked(_SOFT, name, raw)
    message_id = _text(told.get("message_id"))
    if kind == "bounced" and not is_soft and why and why not in _DEAD_ENDS:
        kind = "undelivered"  # spam or policy: it says nothing of the mailbox
    return MailEvent(
        kind=kind,
        message_id=number(_text(metadata.get("omega_message_id"))),
        attempt=number(_text(metadata.get("omega_attempt")), _ATTEMPTS_MOST) or 0,
        provider_message_id=message_id,
        rfc_message_id=message_id.strip("<>") if "@" in message_id else "",
        address=_text(told.get("recipient"), 320).strip().lower(),
        at=_time(told.get("timestamp")),
        reason=_text(told.get("mta_response") or told.get("description"), _MOST_REASON),
        code=_text(why, 64),
        is_temporary=is_soft,
        is_machine=_is_marked(_MACHINES, name, raw),
        event_id=_text(told.get("event_id")) or digest(stored),
        raw=raw,
        opts_out=(kind == "dropped" and why == "unsubscribed") or _is_marked(_OPTED_OUT, name, raw),
        is_dead_end=kind == "dropped" and why in _DEAD_ENDS,
    )


def _is_marked(marks: Marks, name: str, raw: dict[str, Any]) -> bool:
    field, values = marks.get(name, ("", set()))
    value = _inner(raw).get(field)
    return isinstance(value, (str, bool)) and value in values


def _inner(raw: dict[str, Any]) -> dict[str, Any]:
    """The event's own fields: SparkPost wraps them twice, Mailgun and MailerSend once."""
    wrapped: Any = raw.get("msys") or raw.get("event-data") or raw.get("data") or raw
    if "msys" in raw and isinstance(wrapped, dict):
        wrapped = next(iter(wrapped.values()), None)
    return wrapped if isinstance(wrapped, dict) else raw


def _text(value: Any, most: int = _MOST_TEXT) -> str:
    return storable(str(value)[:most]) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else None
