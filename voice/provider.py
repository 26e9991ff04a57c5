"""Twilio's Calls and Recordings in our words: asked where reports were lost, and told to forget a recording."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from messaging.providers.base import CannotAsk
from messaging.providers.twilio import LeanHttpClient
from messaging.providers.wire import CutOff, NeverLeft
from messaging.services import carriers

_POOL = 8
_MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a call as the provider's own record has it."""

    sid: str
    status: str
    to: str
    started_at: datetime | None
    ended_at: datetime | None
    seconds: int | None


def recording_url(account_id: str, sid: str) -> str:
    """Where a recording lies as MP3; it asks for the account's credentials."""
    base = (settings.TWILIO_API_BASE_URL or "https://api.twilio.com").rstrip("/")
    return f"{base}/2010-04-01/Accounts/{account_id}/Recordings/{sid}.mp3"


def lines_of(*, business_id: int, account_id: str, sid: str) -> list[Line]:
    """The call itself and the lines that it rang; empty where the provider knows none. Raises CannotAsk."""
    client = _client(business_id, account_id)
    try:
        own = client.api.v2010.account.calls(sid).fetch()
        rung = client.api.v2010.account.calls.list(parent_call_sid=sid, limit=_MOST_LINES)
    except TwilioRestException as error:
        if error.status == 404:
            return []
        raise CannotAsk(str(error.msg)[:300]) from error
    except _TROUBLE as error:
        raise CannotAsk(str(error)[:300]) from error
    return [_line(one) for one in (own, *rung)]


def erase_recording(*, business_id: int, account_id: str, sid: str) -> None:
    """Remove a recording at the provider; one that is gone already is removed. Raises CannotAsk."""
    client = _client(business_id, account_id)
    try:
        client.api.v2010.account.recordings(sid).delete()
    except TwilioRestException as error:
        if error.status != 404:
            raise CannotAsk(str(error.msg)[:300]) from error
    except _TROUBLE as error:
        raise CannotAsk(str(error)[:300]) from error


# Whatever the SDK raises over an answer that is none, or over no answer.
_TROUBLE = (TwilioException, NeverLeft, CutOff, ValueError, TypeError, AttributeError, KeyError)


def _client(business_id: int, account_id: str) -> Client:
    """By the business's own account where the call came by it, else by the platform's."""
    own = carriers.account_of(business_id, "twilio")
    http = LeanHttpClient(settings.TWILIO_API_BASE_URL, _POOL)
    if own is not None and own.account_id == account_id:
        return Client(own.account_id, own.secrets.get("auth_token", ""), own.account_id, http_client=http)
    return Client(
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, settings.TWILIO_ACCOUNT_SID, http_client=http
    )


def _line(item: Any) -> Line:
    seconds = str(item.duration or "")
    return Line(
        sid=str(item.sid),
        status=str(item.status or ""),
        to=str(item.to or ""),
        started_at=item.start_time,
        ended_at=item.end_time,
        seconds=int(seconds) if seconds.isdigit() else None,
    )
