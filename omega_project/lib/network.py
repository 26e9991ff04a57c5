"""Where a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

from omega_project.lib.clean import storable

_OPENS_A_DOOR = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_MOST_HEADERS, _LONGEST = 60, 1000


def kept_headers(request: HttpRequest) -> dict[str, str]:
    """The headers of a call as they may be kept: without what opens a door, and no more than a page shows."""
    names = [name for name in request.headers if name.lower() not in _OPENS_A_DOOR][:_MOST_HEADERS]
    return {storable(name)[:100]: storable(request.headers[name])[:_LONGEST] for name in names}


def address_of(request: HttpRequest) -> str:
    """The caller's IP address; empty where nobody can tell.

    Each of our TRUSTED_PROXY_COUNT proxies adds to X-Forwarded-For whom it heard, at the end: so the first of ours
    heard the caller, and whatever stands further left the caller may have made up.
    """
    count: int = settings.TRUSTED_PROXY_COUNT
    heard = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    given = heard[-count] if 0 < count <= len(heard) else request.META.get("REMOTE_ADDR", "")
    try:
        return str(ipaddress.ip_address(given))
    except ValueError:
        return ""
