"""The IncomingPhoneNumbers resource: numbers are bought, pointed at webhooks, moved and released."""

import re
from typing import Any

from aiohttp import web

from sandbox.provisioning.fields import fields_of
from sandbox.provisioning.register import NUMBER, SUBACCOUNT, Thing
from sandbox.provisioning.stock import LOCAL, TOLL_FREE, free_numbers, pretty
from sandbox.twilio.door import Asked, as_json
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.paging import envelope
from sandbox.twilio.resource import new_sid, rfc2822

E164 = re.compile(r"\+(?:1[2-9]\d{9}|[2-9]\d{6,14})")
# Twilio's magic numbers for buying (docs: iam/test-credentials).
REFUSED = {"+15005550000": 21422, "+15005550001": 21421}
FIELDS: dict[str, Any] = {
    "address_sid": "",
    "bundle_sid": "",
    "emergency_address_sid": "",
    "emergency_status": "Inactive",
    "friendly_name": "",
    "identity_sid": "",
    "sms_application_sid": "",
    "sms_fallback_method": "POST",
    "sms_fallback_url": "",
    "sms_method": "POST",
    "sms_url": "",
    "status_callback": "",
    "status_callback_method": "POST",
    "trunk_sid": "",
    "voice_application_sid": "",
    "voice_caller_id_lookup": False,
    "voice_fallback_method": "POST",
    "voice_fallback_url": "",
    "voice_method": "POST",
    "voice_receive_mode": "voice",
    "voice_url": "",
}
OR_NULL = ("address_sid", "bundle_sid", "emergency_address_sid", "identity_sid", "trunk_sid")


def as_resource(thing: Thing) -> dict[str, Any]:
    """The resource's JSON."""
    shown = thing.values | {name: thing.values[name] or None for name in OR_NULL}
    return shown | {
        "account_sid": thing.account,
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "date_created": rfc2822(int(thing.at)),
        "date_updated": rfc2822(int(thing.updated_at)),
        "emergency_address_status": "unregistered",
        "origin": "twilio",
        "sid": thing.sid,
        "status": "in-use",
        "uri": f"/2010-04-01/Accounts/{thing.account}/IncomingPhoneNumbers/{thing.sid}.json",
    }


def add(asked: Asked) -> web.Response:
    """Buy the PhoneNumber given, or any of the AreaCode's."""
    number = _chosen(asked)
    values = FIELDS | {"friendly_name": pretty(number)} | fields_of(asked.form, FIELDS) | {"phone_number": number}
    _check_applications(asked, values)
    thing = Thing(NUMBER, new_sid("PN"), asked.account, values)
    return as_json(as_resource(asked.carrier.register.save(thing)), 201)


def _chosen(asked: Asked) -> str:
    register, number = asked.carrier.register, re.sub(r"[\s().-]", "", asked.form.get("PhoneNumber", ""))
    if not number:
        kind = asked.request.match_info.get("kind", LOCAL)
        code = asked.form.get("AreaCode")
        if code is None and kind != TOLL_FREE:
            raise TwilioError(21421)
        found = next(free_numbers(register, "US", kind, code), None)
        if found is None:
            raise TwilioError(21452, value=code or "")
        return found
    if number in REFUSED:
        raise TwilioError(REFUSED[number], to=number)
    if not E164.fullmatch(number):
        raise TwilioError(21421, to=number)
    if register.number(number) is not None:
        raise TwilioError(21422, to=number)
    return number


def _check_applications(asked: Asked, values: dict[str, Any]) -> None:
    for name in ("sms_application_sid", "voice_application_sid"):
        sid = values.get(name)
        if sid and asked.carrier.register.find("application", sid) is None:
            raise TwilioError(20404)


def listing(asked: Asked) -> web.Response:
    """The account's numbers, newest first; PhoneNumber may be a part with `*` for a digit, FriendlyName is exact."""
    pattern = re.compile(re.escape(asked.query.get("PhoneNumber", "")).replace(r"\*", r"\d"))
    name = asked.query.get("FriendlyName")
    rows = [
        thing
        for thing in asked.carrier.register.of(NUMBER, asked.account)
        if pattern.search(thing.values["phone_number"]) and (not name or thing.values["friendly_name"] == name)
    ]
    return as_json(envelope(asked.request.path, asked.query, "incoming_phone_numbers", rows, as_resource))


def _find(asked: Asked) -> Thing:
    thing = asked.carrier.register.find(NUMBER, asked.name("sid"))
    if thing is None or thing.account != asked.account:
        raise TwilioError(20404)
    return thing


def fetch(asked: Asked) -> web.Response:
    """GET one number."""
    return as_json(as_resource(_find(asked)))


def update(asked: Asked) -> web.Response:
    """Point a number elsewhere, or give it to another account (AccountSid, by the main account's credentials)."""
    thing, values = _find(asked), fields_of(asked.form, FIELDS)
    _check_applications(asked, values)
    taker = asked.form.get("AccountSid")
    if taker:
        accounts = asked.carrier.accounts
        exists = taker == accounts.main_sid or asked.carrier.register.find(SUBACCOUNT, taker) is not None
        if not exists or accounts.refusal(asked.caller, taker):
            raise TwilioError(20404)
        thing.account = taker
    return as_json(as_resource(asked.carrier.register.change(thing, values)))


def delete(asked: Asked) -> web.Response:
    """Release a number: it may be bought again."""
    asked.carrier.register.remove(_find(asked))
    return web.Response(status=204)
