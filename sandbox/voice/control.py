"""The control calls of voice: devices, handsets that call, phones that answer, and calls under way."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.control.answers import Handler, as_json, body_of, control, flag_of, known, text_of
from sandbox.faults import ControlError
from sandbox.provisioning.register import APPLICATION
from sandbox.voice.call import INBOUND, Call
from sandbox.voice.devices import MOST_WAITING, Device
from sandbox.voice.exchange import EXCHANGE, Exchange
from sandbox.voice.placing import call_from_device, call_in, finished
from sandbox.voice.script import Script
from sandbox.voice.tokens import TokenError
from sandbox.voice.vocabulary import NUMBER

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
BEAT_SECONDS = 15
MOST_LISTENERS = 16


def exchange_of(request: web.Request) -> Exchange:
    """The exchange."""
    return request.app[EXCHANGE]


def neighbourly(handler: Handler) -> Handler:
    """Let omega's own pages call as well: the simulated device of its admin runs in a browser."""
    guarded = control(handler, _is_omega)

    async def answered(request: web.Request) -> web.StreamResponse:
        answer = await guarded(request)
        if not answer.prepared:
            answer.headers.update(_permission(request))
        return answer

    return answered


def _permission(request: web.Request) -> dict[str, str]:
    origin = request.headers.get("Origin", "")
    if not origin or not _is_omega(request, origin):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Allow-Methods": "GET, POST, DELETE",
        "Vary": "Origin",
    }


def _is_omega(request: web.Request, origin: str) -> bool:
    home, other = urlsplit(exchange_of(request).carrier.settings.public_base_url), urlsplit(origin)
    same_host = home.hostname == other.hostname or {home.hostname, other.hostname} <= LOOPBACK
    return same_host and (home.scheme, home.port) == (other.scheme, other.port)


async def preflight(request: web.Request) -> web.Response:
    """OPTIONS: whether another page may call."""
    return web.Response(status=204, headers=_permission(request))


# ---- devices


@neighbourly
async def register(request: web.Request) -> web.Response:
    """A device registers: `{"token"}`; answers with its identity, or 401 with Twilio's code."""
    given = await body_of(request)
    known(given, {"token"})
    try:
        device = exchange_of(request).devices.register(text_of(given, "token"))
    except TokenError as refused:
        return as_json({"code": refused.code, "message": refused.message, "status": 401}, 401)
    return as_json(device.as_shown())


@neighbourly
async def devices(request: web.Request) -> web.Response:
    """The devices."""
    return as_json({"results": [device.as_shown() for device in exchange_of(request).devices.all()]})


@neighbourly
async def unregister(request: web.Request) -> web.Response:
    """A device goes: one, or all."""
    exchange_of(request).devices.forget(request.match_info.get("identity"))
    return web.Response(status=204)


def _device(request: web.Request) -> Device:
    device = exchange_of(request).devices.find(request.match_info["identity"])
    if device is None:
        raise ControlError("No device of that identity is registered, or its token has expired.")
    return device


@neighbourly
async def call_by_device(request: web.Request) -> web.Response:
    """A device calls: `params` as its SDK's connect() sends them, `script`, `live`, `wait`."""
    given, device = await body_of(request), _device(request)
    known(given, {"params", "script", "live", "wait"})
    params = given.get("params") or {}
    if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
        raise ControlError("params must be an object of texts.")
    application = exchange_of(request).carrier.register.find(APPLICATION, device.grant.application)
    if application is not None and application.account != device.grant.account:
        raise ControlError("The token's application is another account's: Twilio declines such a call (21218).")
    live = flag_of(given, "live", default=False)
    script = Script.read("script", given.get("script") or {})
    call = call_from_device(exchange_of(request), device, params, script, live=live)
    return await _answer(given, call, live=live)


@neighbourly
async def device_events(request: web.Request) -> web.StreamResponse:
    """Server-sent events of one device's calls; while it listens, a person answers what rings it."""
    device = _device(request)
    if len(device.listeners) >= MOST_LISTENERS:
        raise web.HTTPServiceUnavailable(text="Too many listen to this device.")
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    response = web.StreamResponse(headers=headers | _permission(request))
    await response.prepare(request)
    listener: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_WAITING)
    device.listeners.add(listener)
    try:
        await response.write(b"retry: 1000\n\n")
        while listener in device.listeners and (change := await _next(listener)) is not None:
            await response.write(change)
    except ConnectionError:
        pass  # the browser has left
    finally:
        device.listeners.discard(listener)
    return response


async def _next(listener: asyncio.Queue[bytes | None]) -> bytes | None:
    try:
        change = await asyncio.wait_for(listener.get(), BEAT_SECONDS)
    except TimeoutError:
        return b": beat\n\n"
    return None if change is None else b"data: " + change + b"\n\n"


# ---- handsets and phones


@control
async def call_by_handset(request: web.Request) -> web.Response:
    """A client calls: `from`, `to`, `script`; `live` for a person at the page, `wait` false to answer at once."""
    given = await body_of(request)
    known(given, {"from", "to", "script", "live", "wait", "url"})
    from_, to = text_of(given, "from"), text_of(given, "to")
    if not NUMBER.fullmatch(from_) or not NUMBER.fullmatch(to):
        raise ControlError("from and to must be phone numbers such as +15558675310.")
    live = flag_of(given, "live", default=False)
    script = Script.read("script", given.get("script") or {})
    call = call_in(exchange_of(request), from_, to, script, live=live, url=text_of(given, "url", ""))
    return await _answer(given, call, live=live)


async def _answer(given: dict[str, Any], call: Call, *, live: bool) -> web.Response:
    if not flag_of(given, "wait", default=not live):
        return as_json({"sid": call.sid, "call": call.as_shown()}, 202)
    return as_json({"sid": call.sid, "call": await finished(call)})


@control
async def show_phones(request: web.Request) -> web.Response:
    """How phones behave in every call."""
    standing = exchange_of(request).standing
    shown = {
        name: {key: value for key, value in vars(script).items() if key != "phones"}
        for name, script in standing.items()
    }
    return as_json({"phones": shown})


@control
async def set_phone(request: web.Request) -> web.Response:
    """Say how one phone behaves in every call: a number, `client:…`, or `*` for all others; the body is a script."""
    name = request.match_info["name"]
    if name != "*" and not NUMBER.fullmatch(name) and not name.startswith("client:"):
        raise ControlError("A phone is a number, a client:… or *.")
    script = Script.read("script", await body_of(request))
    if script.answer is None or script.phones:
        raise ControlError("A phone's script has an answer, and no phones.")
    exchange_of(request).standing[name] = script
    return as_json({"phone": name})


@control
async def clear_phones(request: web.Request) -> web.Response:
    """Let phones behave as they mostly do: they answer, unless a person or a call's script decides."""
    exchange_of(request).standing.clear()
    return web.Response(status=204)


# ---- calls under way


@neighbourly
async def calls(request: web.Request) -> web.Response:
    """The calls under way, oldest first."""
    found = [call for call in exchange_of(request).calls.values() if call.parent is None and not call.ended]
    return as_json({"results": [call.as_shown() for call in found]})


def _call(request: web.Request) -> Call:
    call = exchange_of(request).calls.get(request.match_info["sid"])
    if call is None:
        raise ControlError("There is no such call.")
    return call


@neighbourly
async def show_call(request: web.Request) -> web.Response:
    """One call or leg, as in the ledger."""
    return as_json(_call(request).as_entry())


@neighbourly
async def steer(request: web.Request) -> web.Response:
    """What a person does with a leg: answer, decline, hangup, or press/{keys}."""
    call, what = _call(request), request.match_info["what"]
    if what == "answer":
        call.phone.decide("yes")
    elif what == "decline":
        call.phone.decide("reject")
    elif what == "hangup":
        rings = call.direction != INBOUND and call.answered_at is None
        call.phone.decide("reject") if rings else call.phone.hang_up()
    else:
        call.phone.press(request.query.get("digits", "#"))
    return as_json(call.as_shown())
