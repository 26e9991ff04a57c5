"""What every answer tells the browser: which scripts may run, who may frame us, what may be kept.

No policy allows an inline script, so none needs a nonce: every script of the admin, of Swagger UI and of ReDoc is a
file of ours. An answer that says something of its own keeps it.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_COMMON = "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
# The theme and both pages of documentation set styles on elements; no data can become one.
_STYLES = "style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data: blob:; media-src 'self' blob:"
# The theme's Alpine makes functions of its attributes, which is 'unsafe-eval'; a template escapes what is in them.
_ADMIN = f"default-src 'self'; script-src 'self' 'unsafe-eval'{{scripts}}; {_STYLES}; {_COMMON}"
_MEDIA = "media-src 'self' blob:"
_DOCS = f"default-src 'self'; script-src 'self'; worker-src 'self' blob:; {_STYLES}; {_COMMON}"
_API = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# The one script that the pages of django-rq have in them, by its digest.
_QUEUES_SCRIPT = " 'sha256-1kZe1KRxelr3ptMPsod17Z6BDvbtm4WcufgsZGvsErM='"
_PERMISSIONS = (
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), midi=(), payment=(), usb=(), xr-spatial-tracking=()"
)


def let_call(response: HttpResponseBase, *origins: str) -> None:
    """Let a page of the admin use the microphone, and talk to a carrier's origins."""
    others = " ".join(origins)
    policy = _ADMIN.format(scripts="").replace(_MEDIA, f"{_MEDIA} {others}")
    response.headers["Content-Security-Policy"] = f"{policy}; connect-src 'self' {others}"
    response.headers["Permissions-Policy"] = _PERMISSIONS.replace("autoplay=()", "autoplay=(self)").replace(
        "microphone=()", "microphone=(self)"
    )


def let_listen(response: HttpResponseBase, origin: str) -> None:
    """Let a page of the admin hear news from an origin of ours besides its own; none where it is empty."""
    if origin:
        policy = _ADMIN.format(scripts="")
        response.headers["Content-Security-Policy"] = f"{policy}; connect-src 'self' {origin}"


class SecurityHeaders:
    """The outermost middleware, so that no answer is without."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        prefix = "/" + settings.OMEGA_URL_PREFIX
        self.policies = {
            "/admin/": _ADMIN.format(scripts=""),
            "/django-rq/": _ADMIN.format(scripts=_QUEUES_SCRIPT),
            f"{prefix}docs": _DOCS,
            f"{prefix}redoc": _DOCS,
        }

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path, response = request.path_info, self.get_response(request)
        policy = next((told for start, told in self.policies.items() if path.startswith(start)), None)
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy or _API)
        headers.setdefault("Permissions-Policy", _PERMISSIONS)
        headers.setdefault("X-Permitted-Cross-Domain-Policies", "none")
        if policy is None:  # what is about people is kept by nobody on the way
            headers.setdefault("Cache-Control", "no-store")
        return response
