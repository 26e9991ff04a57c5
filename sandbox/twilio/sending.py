"""POST Messages.json: checks a send as Twilio does and takes it in."""

import asyncio
import re
from datetime import UTC, datetime
from functools import partial
from sys import intern
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson
from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.ledger import Text
from sandbox.mishaps import carry_out
from sandbox.numbers import TWILIO_FROM, TWILIO_TO
from sandbox.twilio import reports
from sandbox.twilio.errors import JSON, TwilioError, TwilioWords, answer
from sandbox.twilio.pages import appeared
from sandbox.twilio.resource import as_resource, new_sid
from sandbox.twilio.segments import segments_of

MOST_CHARACTERS = 1600
MOST_MEDIA = 10
E164 = re.compile(r"\+(?:1\d{10}|[2-9]\d{6,14})")
FORMATTING = re.compile(r"[\s().-]")
SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]")
SOONEST_SECONDS, LATEST_SECONDS = 15 * 60, 35 * 86_400


class Send(NamedTuple):
    """One send request, read and checked."""

    to: str
    from_: str | None
    service: str | None
    body: str
    media: tuple[str, ...]
    callback: str
    wait: float | None  # seconds until a scheduled text leaves; None: now

    @property
    def sender(self) -> str:
        """What an opt-out is about: the messaging service, else the number."""
        return self.service or self.from_ or ""


async def create(request: web.Request) -> web.StreamResponse:
    """Answer one POST of the Messages list: 201 with the resource, or Twilio's error body."""
    carrier, account = request.app[CARRIER], request.match_info["account"]
    fault = carrier.faults.twilio
    if fault.latency_ms:
        await asyncio.sleep(fault.latency_ms / 1000)
    refusal = carrier.accounts.refusal(request.headers.get("Authorization"), account)
    if refusal:
        return answer(refusal)
    fields = parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(fields)
    to = FORMATTING.sub("", form.get("To", ""))
    try:
        send = read_send(to, form, fields)
        _check_owner(carrier, account, send.from_)
    except TwilioError as refused:
        return answer(refused.code, **refused.words)
    mode, code, slow_ms = carrier.mishap(fault, to)
    take = partial(_take, carrier, account, send)
    if mode == "none":
        return await take(None)
    return await carry_out(
        request,
        mode,
        words=TwilioWords(to, form.get("From", "")),
        accept=take,
        code=code,
        slow_ms=slow_ms,
        retry_after=fault.retry_after,
        accepted=fault.accepted,
    )


def read_send(to: str, form: dict[str, str], fields: list[tuple[str, str]]) -> Send:
    """Check a form in the order in which Twilio complains; raises TwilioError."""
    service, from_ = form.get("MessagingServiceSid") or None, form.get("From") or None
    _check_recipient(to)
    _check_sender(to, from_, service)
    media = tuple(value for name, value in fields if name == "MediaUrl") if "MediaUrl" in form else ()
    body = form.get("Body", "")
    if not body and not media and "ContentSid" not in form:
        raise TwilioError(21602)
    if len(body) > MOST_CHARACTERS:
        raise TwilioError(21617)
    if media:
        _check_media(media)
    callback = form.get("StatusCallback", "")
    if callback:
        _check_callback(callback)
    wait = _seconds_until(form, service) if "ScheduleType" in form else None
    return Send(to, None if service else from_, service, body, media, callback, wait)


def _check_recipient(to: str) -> None:
    if not to:
        raise TwilioError(21604)
    if not E164.fullmatch(to):
        raise TwilioError(21211, to=to)
    if to in TWILIO_TO:
        raise TwilioError(TWILIO_TO[to], to=to)


def _check_sender(to: str, from_: str | None, service: str | None) -> None:
    if service is not None:
        if not SERVICE.fullmatch(service):
            raise TwilioError(21701)
        return
    if from_ is None:
        raise TwilioError(21603)
    if not SENDER.fullmatch(from_):
        raise TwilioError(21212, from_=from_)
    if from_ in TWILIO_FROM:
        raise TwilioError(TWILIO_FROM[from_], from_=from_)
    if from_ == to:
        raise TwilioError(21266, to=to)


def _check_owner(carrier: Carrier, account: str, from_: str | None) -> None:
    """A number that was bought sends for its own account only; one that nobody owns sends for everybody."""
    owned = carrier.register.number(from_) if from_ else None
    if owned is not None and owned.account != account:
        raise TwilioError(21660, from_=owned.values["phone_number"], value=account)


def _check_media(media: tuple[str, ...]) -> None:
    if len(media) > MOST_MEDIA:
        raise TwilioError(21623)
    if not all(url.startswith(("http://", "https://")) for url in media):
        raise TwilioError(21620)


def _check_callback(url: str) -> None:
    """Twilio refuses a host that is no host name: one with an underscore, such as a compose service's."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        good = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        raise TwilioError(21609, url=url) from None
    if not good or not HOST.fullmatch(f"[{host}]" if ":" in host else host):
        raise TwilioError(21609, url=url)


def _seconds_until(form: dict[str, str], service: str | None) -> float:
    if service is None:
        raise TwilioError(35118)
    try:
        at = datetime.fromisoformat(form.get("SendAt", ""))
    except ValueError:
        raise TwilioError(35111) from None
    wait = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    if not SOONEST_SECONDS <= wait <= LATEST_SECONDS:
        raise TwilioError(35114)
    return wait


async def _take(carrier: Carrier, account: str, send: Send, code: int | None) -> web.Response:
    if carrier.opted_out and (send.sender, send.to) in carrier.opted_out:
        return answer(21610)
    text = _accept(carrier, account, send)
    body = orjson.dumps(as_resource(text))
    if send.wait is not None:
        loop = asyncio.get_running_loop()
        loop.call_later(send.wait, reports.start, carrier, text, send.callback, code)
    elif carrier.faults.callbacks.before_response:
        await reports.run_before_answer(carrier, text, send.callback, code)
    else:
        reports.start(carrier, text, send.callback, code)
    return web.Response(status=201, body=body, headers=JSON)


def _accept(carrier: Carrier, account: str, send: Send) -> Text:
    text = Text(
        sid=new_sid("MM" if send.media else "SM"),
        account=intern(account),
        from_=intern(send.from_) if send.from_ else None,
        to=intern(send.to),
        body=send.body,
    )
    text.media, text.segments, text.service = send.media, segments_of(send.body), send.service
    if send.service:
        text.status = "accepted" if send.wait is None else "scheduled"
    carrier.ledger.accept(text)
    carrier.ledger.file(text)
    carrier.hub.tell(partial(appeared, text))
    return text
