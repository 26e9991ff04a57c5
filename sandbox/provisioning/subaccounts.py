"""The Accounts resource: POST and GET of the list, GET and POST of one (twilio.com/docs/iam/api/account)."""

import secrets
from typing import Any

from aiohttp import web

from sandbox.accounts import Accounts
from sandbox.provisioning.fields import fields_of
from sandbox.provisioning.register import NUMBER, SUBACCOUNT, Thing
from sandbox.twilio.door import Asked, as_json
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.paging import envelope
from sandbox.twilio.resource import new_sid, rfc2822

STATUSES = {"active", "suspended", "closed"}
PARTS = ("applications", "available_phone_numbers", "calls", "incoming_phone_numbers", "keys", "messages", "recordings")


def add(asked: Asked) -> web.Response:
    """Make a subaccount; only the main account may."""
    if not asked.carrier.accounts.is_main(asked.caller):
        raise TwilioError(20003)
    values = {"friendly_name": "SubAccount Created via API", "status": "active", "auth_token": secrets.token_hex(16)}
    values |= fields_of({"FriendlyName": asked.form.get("FriendlyName") or values["friendly_name"]}, values)
    thing = Thing(SUBACCOUNT, new_sid("AC"), asked.carrier.accounts.main_sid, values)
    return as_json(as_resource(asked.carrier.register.save(thing)), 201)


def as_resource(thing: Thing) -> dict[str, Any]:
    """The resource's JSON."""
    path = f"/2010-04-01/Accounts/{thing.sid}"
    return {
        "auth_token": thing.values["auth_token"],
        "date_created": rfc2822(int(thing.at)),
        "date_updated": rfc2822(int(thing.updated_at)),
        "friendly_name": thing.values["friendly_name"],
        "owner_account_sid": thing.account,
        "sid": thing.sid,
        "status": thing.values["status"],
        "subresource_uris": {
            part: f"{path}/{''.join(word.title() for word in part.split('_'))}.json" for part in PARTS
        },
        "type": "Full",
        "uri": f"{path}.json",
    }


def main_account(accounts: Accounts) -> Thing:
    """The main account as the list has it."""
    values = {"friendly_name": "omega sandbox", "status": "active", "auth_token": accounts.main_token}
    return Thing(SUBACCOUNT, accounts.main_sid, accounts.main_sid, values, at=accounts.started)


def listing(asked: Asked) -> web.Response:
    """The accounts that the caller may see, newest first; FriendlyName matches exactly, Status too."""
    accounts = asked.carrier.accounts
    rows = [*asked.carrier.register.of(SUBACCOUNT), main_account(accounts)]
    rows = [thing for thing in rows if accounts.manages(asked.caller, thing.sid) and _wanted(thing, asked.query)]
    return as_json(envelope(asked.request.path, asked.query, "accounts", rows, as_resource))


def _wanted(thing: Thing, query: dict[str, str]) -> bool:
    asked_for = ((name, query.get(key)) for name, key in (("friendly_name", "FriendlyName"), ("status", "Status")))
    return all(not wanted or thing.values[name] == wanted for name, wanted in asked_for)


def _find(asked: Asked) -> Thing:
    sid, accounts = asked.name("sid"), asked.carrier.accounts
    if not accounts.manages(asked.caller, sid):
        raise TwilioError(20003)
    if sid == accounts.main_sid:
        return main_account(accounts)
    thing = asked.carrier.register.find(SUBACCOUNT, sid)
    if thing is None:
        raise TwilioError(20404)
    return thing


def fetch(asked: Asked) -> web.Response:
    """GET one account."""
    return as_json(as_resource(_find(asked)))


def update(asked: Asked) -> web.Response:
    """Rename, suspend, reactivate or close one; what was closed stays so, and its numbers are released."""
    thing, status = _find(asked), asked.form.get("Status")
    changed = fields_of({key: value for key, value in asked.form.items() if key == "FriendlyName"}, thing.values)
    if status:
        if status not in STATUSES or thing.sid == asked.carrier.accounts.main_sid:
            raise TwilioError(20001)
        if thing.values["status"] == "closed" and status != "closed":
            raise TwilioError(20009)
        changed["status"] = status
    if thing.sid == asked.carrier.accounts.main_sid:
        return as_json(as_resource(thing))
    if status == "closed":
        for number in list(asked.carrier.register.of(NUMBER, thing.sid)):
            asked.carrier.register.remove(number)
    return as_json(as_resource(asked.carrier.register.change(thing, changed)))
