"""GET and DELETE /ledger/provisioning: everything that was set up, so that a checker sees what was made twice;
and what a test sets up by hand.
"""

from typing import Any

from aiohttp import web

from sandbox.accounts import ACCOUNT_SID
from sandbox.carrier import CARRIER
from sandbox.control.answers import as_json, body_of, control, flag_of, known, text_of
from sandbox.faults import ControlError
from sandbox.ledger import iso
from sandbox.provisioning import domains, numbers
from sandbox.provisioning.register import NUMBER, SECRETS, SUBACCOUNT, Thing
from sandbox.provisioning.stock import pretty
from sandbox.twilio.resource import new_sid

SENDGRIDS = {"domain", "sender"}


def as_entry(index: int, thing: Thing) -> dict[str, Any]:
    """The ledger's form of a thing; tokens and secrets are left out."""
    return {
        "index": index,
        "provider": "sendgrid" if thing.kind in SENDGRIDS else "twilio",
        "kind": thing.kind,
        "id": thing.sid,
        "account_sid": None if thing.kind in SENDGRIDS else thing.account,
        "name": thing.name,
        "made_by": thing.made_by,
        "at": iso(thing.at),
        "updated_at": iso(thing.updated_at),
        "removed_at": None if thing.removed_at is None else iso(thing.removed_at),
        "values": {name: value for name, value in thing.values.items() if name not in SECRETS},
    }


@control
async def show(request: web.Request) -> web.Response:
    """Everything in order of its making, removed things too; `kind`, `name` and `account_sid` narrow it."""
    wanted = {name: request.query[name] for name in ("kind", "name", "account_sid") if name in request.query}
    entries = [as_entry(at, thing) for at, thing in enumerate(request.app[CARRIER].register.all())]
    results = [entry for entry in entries if all(entry[name] == value for name, value in wanted.items())]
    return as_json({"count": len(entries), "results": results})


@control
async def clear(request: web.Request) -> web.Response:
    """Forget everything that was set up: subaccounts, their credentials, numbers and all."""
    request.app[CARRIER].register.clear()
    request.app[CARRIER].accounts.forget()
    return web.Response(status=204)


@control
async def set_account(request: web.Request) -> web.Response:
    """A subaccount that a test brings along: its sid in the path, its `auth_token` in the body."""
    sid, given = request.match_info["sid"], await body_of(request)
    known(given, {"auth_token", "friendly_name", "status"})
    if not ACCOUNT_SID.fullmatch(sid):
        raise ControlError("An account's sid is AC and 32 hexadecimal digits.")
    register, main = request.app[CARRIER].register, request.app[CARRIER].accounts.main_sid
    values = {
        "auth_token": text_of(given, "auth_token"),
        "friendly_name": text_of(given, "friendly_name", ""),
        "status": text_of(given, "status", "active"),
    }
    register.save(Thing(SUBACCOUNT, sid, main, values, made_by="control"))
    request.app[CARRIER].accounts.forget()  # an earlier token of it is worth nothing now
    return as_json({"sid": sid})


@control
async def set_number(request: web.Request) -> web.Response:
    """A number that an account has brought along: `account_sid`, and its resource's fields (`sms_url`, …)."""
    number, given = request.match_info["number"], await body_of(request)
    carrier = request.app[CARRIER]
    known(given, {"account_sid", *numbers.FIELDS})
    if not numbers.E164.fullmatch(number) or carrier.register.number(number) is not None:
        raise ControlError("The number must be in E.164 form, and nobody's yet.")
    account = text_of(given, "account_sid", carrier.accounts.main_sid)
    fields = {name: text_of(given, name) for name in given if name != "account_sid"}
    values = numbers.FIELDS | {"friendly_name": pretty(number)} | fields | {"phone_number": number}
    thing = carrier.register.save(Thing(NUMBER, new_sid("PN"), account, values, made_by="control"))
    return as_json(numbers.as_resource(thing), 201)


@control
async def set_domain(request: web.Request) -> web.Response:
    """Publish a domain's DNS records, or take them out of DNS: `{"published": true}`."""
    given = await body_of(request)
    known(given, {"published"})
    published, domain = flag_of(given, "published", default=True), request.match_info["domain"]
    found = domains.publish(request.app[CARRIER].register, domain, published=published)
    if not found:
        raise ControlError("No domain of that name was made.")
    return as_json({"domain": domain, "published": published, "ids": [thing.values["id"] for thing in found]})
