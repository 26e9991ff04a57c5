"""Places calls: a client's to a number, a device's to its application, the REST API's to a phone."""

import asyncio
import contextlib
from typing import Any

from sandbox.provisioning.hooks import Hook, application_hook, voice_hook
from sandbox.voice import dialing, recording, verbs
from sandbox.voice.call import BY_API, INBOUND, Call, Phone
from sandbox.voice.devices import Device
from sandbox.voice.exchange import Exchange, Progress
from sandbox.voice.player import PLAYS, Ended, Next, Player
from sandbox.voice.script import Script

LONGEST_WAIT_SECONDS = 60
PLAYS.update(
    {
        "Say": verbs.say,
        "Play": verbs.play,
        "Pause": verbs.pause,
        "Gather": verbs.gather,
        "Redirect": verbs.redirect,
        "Hangup": verbs.hangup,
        "Reject": verbs.reject,
        "Record": recording.record,
        "Dial": dialing.dial,
    }
)


def call_in(exchange: Exchange, from_: str, to: str, script: Script, *, live: bool, url: str = "") -> Call:
    """A client calls a business's number."""
    hook = voice_hook(exchange.carrier, to)
    hook = Hook(url, "POST", hook.account, status_callback=hook.status_callback) if url else hook
    call = Call(account=hook.account, from_=from_, to=to, direction=INBOUND, phone=Phone(script, live=live))
    return _begin(exchange, call, hook)


def call_from_device(exchange: Exchange, device: Device, params: dict[str, str], script: Script, *, live: bool) -> Call:
    """A device calls: Twilio asks its token's application; `To` is whatever the device says."""
    grant = device.grant
    parameters = {**params, **grant.parameters}
    phone = Phone(script, live=live)
    call = Call(account=grant.account, from_=device.name, to=params.get("To", ""), direction=INBOUND, phone=phone)
    call.parameters, call.application = parameters, grant.application
    return _begin(exchange, call, application_hook(exchange.carrier, grant.application, grant.account))


def _begin(exchange: Exchange, call: Call, hook: Hook) -> Call:
    idle = exchange.carrier.accounts.is_idle(call.account)
    exchange.open(call, None if idle else Progress(hook.status_callback, hook.status_method))
    if idle:
        exchange.reach(call, "failed")
        return call
    call.phone.give_up_later()
    exchange.spawn(_run(exchange, call, hook, None))
    return call


async def _run(exchange: Exchange, call: Call, hook: Hook, first: Next | None) -> None:
    try:
        await Player(exchange, call, hook).run(first)
    except Ended:
        pass
    finally:
        _finish(exchange, call)


def _finish(exchange: Exchange, call: Call) -> None:
    """The final status: completed where it was answered or came to its end, no-answer where the caller gave up."""
    if call.answered_at is None and not call.phone.hung_up:
        exchange.reach(call, "in-progress")
    exchange.reach(call, "no-answer" if call.answered_at is None else "completed")


def call_out(exchange: Exchange, call: Call, hook: Hook, first: Next, timeout: int, progress: Progress) -> Call:
    """The REST API calls a phone; when it answers, the document is played to it."""
    exchange.open(call, progress)
    exchange.spawn(_run_out(exchange, call, hook, first, timeout))
    return call


async def _run_out(exchange: Exchange, call: Call, hook: Hook, first: Next, timeout: int) -> None:
    if await dialing.decided(exchange, call, timeout):
        exchange.reach(call, "in-progress")
        call.phone.give_up_later()
        await _run(exchange, call, hook, first)


def new_call_out(exchange: Exchange, account: str, from_: str, to: str) -> Call:
    """A leg for the REST API; whether a person or a script answers is decided as for a dialed one."""
    phone = exchange.phone_of(to, Script(), account)
    return Call(account=account, from_=from_, to=to, direction=BY_API, phone=phone)


async def finished(call: Call) -> dict[str, Any]:
    """The call's entry when it is over, or as it is after LONGEST_WAIT_SECONDS."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(call.over.wait(), LONGEST_WAIT_SECONDS)
    return call.as_entry()
