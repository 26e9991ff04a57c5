"""The Calls resource: POST makes a call, GET lists and shows, POST to one ends it or gives it another document."""

import re
from collections.abc import Callable

from aiohttp import web

from sandbox.provisioning.hooks import Hook, application_hook
from sandbox.provisioning.register import APPLICATION
from sandbox.twilio.door import Asked, as_json
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.paging import envelope, number_of
from sandbox.twilio.reading import moments
from sandbox.voice.call import Call
from sandbox.voice.exchange import EXCHANGE, Exchange, Progress
from sandbox.voice.placing import call_out, new_call_out
from sandbox.voice.player import Next
from sandbox.voice.vocabulary import CALL_EVENTS, CLIENT, is_method, is_url

FORMATTING = re.compile(r"[\s().-]")
E164 = re.compile(r"\+(?:1\d{10}|[2-9]\d{6,14})")
MOST_TWIML, TIMEOUT_SECONDS, LONGEST_TIMEOUT = 4000, 60, 600
Filter = Callable[[Call], bool]


def _exchange(asked: Asked) -> Exchange:
    return asked.request.app[EXCHANGE]


def create(asked: Asked) -> web.Response:
    """Call a phone, and play it Url, Twiml or an application's document when it answers."""
    to, from_ = _party(asked.form.get("To", ""), 21201, 21211), _party(asked.form.get("From", ""), 21213, 21212)
    if asked.carrier.accounts.refusal(asked.caller, asked.account):
        raise TwilioError(20003)
    owned = asked.carrier.register.number(from_)
    if owned is not None and owned.account != asked.account:
        raise TwilioError(21210, from_=from_)
    hook, first = _document(asked)
    progress = _progress(asked, hook)
    exchange = _exchange(asked)
    call = new_call_out(exchange, asked.account, from_, to)
    call.application = hook.application
    timeout = min(number_of(asked.form.get("Timeout"), TIMEOUT_SECONDS), LONGEST_TIMEOUT)
    answer = as_json(call.as_resource(), 201)
    call_out(exchange, call, hook, first, timeout, progress)
    return answer


def _party(given: str, missing: int, wrong: int) -> str:
    if not given:
        raise TwilioError(missing)
    if given.startswith("client:") and CLIENT.fullmatch(given):
        return given
    number = FORMATTING.sub("", given)
    if not E164.fullmatch(number):
        raise TwilioError(wrong, to=given, from_=given)
    return number


def _document(asked: Asked) -> tuple[Hook, Next]:
    form, account = asked.form, asked.account
    method = form.get("Method", "POST")
    if not is_method(method):
        raise TwilioError(21403, name="Method", value=method)
    if form.get("ApplicationSid"):
        if asked.carrier.register.find(APPLICATION, form["ApplicationSid"]) is None:
            raise TwilioError(21218)
        hook = application_hook(asked.carrier, form["ApplicationSid"], account)
        return hook, Next(hook.url, hook.method, {})
    twiml, url = form.get("Twiml", ""), form.get("Url", "")
    if len(twiml) > MOST_TWIML or not (twiml or (url.startswith(("http://", "https://")) and is_url(url))):
        raise TwilioError(21205)
    fallback = form.get("FallbackUrl", ""), form.get("FallbackMethod", "POST")
    return Hook(url, method, account, None, *fallback), Next(url, method, {"": twiml} if twiml and not url else {})


def _progress(asked: Asked, hook: Hook) -> Progress:
    url = asked.form.get("StatusCallback", "") or (hook.status_callback if hook.application else "")
    if url and not is_url(url):
        raise TwilioError(21609, url=url)
    wanted = [value for name, value in asked.pairs if name == "StatusCallbackEvent"]
    if not set(wanted) <= CALL_EVENTS:
        raise TwilioError(21626)
    return Progress(url, asked.form.get("StatusCallbackMethod", "POST"), frozenset(wanted or {"completed"}))


def listing(asked: Asked) -> web.Response:
    """The account's calls, legs too, newest first; To, From, Status, ParentCallSid, StartTime and EndTime narrow."""
    wanted = _filters(asked.query)
    found = [
        call
        for call in reversed(_exchange(asked).calls.values())
        if call.account == asked.account and all(fits(call) for fits in wanted)
    ]
    return as_json(envelope(asked.request.path, asked.query, "calls", found, Call.as_resource))


def _filters(query: dict[str, str]) -> list[Filter]:
    plain: dict[str, Callable[[Call], str]] = {
        "To": lambda call: call.to,
        "From": lambda call: call.from_,
        "Status": lambda call: call.status,
        "ParentCallSid": lambda call: call.parent.sid if call.parent else "",
    }
    found: list[Filter] = [_equal(read, query[name]) for name, read in plain.items() if query.get(name)]
    times: dict[str, Callable[[Call], float]] = {
        "StartTime": lambda call: call.answered_at or call.at,
        "EndTime": lambda call: call.ended_at or 0.0,
    }
    for name, at in times.items():
        if query.get(name):
            low, high = moments(query[name].removesuffix("T00:00:00Z"))
            found.append(_between(at, low, high))
        if query.get(name + ">"):
            found.append(_between(at, moments(query[name + ">"])[0], float("inf")))
        if query.get(name + "<"):
            found.append(_between(at, 0.0, moments(query[name + "<"])[1]))
    return found


def _equal(read: Callable[[Call], str], wanted: str) -> Filter:
    return lambda call: read(call) == wanted


def _between(at: Callable[[Call], float], low: float, high: float) -> Filter:
    return lambda call: low <= int(at(call)) <= high


def _find(asked: Asked) -> Call:
    call = _exchange(asked).calls.get(asked.name("sid"))
    if call is None or call.account != asked.account:
        raise TwilioError(20404)
    return call


def fetch(asked: Asked) -> web.Response:
    """GET one call."""
    return as_json(_find(asked).as_resource())


def update(asked: Asked) -> web.Response:
    """End one (Status=completed, or canceled while it rings), or play it another Url or Twiml."""
    call, form = _find(asked), asked.form
    status, url, twiml = form.get("Status"), form.get("Url", ""), form.get("Twiml", "")
    if status not in {None, "completed", "canceled"}:
        raise TwilioError(20001)
    if call.ended or (status is None and call.answered_at is None):
        raise TwilioError(21220)
    if status == "canceled" and call.answered_at is None:
        _exchange(asked).reach(call, "canceled")
    if status is not None:
        call.phone.decide("canceled")
        call.phone.hang_up()
    elif url or twiml:
        if url and not is_url(url):
            raise TwilioError(21205)
        call.redirect = (url, form.get("Method", "POST"), "" if url else twiml)
        call.phone.signal.set()
    return as_json(call.as_resource())


def delete(asked: Asked) -> web.Response:
    """DELETE a call that is over: gone from the account, not from the ledger."""
    call = _find(asked)
    if not call.ended:
        raise TwilioError(20009)
    del _exchange(asked).calls[call.sid]
    return web.Response(status=204)
