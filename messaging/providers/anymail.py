"""Other providers of mail by django-anymail's back ends (providers.md, 11, checked against anymail 15.2).

Those whose event webhooks can be told from anybody's (`anymail_events.SOURCES`). SendGrid is ours (`sendgrid.py`).
"""

import threading
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import requests
import urllib3
from anymail.backends import (
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
from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailError,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
)
from anymail.message import AnymailMessage
from anymail.utils import EmailAddress

from messaging.providers.base import (
    CONNECT_SECONDS,
    SEND_SECONDS,
    UPLOAD_RATE,
    UPLOAD_SECONDS,
    Mail,
    Outcome,
    Outgoing,
    SendResult,
)
from messaging.providers.sendgrid import ATTEMPT, MESSAGE_ID

BACKENDS: dict[str, ModuleType] = {
    "brevo": brevo,
    "mailersend": mailersend,
    "mailgun": mailgun,
    "mailjet": mailjet,
    "mailtrap": mailtrap,
    "mandrill": mandrill,
    "postal": postal,
    "postmark": postmark,
    "sparkpost": sparkpost,
    "unisender_go": unisender_go,
}
# What a provider wants besides, so that it keeps our Message-ID.
_EXTRA_HEADERS = {"postmark": {"X-PM-KeepID": "true"}}
_BIG = 1_000_000


class AnymailProvider:
    """One account at a provider that django-anymail knows."""

    def __init__(self, name: str, credentials: Mapping[str, str]) -> None:
        """`credentials` by anymail's names (`api_key`, `server_token`, …); what lacks stands in the setting ANYMAIL."""
        self.name = name
        self._credentials = dict(credentials)
        # A back end holds one session, and a session is one thread's.
        self._own = threading.local()

    def send(self, message: Outgoing) -> SendResult:
        """Hand the mail over. 429 was never taken; 5xx, a cut line and an answer that is none are unknown."""
        try:
            backend = self._backend()
            mail = _as_django(self.name, message)
            backend.timeout = _patience(message.mail)
            backend.send_messages([mail])
        except AnymailConfigurationError as error:
            return SendResult(
                Outcome.REFUSED, code="not_configured", detail=f"{self.name} is not set up: {error}"[:300]
            )
        except AnymailRecipientsRefused as error:
            return SendResult(Outcome.REFUSED, code="recipient", detail=_words(error.response) or str(error)[:300])
        except AnymailRequestsAPIError as error:
            return _outcome_of(error)
        except AnymailError as error:  # of what this provider cannot carry; nothing was sent
            return SendResult(Outcome.REFUSED, code="unsupported", detail=str(error)[:300])
        except (KeyError, TypeError, AttributeError, IndexError) as error:  # the answer is none that anymail can read
            return SendResult(Outcome.UNKNOWN, code="garbage", detail=f"not an answer of {self.name}: {error!r}"[:300])
        return _taken(mail, message.to_address)

    def _backend(self) -> Any:
        """This thread's back end, with its session open."""
        backend = getattr(self._own, "backend", None)
        if backend is None:
            # What one provider cannot carry (our ids in its events, some headers) keeps no mail from going.
            options = {"ignore_unsupported_features": True, **self._credentials}
            backend = BACKENDS[self.name].EmailBackend(**options)
            backend.open()
            backend.session.max_redirects = 0
            self._own.backend = backend
        return backend


def _as_django(name: str, message: Outgoing) -> AnymailMessage:
    mail = message.mail or Mail(subject="")
    made = AnymailMessage(
        subject=mail.subject,
        body=message.body,
        from_email=EmailAddress(mail.from_name, message.from_address).address,
        to=[message.to_address],
        cc=list(mail.cc),
        bcc=list(mail.bcc),
        reply_to=[mail.reply_to] if mail.reply_to else None,
        headers=dict(mail.headers) | _EXTRA_HEADERS.get(name, {}),
        attachments=[(file.name, file.content, file.content_type) for file in mail.files],
        metadata={MESSAGE_ID: str(message.message_id), ATTEMPT: str(message.attempt)},
    )
    if mail.html:
        made.attach_alternative(mail.html, "text/html")
    return made


def _patience(mail: Mail | None) -> tuple[float, float]:
    """Seconds to connect and send, and to wait for the answer: `requests` holds sending to the first."""
    size = sum(len(file.content) for file in mail.files) if mail else 0
    upload = min(UPLOAD_SECONDS, size * 4 / 3 / UPLOAD_RATE) if size > _BIG else 0.0
    return CONNECT_SECONDS + upload, SEND_SECONDS


def _taken(mail: AnymailMessage, to_address: str) -> SendResult:
    """The id that the provider's events will name: the recipient's own where each has one."""
    status = mail.anymail_status
    http_status = getattr(status.esp_response, "status_code", None)
    if http_status is not None and http_status >= 400:  # a refusal that anymail takes for an answer of some recipients
        return SendResult(Outcome.REFUSED, "", "recipient", _words(status.esp_response), http_status)
    own = status.recipients.get(to_address)
    found = own.message_id if own else status.message_id
    message_id = found if isinstance(found, str) and len(found) <= 128 and found.isprintable() else ""
    return SendResult(Outcome.ACCEPTED, message_id, http_status=http_status)


def _outcome_of(error: AnymailRequestsAPIError) -> SendResult:
    response = error.response
    if response is None:
        if _never_left(error):
            return SendResult(Outcome.NOT_TAKEN, code="connect", detail=str(error.__cause__)[:300])
        return SendResult(Outcome.UNKNOWN, code="no_answer", detail=str(error.__cause__)[:300])
    status, words = response.status_code, _words(response)
    if status == 429:
        return SendResult(Outcome.NOT_TAKEN, "", "429", words, status, _retry_after(response.headers))
    if 400 <= status < 500:
        return SendResult(Outcome.REFUSED, "", str(status), words, status)
    code = "garbage" if status < 300 else str(status)
    return SendResult(Outcome.UNKNOWN, "", code, words, status)


def _never_left(error: BaseException) -> bool:
    """No connection came about: what `requests` wraps says so, some layers down."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    seen, left = error.__cause__ or error.__context__, 6
    while seen is not None and left:
        reason = getattr(seen, "reason", None) or next((one for one in seen.args if isinstance(one, Exception)), None)
        if isinstance(seen, urllib3.exceptions.NewConnectionError):
            return True
        seen, left = reason if isinstance(reason, BaseException) else None, left - 1
    return False


def _words(response: Any) -> str:
    """The provider's own sentence, out of the fields that they keep it in."""
    try:
        said = response.json()
    except (AttributeError, ValueError):
        return ""
    said = said[0] if isinstance(said, list) and said else said
    if not isinstance(said, dict):
        return ""
    words = next(
        (said[name] for name in ("message", "Message", "ErrorMessage", "errors", "error") if said.get(name)), ""
    )
    return str(words)[:300]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds: told as such, or as the time of day in epoch seconds when the limit is lifted."""
    try:
        if "Retry-After" in headers:
            return max(0.0, float(headers["Retry-After"]))
        return max(0.0, float(headers["X-RateLimit-Reset"]) - time.time())
    except (KeyError, ValueError):
        return None
