"""What browsers get, pressed with gzip: static files, once and kept in this process's memory, and the admin's pages.

The length of a pressed page tells its secrets to whoever can put guesses into it (BREACH). So only a page of the admin
is pressed, and only where it was asked for without a query: then nothing in it is from whoever made the address. Django
adds a random length, its CSRF tokens differ each time, and the session's cookie goes with no request of another site's.
"""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from whitenoise.compress import Compressor
from whitenoise.middleware import WhiteNoiseMiddleware

_TAKES_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")
_LEAST = 512  # bytes; less than that fits into the packet that brings its headers
_compressor = Compressor(quiet=True)


def _minified(path: str) -> str:
    """The name that a package gives the same script without its comments; DEBUG would have the long one."""
    return path.removesuffix(".js") + ".min.js"


class Pages(GZipMiddleware):
    """Presses a page of the admin that shows nothing from its address."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        page = not response.streaming and response.headers.get("Content-Type", "").startswith("text/html")
        plain = request.method == "GET" and not request.META.get("QUERY_STRING")
        if page and plain and request.path_info.startswith("/admin/"):
            return super().process_response(request, response)
        return response


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, with no need of `collectstatic` for what it sends to be small."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        self.pressed: dict[str, bytes] = {}
        self.files |= {path: self.files[small] for path in self.files if (small := _minified(path)) in self.files}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = super().__call__(request)
        path = request.path_info
        if path not in self.files or not _compressor.should_compress(path):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        return self._small(request, response) if self._may_shrink(request, response) else response

    @staticmethod
    def _may_shrink(request: HttpRequest, response: HttpResponseBase) -> bool:
        if response.status_code != 200 or "Content-Encoding" in response or "Range" in request.headers:
            return False
        big = int(response.headers.get("Content-Length", 0)) >= _LEAST
        return big and bool(_TAKES_GZIP.search(request.headers.get("Accept-Encoding", "")))

    def _small(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
        if unread := getattr(response, "file_to_stream", None):  # closing the answer would end the request
            unread.close()
        body = self._press(request.path_info)
        small = HttpResponse(body if request.method == "GET" else b"", headers=dict(response.headers))
        small["Content-Encoding"] = "gzip"
        small["Content-Length"] = str(len(body))
        return small

    def _press(self, path: str) -> bytes:
        if path not in self.pressed:
            with open(self.files[path].alternatives[-1][1], "rb") as file:
                self.pressed[path] = _compressor.compress_gzip(file.read())
        return self.pressed[path]
