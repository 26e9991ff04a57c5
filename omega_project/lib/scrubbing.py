"""Personal data kept out of what leaves the process for others to read: logs and error reports.

Nothing is meant to put it there; this is for what an exception's own words bring along.
"""

import re
from collections.abc import Mapping
from typing import Any

_MAIL = re.compile(r"[^\s@<>\"'(),;:\[\]{}=]+(?:@|%40)[^\s@<>\"'(),;:\[\]{}=]+\.[^\s@<>\"'(),;:\[\]{}=.]+")
# E.164 with its plus, as everything of ours has it, and as a URL writes it.
_PHONE = re.compile(r"(?:\+|%2B)[0-9][0-9 ().-]{5,20}[0-9]")
# PostgreSQL tells the row that it refused, values and all.
_DETAIL = re.compile(r"(?:DETAIL|CONTEXT|Failing row contains|LINE \d+):? .*")
_SECRET = re.compile(r"\b(?:omega_(?:plat|biz|tok)_|SG\.|sk_)[A-Za-z0-9_.-]{8,}")
_GONE = "[removed]"
# Of a request only what tells which code ran.
_KEPT_OF_REQUEST = ("method",)
_KEPT_HEADERS = {"x-request-id", "content-type", "content-length", "host"}


def scrub(text: str) -> str:
    """`text` without phone numbers, e-mail addresses, keys and the values that PostgreSQL quotes."""
    for pattern in (_DETAIL, _SECRET, _MAIL, _PHONE):
        text = pattern.sub(_GONE, text)
    return text


def scrubbed(value: Any) -> Any:
    """The same for whatever is inside of dicts and lists."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {key: scrubbed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item) for item in value]
    return value


def scrub_log(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog's processor, behind the one that writes a traceback out."""
    event.pop("request", None)  # Django hands its own request along, whose query may be a name that was looked for
    return {name: item if name.startswith("_") else scrubbed(item) for name, item in event.items()}


def scrub_report(event: Any, hint: Any = None) -> Any:
    """sentry-sdk's before_send: no body, query, cookie, header or variable; every text scrubbed."""
    request = event.get("request")
    if request:
        headers = {name: text for name, text in (request.get("headers") or {}).items() if name.lower() in _KEPT_HEADERS}
        kept = {name: request[name] for name in _KEPT_OF_REQUEST if name in request}
        event["request"] = kept | {"url": str(request.get("url", "")).partition("?")[0], "headers": headers}
    for name in ("user", "extra", "breadcrumbs", "server_name", "modules"):
        event.pop(name, None)
    for one in _exceptions(event):
        for frame in (one.get("stacktrace") or {}).get("frames", []):
            frame.pop("vars", None)
    return scrubbed(event)


def _exceptions(event: Any) -> list[dict[str, Any]]:
    return [*(event.get("exception") or {}).get("values", []), *(event.get("threads") or {}).get("values", [])]
