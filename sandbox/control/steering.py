"""Faults, magic numbers, opt-outs and messaging services: how a test sets the scene."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from sandbox.carrier import CARRIER
from sandbox.control.answers import as_json, body_of, control, known
from sandbox.faults import MODES, ControlError
from sandbox.numbers import TABLE, TWILIO_FROM, TWILIO_TO
from sandbox.sendgrid.steps import MAGIC, MagicAddress
from sandbox.twilio.sending import SERVICE


@control
async def show_faults(request: web.Request) -> web.Response:
    """The faults in force."""
    return as_json(request.app[CARRIER].faults.as_dict())


@control
async def set_faults(request: web.Request) -> web.Response:
    """Replace the sections named in the body; the others stay."""
    carrier = request.app[CARRIER]
    carrier.faults.update(await body_of(request))
    carrier.hub.tell(lambda: {"type": "faults"})
    return as_json(carrier.faults.as_dict())


@control
async def reset_faults(request: web.Request) -> web.Response:
    """Make everything well again, the magic numbers' counters included."""
    carrier = request.app[CARRIER]
    carrier.faults.reset()
    carrier.tries.clear()
    carrier.hub.tell(lambda: {"type": "faults"})
    return as_json(carrier.faults.as_dict())


@control
async def numbers(_request: web.Request) -> web.Response:
    """The magic recipients and the modes of faults, for people and for the page."""
    return as_json(
        {
            "magic": [asdict(magic) for magic in TABLE],
            "twilio_to": TWILIO_TO,
            "twilio_from": TWILIO_FROM,
            "modes": MODES,
            "addresses": [_address(magic) for magic in MAGIC],
        }
    )


def _address(magic: MagicAddress) -> dict[str, Any]:
    return {
        "address": magic.address,
        "also": list(magic.also),
        "title": magic.title,
        "says": magic.says,
        "mode": magic.mode,
        "events": [step.event for step in magic.steps],
    }


@control
async def show_optouts(request: web.Request) -> web.Response:
    """The blocked pairs."""
    pairs = sorted(request.app[CARRIER].opted_out)
    return as_json({"results": [{"sender": sender, "recipient": recipient} for sender, recipient in pairs]})


@control
async def clear_optouts(request: web.Request) -> web.Response:
    """Unblock every pair."""
    request.app[CARRIER].opted_out.clear()
    return web.Response(status=204)


@control
async def set_service(request: web.Request) -> web.Response:
    """Say which `numbers` a messaging service sends from; the first is its sender."""
    sid, given = request.match_info["sid"], await body_of(request)
    known(given, {"numbers"})
    owned = given.get("numbers")
    if not SERVICE.fullmatch(sid):
        raise ControlError("A messaging service's sid is MG and 32 hexadecimal digits.")
    if not isinstance(owned, list) or not all(isinstance(number, str) for number in owned):
        raise ControlError("numbers must be a list of phone numbers.")
    request.app[CARRIER].set_service(sid, tuple(owned))
    return as_json({"sid": sid, "numbers": owned})
