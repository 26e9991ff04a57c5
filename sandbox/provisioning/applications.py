"""The Applications resource: a set of webhook URLs that numbers and access tokens point at."""

from typing import Any

from aiohttp import web

from sandbox.carrier import Carrier
from sandbox.provisioning.fields import fields_of
from sandbox.provisioning.hooks import STATUS_PATH, VOICE_PATH
from sandbox.provisioning.register import APPLICATION, Thing
from sandbox.twilio.door import Asked, as_json
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.paging import envelope
from sandbox.twilio.resource import new_sid, rfc2822

FIELDS: dict[str, Any] = {
    "friendly_name": "",
    "message_status_callback": "",
    "sms_fallback_method": "POST",
    "sms_fallback_url": "",
    "sms_method": "POST",
    "sms_status_callback": "",
    "sms_url": "",
    "status_callback": "",
    "status_callback_method": "POST",
    "voice_caller_id_lookup": False,
    "voice_fallback_method": "POST",
    "voice_fallback_url": "",
    "voice_method": "POST",
    "voice_url": "",
    "public_application_connect_enabled": False,
}


def seed(carrier: Carrier) -> None:
    """Put the application that TWILIO_TWIML_APP_SID names where it would be found."""
    settings = carrier.settings
    urls = {"voice_url": settings.omega_url(VOICE_PATH), "status_callback": settings.omega_url(STATUS_PATH)}
    values = FIELDS | {"friendly_name": "omega"} | urls
    if settings.twiml_app_sid:
        carrier.register.seed(Thing(APPLICATION, settings.twiml_app_sid, settings.account_sid, values))


def as_resource(thing: Thing) -> dict[str, Any]:
    """The resource's JSON."""
    return thing.values | {
        "account_sid": thing.account,
        "api_version": "2010-04-01",
        "date_created": rfc2822(int(thing.at)),
        "date_updated": rfc2822(int(thing.updated_at)),
        "sid": thing.sid,
        "uri": f"/2010-04-01/Accounts/{thing.account}/Applications/{thing.sid}.json",
    }


def add(asked: Asked) -> web.Response:
    """Make an application."""
    values = FIELDS | fields_of(asked.form, FIELDS)
    thing = Thing(APPLICATION, new_sid("AP"), asked.account, values)
    return as_json(as_resource(asked.carrier.register.save(thing)), 201)


def listing(asked: Asked) -> web.Response:
    """The account's applications, newest first; FriendlyName matches exactly."""
    wanted = asked.query.get("FriendlyName")
    rows = [
        thing
        for thing in asked.carrier.register.of(APPLICATION, asked.account)
        if not wanted or thing.values["friendly_name"] == wanted
    ]
    return as_json(envelope(asked.request.path, asked.query, "applications", rows, as_resource))


def find(asked: Asked) -> Thing:
    """The application of the path; raises TwilioError."""
    thing = asked.carrier.register.find(APPLICATION, asked.name("sid"))
    if thing is None or thing.account != asked.account:
        raise TwilioError(20404)
    return thing


def fetch(asked: Asked) -> web.Response:
    """GET one application."""
    return as_json(as_resource(find(asked)))


def update(asked: Asked) -> web.Response:
    """Change some of its fields."""
    return as_json(as_resource(asked.carrier.register.change(find(asked), fields_of(asked.form, FIELDS))))


def delete(asked: Asked) -> web.Response:
    """DELETE one application."""
    asked.carrier.register.remove(find(asked))
    return web.Response(status=204)
