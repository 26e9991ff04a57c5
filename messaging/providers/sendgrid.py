"""SendGrid's mail/send in our words (providers.md, 8, checked against sendgrid 6.12 and python-http-client 3.3)."""

import base64
import time
from collections.abc import Mapping
from typing import Any

import orjson
from python_http_client.client import Client, Response
from python_http_client.exceptions import HTTPError, handle_error
from sendgrid import SendGridAPIClient

from messaging.providers.base import (
    SEND_SECONDS,
    UPLOAD_RATE,
    UPLOAD_SECONDS,
    File,
    Mail,
    Outcome,
    Outgoing,
    SendResult,
)
from messaging.providers.wire import Answer, CutOff, NeverLeft, Wire

# What our ids are called in the events of a mail (providers.md, 9): keys of SendGrid's own would win over others.
MESSAGE_ID, ATTEMPT = "omega_message_id", "omega_attempt"
_BIG = 1_000_000


class _Said:
    """An answer as the SDK wants it from urllib, good or bad."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.code, self.reason, self.hdrs = answer.status, "", answer.headers

    def getcode(self) -> int:
        return self._answer.status

    def read(self) -> bytes:
        return self._answer.body

    def info(self) -> Mapping[str, str]:
        return self._answer.headers


class LeanClient(Client):
    """The SDK's client on a pool of connections, with time-outs.

    Its own opens a connection for each call, waits for ever by default, and writes the whole payload into a line for
    its log even where nobody reads it: with a file of 20 MB that takes longer than sending it.
    """

    def __init__(self, wire: Wire, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._wire = wire

    def _build_client(self, name: str | None = None) -> "LeanClient":
        return LeanClient(
            self._wire,
            host=self.host,
            version=self._version,
            request_headers=self.request_headers,
            url_path=[*self._url_path, name] if name else self._url_path,
            append_slash=self.append_slash,
            timeout=self.timeout,
        )

    def post(self, request_body: Any, **kwargs: Any) -> Response:
        """POST JSON. Raises the SDK's own errors for 4xx and 5xx; NeverLeft or CutOff where no answer came."""
        del kwargs
        body = orjson.dumps(request_body)
        headers = {**self.request_headers, "Content-Type": "application/json"}
        upload = min(UPLOAD_SECONDS, len(body) / UPLOAD_RATE) if len(body) > _BIG else 0.0
        return _judged(self._wire.exchange("POST", self._build_url(None), body, headers, self.timeout, upload))

    def get(self, query_params: Mapping[str, Any] | None = None, **kwargs: Any) -> Response:
        """GET. Raises as `post` does."""
        del kwargs
        url = self._build_url(query_params)
        return _judged(self._wire.exchange("GET", url, None, self.request_headers, self.timeout))


def _judged(answer: Answer) -> Response:
    said = _Said(answer)
    if said.code >= 400:
        raise handle_error(said)
    return Response(said)


def lean_client(api_key: str, base_url: str, pool_size: int) -> LeanClient:
    """The SDK's client of an account, on a pool of its own. An empty `base_url` is the real SendGrid."""
    own = SendGridAPIClient(api_key, host=(base_url or "https://api.sendgrid.com").rstrip("/")).client
    return LeanClient(
        Wire(pool_size), host=own.host, request_headers=own.request_headers, version=3, timeout=SEND_SECONDS
    )


class SendGrid:
    """One SendGrid account. It has no idempotency key and no record to ask: its events tell (delivery.md)."""

    name = "sendgrid"

    def __init__(self, api_key: str, base_url: str = "", pool_size: int = 100) -> None:
        self._send = lean_client(api_key, base_url, pool_size).mail.send

    def send(self, message: Outgoing) -> SendResult:
        """POST mail/send. 429 was never taken and is safe to repeat; 5xx and a cut line are not."""
        try:
            answer = self._send.post(request_body=body_of(message))
        except HTTPError as error:
            return _refusal(error)
        except NeverLeft as error:
            return SendResult(Outcome.NOT_TAKEN, code="connect", detail=str(error)[:300])
        except CutOff as error:
            return SendResult(Outcome.UNKNOWN, code="no_answer", detail=str(error)[:300])
        taken_as = (answer.headers.get("X-Message-Id") or "").strip()
        if answer.status_code != 202 or not taken_as or not taken_as.isprintable() or len(taken_as) > 128:
            detail = "the answer is none of SendGrid's: it names no mail"
            return SendResult(Outcome.UNKNOWN, code="garbage", detail=detail, http_status=answer.status_code)
        return SendResult(Outcome.ACCEPTED, provider_message_id=taken_as, http_status=202)


def body_of(message: Outgoing) -> dict[str, Any]:
    """The request: one personalization, so that one X-Message-Id is one message of ours."""
    mail = message.mail or Mail(subject="")
    people: dict[str, Any] = {"to": _people([message.to_address])}
    people |= {kind: _people(some) for kind, some in (("cc", mail.cc), ("bcc", mail.bcc)) if some}
    body: dict[str, Any] = {
        "personalizations": [people],
        "from": {"email": message.from_address} | ({"name": mail.from_name} if mail.from_name else {}),
        "subject": mail.subject,
        "content": _content(message.body, mail.html),
        # Strings only: SendGrid answers anything else with a bare "Bad Request".
        "custom_args": {MESSAGE_ID: str(message.message_id), ATTEMPT: str(message.attempt)},
        # It would add a List-Unsubscribe of its own beside ours.
        "tracking_settings": {"subscription_tracking": {"enable": False}},
    }
    if mail.headers:
        body["headers"] = dict(mail.headers)
    if mail.reply_to:
        body["reply_to"] = {"email": mail.reply_to}
    if mail.files:
        body["attachments"] = [_attachment(file) for file in mail.files]
    return body


def _people(addresses: Any) -> list[dict[str, str]]:
    return [{"email": address} for address in addresses]


def _content(text: str, html: str) -> list[dict[str, str]]:
    """Plain text first, as SendGrid demands; an empty part is refused."""
    parts = (("text/plain", text), ("text/html", html))
    return [{"type": kind, "value": value} for kind, value in parts if value.strip()]


def _attachment(file: File) -> dict[str, str]:
    content = base64.b64encode(file.content).decode()
    return {"content": content, "filename": file.name, "type": file.content_type, "disposition": "attachment"}


def _refusal(error: HTTPError) -> SendResult:
    status, detail = int(error.status_code), _why(error.body)
    if status == 429:
        return SendResult(Outcome.NOT_TAKEN, "", "429", detail, status, _retry_after(error.headers))
    return SendResult(Outcome.UNKNOWN if status >= 500 else Outcome.REFUSED, "", str(status), detail, status)


def _why(body: bytes) -> str:
    """SendGrid's own sentences, each with its field; nothing where it is a proxy's page."""
    try:
        errors = orjson.loads(body)["errors"]
        said = [f"{one['field']}: {one['message']}" if one.get("field") else str(one["message"]) for one in errors]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return ""
    return "; ".join(said)[:300]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit is lifted: X-RateLimit-Reset is a time of day in epoch seconds."""
    try:
        return max(0.0, float(headers.get("X-RateLimit-Reset", "")) - time.time())
    except ValueError:
        return None
