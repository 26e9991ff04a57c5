"""SendGrid's error bodies, as in tests/fixtures/sendgrid_errors.json."""

import time

import orjson
from aiohttp import web

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
JSON = {"Content-Type": "application/json"}
RATE_LIMIT, WINDOW_SECONDS = 600, 60
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
    500: ("Internal Server Error", None),
    503: ("Service Unavailable", None),
}
LATER = range(450, 560)  # SMTP replies of a mailbox: accepted by SendGrid, then bounced or blocked


class MailError(Exception):
    """A request that SendGrid refuses with 400; carries the message, the field and the anchor of its help."""

    def __init__(self, message: str, field: str | None, anchor: str | None = None) -> None:
        super().__init__(message)
        self.body = {"message": message, "field": field, "help": f"{HELP}#{anchor}" if anchor else None}


def rate_headers(remaining: int = RATE_LIMIT - 1) -> dict[str, str]:
    """The X-RateLimit headers; Reset is in epoch seconds."""
    reset = (int(time.time()) // WINDOW_SECONDS + 1) * WINDOW_SECONDS
    return {
        "X-RateLimit-Limit": str(RATE_LIMIT),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
    }


def errors(status: int, *found: dict[str, str | None]) -> web.Response:
    """An answer with one or more errors."""
    headers = JSON | rate_headers()
    return web.Response(status=status, body=orjson.dumps({"errors": list(found)}), headers=headers)


class SendGridWords:
    """SendGrid's refusals for a fault."""

    good_status = 202

    def refusal(self, status: int) -> web.Response:
        """The error body for an HTTP status."""
        if status == 429:
            body = orjson.dumps({"errors": [{"field": None, "message": "too many requests"}]})
            return web.Response(status=429, body=body, headers=JSON | rate_headers(0))
        message, field = WORDS.get(status, WORDS[400])
        return errors(status, {"message": message, "field": field, "help": None})

    def rejection(self, code: int | None) -> web.Response | None:
        """The error body for a status that is refused at once; None for a mailbox's later reply."""
        code = code or 400
        if code in LATER:
            return None
        if code == 413:
            return web.Response(status=413, body=TOO_LARGE, content_type="text/html")
        return self.refusal(code if code in WORDS or code == 429 else 400)
