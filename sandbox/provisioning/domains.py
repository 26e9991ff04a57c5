"""SendGrid's domain authentication: records to publish, and the look at DNS that makes a domain valid.

DNS itself is not asked. A domain's records count as published, unless it starts with `unpublished.` or a control
call (PUT /domains/{domain}) says otherwise.
"""

from typing import Any

from aiohttp import web

from sandbox.provisioning.register import DOMAIN, Thing
from sandbox.provisioning.sendgrid import Asked, missing, refuse, whole

USER_ID = 7_654_321
RECORDS = ("mail_cname", "dkim1", "dkim2")
UNPUBLISHED = "unpublished."
MOST = 50


def _dns(domain: str, subdomain: str) -> dict[str, Any]:
    sender = f"u{USER_ID}.wl.sendgrid.net"
    hosts = {
        "mail_cname": (f"{subdomain}.{domain}", sender),
        "dkim1": (f"s1._domainkey.{domain}", f"s1.domainkey.{sender}"),
        "dkim2": (f"s2._domainkey.{domain}", f"s2.domainkey.{sender}"),
    }
    return {name: {"valid": False, "type": "cname", "host": host, "data": data} for name, (host, data) in hosts.items()}


def as_resource(thing: Thing) -> dict[str, Any]:
    """The resource's JSON."""
    return {name: value for name, value in thing.values.items() if name != "published"}


def is_published(thing: Thing) -> bool:
    """Whether the domain's records are in what stands for DNS here."""
    return bool(thing.values.get("published", not thing.values["domain"].startswith(UNPUBLISHED)))


def add(asked: Asked) -> web.Response:
    """Make a domain and its three records. The same domain with the same subdomain is refused, as the real one."""
    given = asked.object()
    domain, subdomain = given.get("domain"), given.get("subdomain")
    if not isinstance(domain, str) or "." not in domain.strip("."):
        return refuse("domain", "domain should be a valid domain")
    known = [thing.values for thing in asked.carrier.register.of(DOMAIN)]
    subdomain = subdomain or f"em{1000 + len(asked.carrier.register.all())}"
    if any((values["domain"], values["subdomain"]) == (domain, subdomain) for values in known):
        return refuse("domain", "A domain authentication already exists for this URL.")
    number = 1 + max((int(thing.sid) for thing in asked.carrier.register.all() if thing.kind == DOMAIN), default=0)
    values: dict[str, Any] = {
        "id": number,
        "user_id": USER_ID,
        "subdomain": subdomain,
        "domain": domain.lower(),
        "username": "omega",
        "ips": [],
        "custom_spf": bool(given.get("custom_spf", False)),
        "default": bool(given.get("default", False)),
        "legacy": False,
        "automatic_security": bool(given.get("automatic_security", True)),
        "valid": False,
        "dns": _dns(domain.lower(), str(subdomain)),
    }
    thing = asked.carrier.register.save(Thing(DOMAIN, str(number), "sendgrid", values))
    return asked.answer(as_resource(thing), 201)


def listing(asked: Asked) -> web.Response:
    """Every domain, newest first; `domain` narrows, `limit` and `offset` page. The answer is a bare list."""
    wanted = asked.request.query.get("domain")
    rows = [thing for thing in asked.carrier.register.of(DOMAIN) if not wanted or thing.values["domain"] == wanted]
    first, size = whole(asked, "offset", 0), whole(asked, "limit", MOST)
    return asked.answer([as_resource(thing) for thing in rows[first : first + size]])


def find(asked: Asked) -> Thing | None:
    """The domain of the path."""
    return asked.carrier.register.find(DOMAIN, asked.request.match_info["id"])


def fetch(asked: Asked) -> web.Response:
    """GET one domain."""
    thing = find(asked)
    return missing() if thing is None else asked.answer(as_resource(thing))


def update(asked: Asked) -> web.Response:
    """PATCH `default` or `custom_spf`."""
    thing, given = find(asked), asked.object()
    if thing is None:
        return missing()
    changed: dict[str, Any] = {name: bool(given[name]) for name in ("default", "custom_spf") if name in given}
    return asked.answer(as_resource(asked.carrier.register.change(thing, changed)))


def delete(asked: Asked) -> web.Response:
    """DELETE one domain."""
    thing = find(asked)
    if thing is None:
        return missing()
    asked.carrier.register.remove(thing)
    return web.Response(status=204)


def validate(asked: Asked) -> web.Response:
    """Look at what stands for DNS: 200 either way, with the reason for each record that was not found."""
    thing = find(asked)
    if thing is None:
        return missing()
    good = is_published(thing)
    dns = {name: record | {"valid": good} for name, record in thing.values["dns"].items()}
    asked.carrier.register.change(thing, {"valid": good, "dns": dns})
    results = {name: {"valid": good, "reason": None if good else _reason(dns[name])} for name in RECORDS}
    return asked.answer({"id": thing.values["id"], "valid": good, "validation_results": results})


def _reason(record: dict[str, Any]) -> str:
    kind, host, data = record["type"].upper(), record["host"], record["data"]
    return f'Expected {kind} for "{host}" to match "{data}".'


def publish(register: Any, domain: str, *, published: bool) -> list[Thing]:
    """Say whether a domain's records are published, for every authentication of it."""
    found = [thing for thing in register.of(DOMAIN) if thing.values["domain"] == domain]
    return [register.change(thing, {"published": published}) for thing in found]
