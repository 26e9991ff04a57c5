"""Fetching a URL that somebody else named: bounded in size and time, and never from a private address.

The name is resolved once and the connection goes to the address that was checked, so that a second answer of the
name server (DNS rebinding) changes nothing; each redirect is checked anew.
"""

import base64
import ipaddress
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import certifi
import urllib3

_CONNECT_SECONDS = 5.0
_MOST_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}


class FetchError(Exception):
    """What went wrong, as a sentence. `permanent`: trying again cannot help. `status`: what was answered."""

    def __init__(self, sentence: str, *, permanent: bool, status: int | None = None) -> None:
        super().__init__(sentence)
        self.permanent, self.status = permanent, status


@dataclass(frozen=True, slots=True)
class Fetched:
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class TrustedOrigin:
    """An origin (scheme, host and port) that may be private, and the basic auth that it alone is given."""

    url: str
    user: str = ""
    password: str = ""

    def covers(self, url: SplitResult) -> bool:
        own = urlsplit(self.url)
        return (own.scheme, own.hostname, own.port) == (url.scheme, url.hostname, url.port)


def fetch(url: str, *, most_bytes: int, seconds: float, trusted: TrustedOrigin | None = None) -> Fetched:
    """GET `url`. Raises FetchError: for a private address, another scheme, too much, too slow, or an error status."""
    ends = time.monotonic() + seconds
    for _ in range(_MOST_REDIRECTS + 1):
        parts = checked_url(url)
        own = trusted if trusted and trusted.covers(parts) else None
        answer = _get(parts, own, ends)
        try:
            if answer.status not in _REDIRECTS:
                return _content(answer, most_bytes, ends)
            url = urljoin(url, answer.headers.get("Location", ""))
        finally:
            answer.close()
    raise FetchError("It was redirected too often.", permanent=True)


def checked_url(url: str) -> SplitResult:
    """The parts of an address that may be fetched or posted to, as far as its form goes."""
    try:
        parts = urlsplit(url)
        port_is_sane = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        raise FetchError("The address is not a URL.", permanent=True) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_sane:
        raise FetchError("Only http and https addresses are fetched.", permanent=True)
    return parts


def _get(parts: SplitResult, own: TrustedOrigin | None, ends: float) -> Any:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = address_of(host, port, private_is_fine=own is not None)
    headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "omega"}
    if own and own.user:
        token = base64.b64encode(f"{own.user}:{own.password}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    left = max(0.1, ends - time.monotonic())
    try:
        return _pool(parts.scheme, address, port, host).request(
            "GET", target, headers=headers, redirect=False, retries=False, preload_content=False,
            timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, left), read=left),
        )  # fmt: skip
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise FetchError(f"It could not be fetched: {error}", permanent=False) from error


def _pool(scheme: str, address: str, port: int, host: str) -> urllib3.HTTPConnectionPool:
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port)
    return urllib3.HTTPSConnectionPool(
        address, port, server_hostname=host, assert_hostname=host, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where()
    )


def address_of(host: str, port: int, *, private_is_fine: bool) -> str:
    """An address of the name, to connect to. Raises FetchError where one of them is private."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise FetchError(f"The name {host} could not be resolved.", permanent=False) from error
    if not private_is_fine and not all(_is_public(address) for address in found):
        raise FetchError("Addresses inside a private network are not fetched.", permanent=True)
    return min(found)


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    return all(one.is_global and not one.is_multicast for one in (ip, *_inner(ip)))


# IPv6 with an IPv4 address in its last 32 bits: compatible ones (RFC 4291, 2.5.5.1), and NAT64 (RFC 6052), which leads
# wherever a gateway sends it.
_IN_THE_LAST_BITS = [ipaddress.ip_network(name) for name in ("::/96", "64:ff9b::/96")]


def _inner(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 one may lead to: also by 6to4 and Teredo."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    found = [ip.sixtofour, *(ip.teredo or ())]
    if any(ip in network for network in _IN_THE_LAST_BITS):
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _content(answer: Any, most_bytes: int, ends: float) -> Fetched:
    if answer.status != 200:
        gone = answer.status in {400, 403, 404, 410}
        raise FetchError(f"The address answered with status {answer.status}.", permanent=gone, status=answer.status)
    chunks, size = [], 0
    try:
        for chunk in answer.stream(65536):
            chunks.append(chunk)
            size += len(chunk)
            if size > most_bytes:
                raise FetchError(f"It is larger than {most_bytes} bytes.", permanent=True)
            if time.monotonic() > ends:
                raise FetchError("It took too long.", permanent=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise FetchError(f"It could not be read to its end: {error}", permanent=False) from error
    return Fetched(b"".join(chunks), answer.headers.get("Content-Type", "").partition(";")[0].strip().lower())
