"""Twilio's Messages resource and webhooks in our words (providers.md, 1 to 4, checked against twilio 9.13)."""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from messaging.providers.base import (
    SEND_SECONDS,
    CannotAsk,
    IncomingMedia,
    IncomingText,
    Listed,
    Outcome,
    Outgoing,
    SendResult,
    StatusReport,
)
from messaging.providers.wire import CutOff, NeverLeft, Wire

# Twilio's words for a message's status to ours. `sent` is the nearest carrier's acceptance; the provider's own
# queueing is `sent` to us: it left our hands. A word that is not here is kept raw and moves nothing.
STATUSES = {
    "accepted": "sent",
    "scheduled": "sent",
    "queued": "sent",
    "sending": "sent",
    "sent": "sent",
    "partially_delivered": "sent",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
    "read": "read",
}
KEYWORDS = {"STOP": "stop", "START": "start", "HELP": "help"}
MOST_MEDIA = 10
_LARGEST_PAGE = 1000


# What may go wrong in reading Twilio's record: a refusal, no connection, an answer that is none.
_NO_RECORD = (TwilioException, NeverLeft, CutOff, ValueError, TypeError, AttributeError, KeyError)


class LeanHttpClient(HttpClient):
    """The SDK's transport on urllib3 itself: a pool, real time-outs, and the answer's headers kept for the caller.

    The SDK's own client waits for ever by default, keeps no headers of an error, and costs three times as much.
    """

    def __init__(self, base_url: str, pool_size: int) -> None:
        super().__init__(None, False, SEND_SECONDS)
        self._base = urlsplit(base_url) if base_url else None
        self._last = threading.local()
        self._wire = Wire(pool_size)

    @property
    def origin(self) -> str:
        """Where requests go instead of Twilio's own hosts; empty where they go there."""
        return self._base.geturl().rstrip("/") if self._base else ""

    @property
    def last_headers(self) -> Mapping[str, str]:
        """The headers of this thread's last answer."""
        return getattr(self._last, "headers", {})

    def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        del allow_redirects
        self._last.headers = {}
        target = self._target(url) + (f"?{urlencode(_filled(params), doseq=True)}" if params else "")
        body = urlencode(_filled(data), doseq=True) if data else None
        sent = dict(headers or {})
        if auth:
            sent.update(urllib3.make_headers(basic_auth=f"{auth[0]}:{auth[1]}"))
        answer = self._wire.exchange(method, target, body, sent, timeout or SEND_SECONDS)
        self._last.headers = answer.headers
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)

    def _target(self, url: str) -> str:
        if self._base is None:
            return url
        parts = urlsplit(url)
        path = self._base.path.rstrip("/") + parts.path
        return urlunsplit((self._base.scheme, self._base.netloc, path, parts.query, ""))


def _filled(values: Mapping[str, object] | None) -> dict[str, object]:
    return {name: value for name, value in (values or {}).items() if value is not None}


class Twilio:
    """One Twilio account."""

    name = "twilio"

    def __init__(self, account_sid: str, user: str, secret: str, base_url: str = "", pool_size: int = 100) -> None:
        self._http = LeanHttpClient(base_url, pool_size)
        self._client = Client(user, secret, account_sid, http_client=self._http)
        self._messages = self._client.api.v2010.account.messages

    def send(self, message: Outgoing) -> SendResult:
        """POST Messages.json. 429 was never processed and is safe to repeat; 5xx and a cut line are not."""
        values: dict[str, Any] = {"media_url": list(message.media_urls)} if message.media_urls else {}
        if message.body or not values:
            values["body"] = message.body
        try:
            made = self._messages.create(
                to=message.to_address,
                from_=message.from_address,
                status_callback=message.callback_url or None,
                **values,
            )
        except TwilioRestException as error:
            return self._refusal(error.status, error.code, error.msg)
        except NeverLeft as error:
            return SendResult(Outcome.NOT_TAKEN, code="connect", detail=str(error)[:300])
        except (CutOff, TwilioException) as error:
            return SendResult(Outcome.UNKNOWN, code="no_answer", detail=str(error)[:300])
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            return SendResult(Outcome.UNKNOWN, code="garbage", detail=f"not a Twilio answer: {error}"[:300])
        if not isinstance(made.sid, str) or not made.sid:
            return SendResult(Outcome.UNKNOWN, code="garbage", detail="the answer names no message")
        return SendResult(Outcome.ACCEPTED, provider_message_id=made.sid, http_status=201)

    def _refusal(self, status: int, code: int | None, detail: str) -> SendResult:
        if status == 429:
            return SendResult(Outcome.NOT_TAKEN, "", str(code or 429), detail, status, self._retry_after())
        outcome = Outcome.UNKNOWN if status >= 500 or status < 400 else Outcome.REFUSED
        return SendResult(outcome, "", str(code or status), str(detail)[:300], status)

    def _retry_after(self) -> float | None:
        try:
            return float(self._http.last_headers.get("Retry-After", ""))
        except ValueError:
            return None

    def find(self, message: Outgoing, since: datetime) -> list[Listed]:
        """Twilio's own list by To, From and day, narrowed to the same text and no earlier than `since`."""
        try:
            found = self._messages.list(
                to=message.to_address,
                from_=message.from_address,
                date_sent_after=since - timedelta(days=1),
                limit=400,
                page_size=200,
            )
        except _NO_RECORD as error:
            raise CannotAsk(str(error)[:300]) from error
        return [_listed(item) for item in found if _is_same(item, message, since)]

    def received(self, to_address: str, since: datetime) -> list[dict[str, str]]:
        """Twilio's list by To and time, oldest first, as the webhook of each would have been (providers.md, 2).

        All of it: Twilio lists the newest first, so what a limit cuts off would be what was missed the longest ago.
        """
        try:
            listed = self._messages.stream(to=to_address, date_sent_after=since, page_size=_LARGEST_PAGE)
            return [_as_form(item) for item in listed if str(item.direction) == "inbound"][::-1]
        except _NO_RECORD as error:
            raise CannotAsk(str(error)[:300]) from error

    def with_media(self, form: dict[str, str]) -> dict[str, str]:
        """The form of a listed text with its files' places, which the list has not. Raises CannotAsk."""
        if not _count(form["NumMedia"], 0, MOST_MEDIA):
            return form
        base, form = self._http.origin or "https://api.twilio.com", dict(form)
        try:
            for place, media in enumerate(self._messages(form["MessageSid"]).media.list(limit=MOST_MEDIA)):
                form[f"MediaUrl{place}"] = base + media.uri.removesuffix(".json")
                form[f"MediaContentType{place}"] = media.content_type or ""
        except _NO_RECORD as error:
            raise CannotAsk(str(error)[:300]) from error
        return form

    def became(self, provider_message_id: str) -> StatusReport | None:
        """GET of one message: its status now."""
        try:
            item = self._messages(provider_message_id).fetch()
        except TwilioRestException as error:
            if error.status == 404:
                return None
            raise CannotAsk(str(error)[:300]) from error
        except _NO_RECORD as error:
            raise CannotAsk(str(error)[:300]) from error
        raw = str(item.status)
        return StatusReport(provider_message_id, STATUSES.get(raw, ""), raw[:32], str(item.error_code or ""))


def _as_form(item: Any) -> dict[str, str]:
    return {
        "MessageSid": item.sid, "AccountSid": item.account_sid, "From": item.from_, "To": item.to,
        "Body": item.body or "", "NumSegments": str(item.num_segments or 1), "NumMedia": str(item.num_media or 0),
        "SmsStatus": "received", "DateCreated": format_datetime(item.date_created) if item.date_created else "",
    }  # fmt: skip


def _is_same(item: Any, message: Outgoing, since: datetime) -> bool:
    """The same text, and not made well before the try began: two clocks may be ten minutes apart."""
    made = item.date_created
    return item.body == message.body and (made is None or made >= since - timedelta(minutes=15))


def _listed(item: Any) -> Listed:
    status = STATUSES.get(str(item.status), "sent")
    return Listed(item.sid, status, str(item.error_code or ""), item.date_created)


def read_status(form: Mapping[str, str]) -> StatusReport:
    """A status callback's form (providers.md, 3). The initial statuses are not reported."""
    raw = form.get("MessageStatus") or form.get("SmsStatus") or ""
    return StatusReport(
        provider_message_id=_clean(form.get("MessageSid") or form.get("SmsSid") or ""),
        status=STATUSES.get(raw.lower(), ""),
        raw_status=raw[:32],
        error_code=_clean(form.get("ErrorCode", ""))[:32],
    )


def read_text(form: Mapping[str, str]) -> IncomingText:
    """An incoming message's form (providers.md, 2). ValueError with a sentence where it is none."""
    sid = form.get("MessageSid") or form.get("SmsMessageSid") or form.get("SmsSid") or ""
    if not sid or not form.get("From") or not form.get("To"):
        raise ValueError("The request has no MessageSid, From or To.")
    return IncomingText(
        provider_message_id=_clean(sid)[:128],
        from_address=form["From"],
        to_address=form["To"],
        body=form.get("Body", ""),
        segments=_count(form.get("NumSegments"), 1, 100),
        media=tuple(_media(form)),
        keyword=KEYWORDS.get(form.get("OptOutType", "").upper(), ""),
        at=_moment(form.get("DateCreated", "")),
    )


def _moment(text: str) -> datetime | None:
    """An RFC 2822 date, the end of its second: behind what it answers. None where there is none, as in a webhook."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found + timedelta(milliseconds=999) if found.tzinfo else None


def _media(form: Mapping[str, str]) -> list[IncomingMedia]:
    found = []
    for index in range(_count(form.get("NumMedia"), 0, MOST_MEDIA)):
        url = form.get(f"MediaUrl{index}", "")
        if url:
            found.append(IncomingMedia(url[:2048], form.get(f"MediaContentType{index}", "")[:255]))
    return found


def _clean(text: str) -> str:
    """An id as a database can hold it; Twilio's own never change by this."""
    return text.replace("\x00", "\ufffd")


def _count(text: str | None, default: int, most: int) -> int:
    return min(int(text), most) if text and text.isascii() and text.isdigit() and len(text) < 5 else default
