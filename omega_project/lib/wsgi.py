"""Django's WSGI door, for bodies that come without a length too."""

from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import LimitedStream, WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """A body that is sent in chunks is read to its end where the server marks that; Django takes it for none.

    No further than one byte over the largest body that any path takes, so that it is answered as one too large.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        super().__init__(environ)
        if "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated"):
            self._stream = LimitedStream(environ["wsgi.input"], settings.INBOUND_EMAIL_MAX_BYTES + 1)  # type: ignore[assignment]


class Handler(WSGIHandler):
    request_class = Request
