"""Acts as the client: texts from a handset, and the threads that the page shows."""

import asyncio
import re
from functools import partial
from typing import Any

from aiohttp import web

from sandbox.carrier import CARRIER, Carrier
from sandbox.control.answers import as_json, body_of, control, flag_of, known, text_of
from sandbox.faults import ControlError
from sandbox.ledger import Text
from sandbox.media import Media
from sandbox.provisioning.hooks import sms_hook
from sandbox.twilio import receiving
from sandbox.twilio.pages import bubble

NUMBER = re.compile(r"\+[1-9]\d{6,14}")
SHORT_CODE = re.compile(r"\d{3,8}")
FIELDS = {
    *("from", "to", "body", "media"),
    *("account_sid", "advanced_opt_out", "after_ms", "copies", "url", "wait", "webhook"),
}
MOST_COPIES = 100
LATEST_MS = 600_000
MOST_SHOWN = 200


@control
async def send_sms(request: web.Request) -> web.Response:
    """A handset texts omega; answers with the sid and what the webhook answered.

    `from`, `to`, `body`, `media`; besides: `wait` false answers at once, `webhook` false loses the webhook,
    `copies` sends it that often at once, `after_ms` once for each of its delays; `url` sends it elsewhere;
    `account_sid`, `advanced_opt_out`.
    """
    carrier, given = request.app[CARRIER], await body_of(request)
    delays = _delays(given)
    text, files = _read(carrier, given)
    if not flag_of(given, "webhook", default=True) or carrier.accounts.is_idle(text.account):
        return as_json({"sid": text.sid, "webhook": None})
    calls = _calls(carrier, given, text, files)
    if delays:
        for delay in delays:
            asyncio.get_running_loop().call_later(delay / 1000, carrier.caller.enqueue, calls[0])
        return as_json({"sid": text.sid, "webhook": None}, 202)
    if not flag_of(given, "wait", default=True):
        for call in calls:
            carrier.caller.enqueue(call)
        return as_json({"sid": text.sid, "webhook": None}, 202)
    answers = await asyncio.gather(*(call() for call in calls))
    return as_json(
        {
            "sid": text.sid,
            "webhook": receiving.summary(answers[0]),
            "webhooks": [receiving.summary(answer) for answer in answers],
        }
    )


def _read(carrier: Carrier, given: dict[str, Any]) -> tuple[Text, list[Media]]:
    known(given, FIELDS)
    from_, to, body = text_of(given, "from"), text_of(given, "to"), text_of(given, "body", "")
    if not NUMBER.fullmatch(from_):
        raise ControlError("from must be a phone number such as +15558675310.")
    if not NUMBER.fullmatch(to) and not SHORT_CODE.fullmatch(to):
        raise ControlError("to must be a phone number such as +15017122661, or a short code.")
    account = text_of(given, "account_sid", sms_hook(carrier, to).account)
    files = carrier.media.read(given.get("media") or [])
    if not body and not files:
        raise ControlError("A text needs a body or media.")
    return receiving.receive(carrier, from_=from_, to=to, body=body, files=files, account=account), files


def _delays(given: dict[str, Any]) -> list[int]:
    """When each webhook of a text is sent, in milliseconds: so they overtake those of others, or come twice."""
    delays = given.get("after_ms", [])
    fits = isinstance(delays, list) and len(delays) <= MOST_COPIES
    if not fits or not all(type(one) is int and 0 <= one <= LATEST_MS for one in delays):
        raise ControlError(f"after_ms must be a list of up to {MOST_COPIES} whole numbers from 0 to {LATEST_MS}.")
    return delays


def _calls(carrier: Carrier, given: dict[str, Any], text: Text, files: list[Media]) -> list[partial[Any]]:
    copies = given.get("copies", 1)
    if type(copies) is not int or not 1 <= copies <= MOST_COPIES:
        raise ControlError(f"copies must be 1 to {MOST_COPIES}.")
    hook = sms_hook(carrier, text.to)
    url = text_of(given, "url", hook.url)
    advanced = flag_of(given, "advanced_opt_out", default=carrier.faults.advanced_opt_out)
    call: partial[Any] = partial(
        receiving.deliver, carrier, text, files, url=url, method=hook.method, advanced=advanced
    )
    return [call] * copies


@control
async def handsets(request: web.Request) -> web.Response:
    """The handsets that have a thread, most recent first, each with its last text."""
    last = request.app[CARRIER].ledger.handsets(MOST_SHOWN)
    return as_json(
        {
            "results": [{"number": text.handset, "last": bubble(text)} for text in last],
            "total": len(request.app[CARRIER].ledger.latest),
        }
    )


@control
async def thread(request: web.Request) -> web.Response:
    """One handset's last texts, oldest first."""
    number = request.match_info["number"]
    texts = request.app[CARRIER].ledger.thread(number, MOST_SHOWN)
    blocked = any(recipient == number for _, recipient in request.app[CARRIER].opted_out)
    return as_json({"number": number, "results": [bubble(text) for text in texts], "opted_out": blocked})
