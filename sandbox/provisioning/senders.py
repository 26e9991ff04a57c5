"""SendGrid's verified senders: one address that may send. The mail with the link counts as clicked at once,
unless the address starts with `unverified`.
"""

from typing import Any

from aiohttp import web

from sandbox.provisioning.register import SENDER, Thing
from sandbox.provisioning.sendgrid import Asked, missing, refuse

FIELDS = ("nickname", "from_email", "from_name", "reply_to", "reply_to_name", "address", "city", "country")
UNVERIFIED = "unverified"


def as_resource(thing: Thing) -> dict[str, Any]:
    """The resource's JSON."""
    verified = not thing.values["from_email"].startswith(UNVERIFIED)
    return thing.values | {"id": int(thing.sid), "verified": verified, "locked": False}


def add(asked: Asked) -> web.Response:
    """Make a sender; the same address twice is refused, as the real one."""
    given = asked.object()
    values = {name: str(given.get(name) or "") for name in FIELDS}
    if "@" not in values["from_email"]:
        return refuse("from_email", "from_email must be a valid email")
    if any(thing.values["from_email"] == values["from_email"] for thing in asked.carrier.register.of(SENDER)):
        return refuse("from_email", "already exists")
    number = 1 + sum(thing.kind == SENDER for thing in asked.carrier.register.all())
    thing = asked.carrier.register.save(Thing(SENDER, str(number), "sendgrid", values))
    return asked.answer(as_resource(thing), 201)


def listing(asked: Asked) -> web.Response:
    """Every sender, newest first."""
    return asked.answer({"results": [as_resource(thing) for thing in asked.carrier.register.of(SENDER)]})


def delete(asked: Asked) -> web.Response:
    """DELETE one sender."""
    thing = asked.carrier.register.find(SENDER, asked.request.match_info["id"])
    if thing is None:
        return missing()
    asked.carrier.register.remove(thing)
    return web.Response(status=204)
