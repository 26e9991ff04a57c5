"""What becomes of an accepted text: its statuses in time, and the signed callbacks that report them."""

import asyncio
import time
from functools import partial
from typing import NamedTuple

from sandbox.callbacks import Params
from sandbox.carrier import Carrier
from sandbox.ledger import Text
from sandbox.numbers import DELIVERED, REVERSED, SILENT
from sandbox.twilio.errors import NEVER_LEFT
from sandbox.twilio.pages import reported, status_change

WITH_RECEIPT = frozenset({"delivered", "undelivered"})


class Step(NamedTuple):
    """A status that a text reaches, and what is reported at that moment (None: nothing)."""

    seconds: float
    status: str
    reported: str | None


def outcome_of(carrier: Carrier, text: Text) -> str:
    """How this recipient's reports go, by its magic."""
    magic = carrier.magic(text.to)
    return DELIVERED if magic is None else magic.outcome


def plan(carrier: Carrier, code: int | None, outcome: str) -> list[Step]:
    """The statuses after the initial one, for which Twilio sends no callback."""
    ways = carrier.faults.callbacks
    sent, ended = ways.sent_ms / 1000, (ways.sent_ms + ways.delivered_ms) / 1000
    if code in NEVER_LEFT:
        return [Step(sent, "failed", "failed")]
    statuses = ["sent", "undelivered" if code else "delivered"]
    if outcome == SILENT:
        return [Step(sent, "sent", None)]
    reported = statuses[::-1] if outcome == REVERSED or ways.shuffle else statuses
    return [Step(sent, statuses[0], reported[0]), Step(ended, statuses[1], reported[1])]


def start(carrier: Carrier, text: Text, url: str, code: int | None = None) -> None:
    """Let a text take its course from now on; it costs two timers and no task."""
    loop = asyncio.get_running_loop()
    for step in plan(carrier, code, outcome_of(carrier, text)):
        loop.call_later(step.seconds, _take, carrier, text, step, url, code)


async def run_before_answer(carrier: Carrier, text: Text, url: str, code: int | None = None) -> None:
    """The whole course at once: omega hears of a text's fate before it hears of its sid."""
    for step in plan(carrier, code, outcome_of(carrier, text)):
        _reach(carrier, text, step.status, code)
        if url and step.reported and not carrier.faults.callbacks.drops():
            await asyncio.sleep(carrier.faults.callbacks.delay_ms / 1000)
            for _copy in range(carrier.faults.callbacks.copies()):
                await report(carrier, text, step.reported, url, code)


def _take(carrier: Carrier, text: Text, step: Step, url: str, code: int | None) -> None:
    if text.status == "canceled" or not carrier.ledger.holds(text):
        return
    _reach(carrier, text, step.status, code)
    ways = carrier.faults.callbacks
    if not url or not step.reported or ways.drops():
        return
    job = partial(report, carrier, text, step.reported, url, code)
    for _copy in range(ways.copies()):
        if ways.delay_ms:
            asyncio.get_running_loop().call_later(ways.delay_ms / 1000, carrier.caller.enqueue, job)
        else:
            carrier.caller.enqueue(job)


def _reach(carrier: Carrier, text: Text, status: str, code: int | None) -> None:
    now = time.time()
    text.status, text.updated_at = status, now
    if text.from_ is None and text.service:
        carrier.ledger.sender_chosen(text, carrier.service_number(text.service))
    if status == "sent":
        text.sent_at = now
    elif code and status != "delivered":
        text.error_code = code
    carrier.hub.tell(partial(status_change, text))


def report_params(text: Text, status: str, code: int | None) -> Params:
    """The callback's form, names and order as in tests/fixtures/status_*.form."""
    params = [
        ("ApiVersion", "2010-04-01"),
        ("SmsSid", text.sid),
        ("SmsStatus", status),
        ("To", text.to),
        ("From", text.from_ or ""),
        ("MessageSid", text.sid),
        ("AccountSid", text.account),
        ("MessageStatus", status),
    ]
    if code and status in {"failed", "undelivered"}:
        params.append(("ErrorCode", str(code)))
    if text.service:
        params.append(("MessagingServiceSid", text.service))
    if status in WITH_RECEIPT:
        params.append(("RawDlrDoneDate", time.strftime("%y%m%d%H%M", time.gmtime())))
    return params


async def report(carrier: Carrier, text: Text, status: str, url: str, code: int | None) -> None:
    """Send one status callback and put what came of it into the ledger."""
    if not carrier.ledger.holds(text):
        return
    at = time.time()
    answer = await carrier.caller.call(url, report_params(text, status, code), carrier.accounts.signer(text.account))
    result = (status, at, answer.attempts, answer.status)
    text.reports += result
    carrier.hub.tell(partial(reported, text, result))
