"""GET and DELETE /ledger: what the carriers accepted, in order."""

from itertools import islice

from aiohttp import web

from sandbox.carrier import CARRIER
from sandbox.control.answers import as_json, control
from sandbox.faults import ControlError


def _whole(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.removeprefix("-").isdecimal():
        raise ControlError(f"{name} must be a whole number.")
    return int(text)


@control
async def show(request: web.Request) -> web.Response:
    """Entries in order of acceptance; `to`, `from`, `after` (an entry's index), `kind` and `limit` narrow them."""
    ledger = request.app[CARRIER].ledger
    limit = _whole(request, "limit", len(ledger.entries))
    after = max(_whole(request, "after", -1), -1)
    found = ledger.select(to=request.query.get("to", ""), from_=request.query.get("from", ""), after=after)
    kind = request.query.get("kind")  # `call`, or `message` for all else
    found = (entry for entry in found if kind in {None, getattr(entry, "kind", "message")})
    results = [entry.as_entry() for entry in islice(found, max(limit, 0))]
    return as_json({"count": len(ledger.entries), "results": results})


@control
async def clear(request: web.Request) -> web.Response:
    """Forget every message, the account's own record and the reports not yet sent."""
    carrier = request.app[CARRIER]
    carrier.ledger.clear()
    carrier.mailboxes.clear()
    carrier.hub.tell(lambda: {"type": "reload"})
    return web.Response(status=204)
