"""The clients' mailboxes: what lies in them, and what a client or the carrier does with a mail."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import web

from sandbox.callbacks import Answer
from sandbox.carrier import CARRIER
from sandbox.control.answers import as_json, body_of, control, known, text_of
from sandbox.faults import ControlError
from sandbox.sendgrid import view
from sandbox.sendgrid.conventions import CONVENTIONS
from sandbox.sendgrid.letter import Letter
from sandbox.sendgrid.mail import Copy
from sandbox.sendgrid.mailbox import Item
from sandbox.sendgrid.post import POST, WEBHOOK
from sandbox.sendgrid.sending import COURIER
from sandbox.sendgrid.steps import ASKED, Step

MOST_SHOWN = 200
ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Mozilla/5.0 (compatible; Gmail)"}
WAYS = ("one_click", "scan", "mailto")


@control
async def boxes(request: web.Request) -> web.Response:
    """The addresses that have a mailbox, most recent first, each with its last mail."""
    found = request.app[CARRIER].mailboxes
    results = [{"address": item.address, "last": view.line(item)} for item in found.latest(MOST_SHOWN)]
    return as_json({"results": results, "total": len(found)})


@control
async def box(request: web.Request) -> web.Response:
    """One mailbox's last mails, newest first, and the suppression lists that its address is on."""
    carrier, address = request.app[CARRIER], request.match_info["address"].lower()
    results = [view.line(item) for item in carrier.mailboxes.box(address, MOST_SHOWN)]
    listed = [name for name, held in carrier.suppressions.lists.items() if address in held]
    listed += [f"group {group}" for group, email in sorted(carrier.suppressions.groups) if email == address]
    return as_json({"address": address, "results": results, "suppressed": listed})


@control
async def mail(request: web.Request) -> web.Response:
    """The whole of one mail."""
    return as_json(view.whole(item_of(request)))


def item_of(request: web.Request) -> Item:
    """The mail that the path names, as it lies in that mailbox; 404 without it."""
    found = request.app[CARRIER].mailboxes.item(request.match_info["address"], request.match_info["sid"])
    if found is None:
        raise web.HTTPNotFound
    return found


def _copy_of(request: web.Request) -> Copy:
    found = item_of(request)
    if not isinstance(found, Copy):
        raise ControlError("The client wrote this mail; nothing more becomes of it.")
    return found


@control
async def happen(request: web.Request) -> web.Response:
    """One event more of a mail: `{"event"}`, and what else it is to say (`url` for a click, `reason`, `status`, …)."""
    copy, given = _copy_of(request), await body_of(request)
    name = text_of(given, "event")
    if name not in ASKED:
        raise ControlError(f"event must be one of {', '.join(ASKED)}.")
    event = request.app[COURIER].tell(copy, _step(ASKED[name], copy, given))
    return as_json({"event": event}, 202)


def _step(step: Step, copy: Copy, given: dict[str, Any]) -> Step:
    known(given, {"event", "reason", "status", "response", "attempt", "url", "useragent", "ip", "asm_group_id", "type"})
    more = {name: value for name, value in given.items() if name != "event"}
    if step.event == "click":
        links = [link["url"] for link in view.links_of(copy.html, copy.text)]
        url = text_of(given, "url", links[0] if links else "")
        if not url:
            raise ControlError("This mail has no link; name a url.")
        kind = "html" if copy.html else "text"
        more |= {"url": url, "url_offset": {"index": links.index(url) if url in links else 0, "type": kind}}
    return Step(step.event, step.extra | more)


@control
async def unsubscribe(request: web.Request) -> web.Response:
    """The client leaves by the mail's own List-Unsubscribe: `{"by": "one_click"}` posts as Gmail does (RFC 8058).

    `scan` fetches the link as a mail scanner does, which must change nothing; `mailto` writes the mail.
    """
    copy, given = _copy_of(request), await body_of(request)
    known(given, {"by"})
    by, offered = text_of(given, "by", "one_click"), view.unsubscribe_of(copy)
    if by not in WAYS:
        raise ControlError(f"by must be one of {', '.join(WAYS)}.")
    if offered is None or not offered["mailto" if by == "mailto" else "one_click" if by == "one_click" else "url"]:
        raise ControlError(f"This mail's headers offer no unsubscribing by {by}.")
    answer = await _leave(request, copy, by, offered)
    return as_json({"by": by, "webhook": {"status": answer.status, "body": answer.body[:2000]}})


async def _leave(request: web.Request, copy: Copy, by: str, offered: dict[str, Any]) -> Answer:
    carrier = request.app[CARRIER]
    if by == "one_click":
        return await carrier.caller.post(offered["url"], ONE_CLICK, FORM)
    if by == "scan":
        return await carrier.caller.fetch(offered["url"])
    sent, body = request.app[POST].write(_letter(copy, offered["mailto"]), raw=True)
    return await request.app[POST].carry(sent, body, carrier.settings.omega_url(WEBHOOK))


def _letter(copy: Copy, mailto: str) -> Letter:
    parts = urlsplit(mailto)
    asked = {name.lower(): values[0] for name, values in parse_qs(parts.query).items()}
    return Letter(
        sender=copy.person.header,
        to=unquote(parts.path),
        subject=asked.get("subject", "unsubscribe").replace("\n", " ").replace("\r", " "),
        text=asked.get("body", ""),
        message_id=CONVENTIONS["apple"].message_id(copy.address.partition("@")[2]),
    )


@control
async def show_suppressions(request: web.Request) -> web.Response:
    """SendGrid's suppression lists."""
    return as_json(request.app[CARRIER].suppressions.as_dict())


@control
async def clear_suppressions(request: web.Request) -> web.Response:
    """Empty them all; with `?address=` take one address off them."""
    lists, address = request.app[CARRIER].suppressions, request.query.get("address")
    if address is None:
        lists.clear()
    else:
        lists.forgive(address.lower())
    return web.Response(status=204)
