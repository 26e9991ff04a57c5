"""SendGrid's error bodies, as in tests/fixtures/sendgrid_errors.json."""

import time

import orjson
from aiohttp import web

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
JSON = {"Content-Type": "application/json"}
RATE_LIMIT, WINDOW_SECONDS = 600, 10  # the real window is not published; a minute would make every test wait for it
TOO_LARGE = (
    b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    b"<center><h1>413 Request Entity Too Large</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
WORDS: dict[int, tuple[str, str | None]] = {
    400: ("Bad Request", None),
    401: ("The provided authorization grant is invalid, expired, or revoked", None),
    403: ("The from address does not match a verified Sender Identity.", "from"),
    404: ("Not Found", None),
    415: ("Invalid UTF8 in request", None),
    500: ("Internal Server Error", None),
    503: ("Service Unavailable", None),
}
LATER = range(450, 560)  # SMTP replies of a mailbox: accepted by SendGrid, then bounced or blocked

Fault = dict[str, str | None]


class MailError(Exception):
    """A request that SendGrid refuses with 400; carries every fault: message, field, and the anchor of its help."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0]["message"])
        self.faults = faults


def fault(message: str, field: str | None, anchor: str | None = None) -> Fault:
    """One error of a body."""
    return {"message": message, "field": field, "help": f"{HELP}#{anchor}" if anchor else None}


CRYPTIC = fault("Bad Request", None)  # what the real one says to a value of the wrong type


def rate_headers(remaining: int = RATE_LIMIT - 1, wait_seconds: int | None = None) -> dict[str, str]:
    """The X-RateLimit headers; Reset is in epoch seconds, at the window's end or after a wait."""
    now = int(time.time())
    reset = (now // WINDOW_SECONDS + 1) * WINDOW_SECONDS if wait_seconds is None else now + wait_seconds
    return {
        "X-RateLimit-Limit": str(RATE_LIMIT),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
    }


def errors(status: int, *found: Fault) -> web.Response:
    """An answer with one or more errors."""
    headers = JSON | rate_headers()
    return web.Response(status=status, body=orjson.dumps({"errors": list(found)}), headers=headers)


class SendGridWords:
    """SendGrid's refusals for a fault. A 429 says when to come back by X-RateLimit-Reset, never by Retry-After."""

    good_status = 202

    def __init__(self, wait_seconds: int | None = None) -> None:
        self.wait_seconds = wait_seconds

    def refusal(self, status: int) -> web.Response:
        """The error body for an HTTP status."""
        if status == 429:
            body = orjson.dumps({"errors": [{"field": None, "message": "too many requests"}]})
            return web.Response(status=429, body=body, headers=JSON | rate_headers(0, self.wait_seconds))
        message, field = WORDS.get(status, WORDS[400])
        return errors(status, fault(message, field))

    def rejection(self, code: int | None) -> web.Response | None:
        """The error body for a status that is refused at once; None for a mailbox's later reply."""
        code = code or 400
        if code in LATER:
            return None
        if code == 413:
            return web.Response(status=413, body=TOO_LARGE, content_type="text/html")
        return self.refusal(code if code in WORDS or code == 429 else 400)
