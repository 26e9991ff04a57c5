"""The Keys resource: standard API keys. The secret is shown once, at the making."""

import secrets
from typing import Any

from aiohttp import web

from sandbox.provisioning.fields import fields_of
from sandbox.provisioning.register import KEY, Thing
from sandbox.twilio.door import Asked, as_json
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.paging import envelope
from sandbox.twilio.resource import new_sid, rfc2822


def as_resource(thing: Thing) -> dict[str, Any]:
    """The resource's JSON, without the secret."""
    return {
        "date_created": rfc2822(int(thing.at)),
        "date_updated": rfc2822(int(thing.updated_at)),
        "friendly_name": thing.values["friendly_name"],
        "sid": thing.sid,
    }


def _check_manager(asked: Asked) -> None:
    """A standard key may use the account, but not its keys."""
    if not asked.carrier.accounts.manages(asked.caller, asked.account):
        raise TwilioError(20003)


def _find(asked: Asked) -> Thing:
    _check_manager(asked)
    thing = asked.carrier.register.find(KEY, asked.name("sid"))
    if thing is None or thing.account != asked.account:
        raise TwilioError(20404)
    return thing


def add(asked: Asked) -> web.Response:
    """Make a key."""
    _check_manager(asked)
    values = {"friendly_name": "", "secret": secrets.token_urlsafe(24)[:32]}
    values |= fields_of({"FriendlyName": asked.form.get("FriendlyName", "")}, values)
    thing = asked.carrier.register.save(Thing(KEY, new_sid("SK"), asked.account, values))
    return as_json(as_resource(thing) | {"secret": values["secret"]}, 201)


def listing(asked: Asked) -> web.Response:
    """The account's keys, newest first."""
    _check_manager(asked)
    rows = list(asked.carrier.register.of(KEY, asked.account))
    return as_json(envelope(asked.request.path, asked.query, "keys", rows, as_resource))


def fetch(asked: Asked) -> web.Response:
    """GET one key."""
    return as_json(as_resource(_find(asked)))


def update(asked: Asked) -> web.Response:
    """Rename a key."""
    thing = _find(asked)
    values = fields_of({"FriendlyName": asked.form.get("FriendlyName", "")}, thing.values)
    return as_json(as_resource(asked.carrier.register.change(thing, values)))


def delete(asked: Asked) -> web.Response:
    """DELETE one key: what it signed is worth nothing from now on."""
    asked.carrier.register.remove(_find(asked))
    return web.Response(status=204)
