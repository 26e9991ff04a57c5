"""SendGrid's suppression API: its lists shown, searched and emptied, by the same key as mail/send."""

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from sandbox.carrier import CARRIER
from sandbox.sendgrid.errors import JSON, SendGridWords, rate_headers
from sandbox.sendgrid.sending import refuse_caller
from sandbox.sendgrid.suppressions import UNSUBSCRIBES, Entry

Handler = Callable[[web.Request], Awaitable[web.Response]]


def keyed(handler: Handler) -> Handler:
    """Answer 401 without the key."""

    async def guarded(request: web.Request) -> web.Response:
        return refuse_caller(request) or await handler(request)

    return guarded


def _list_of(request: web.Request) -> dict[str, Entry]:
    return request.app[CARRIER].suppressions.lists[request.match_info.get("list", UNSUBSCRIBES)]


def _answer(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), headers=JSON | rate_headers())


@keyed
async def show(request: web.Request) -> web.Response:
    """A whole list, newest first."""
    return _answer([entry.as_dict() for entry in reversed(_list_of(request).values())])


@keyed
async def find(request: web.Request) -> web.Response:
    """One address: a list of one, or an empty one."""
    entry = _list_of(request).get(request.match_info["email"].lower())
    return _answer([entry.as_dict()] if entry else [])


@keyed
async def remove(request: web.Request) -> web.Response:
    """Let one address be written to again."""
    if _list_of(request).pop(request.match_info["email"].lower(), None) is None:
        return SendGridWords().refusal(404)
    return web.Response(status=204, headers=rate_headers())


@keyed
async def remove_many(request: web.Request) -> web.Response:
    """`{"delete_all": true}` or `{"emails": [...]}`."""
    held = _list_of(request)
    try:
        given = orjson.loads(await request.read() or b"{}")
        emails = list(held) if given.get("delete_all") else [str(email).lower() for email in given["emails"]]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return SendGridWords().refusal(400)
    for email in emails:
        held.pop(email, None)
    return web.Response(status=204, headers=rate_headers())
