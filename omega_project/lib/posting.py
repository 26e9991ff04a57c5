"""Posting to an address that somebody else named: one line kept open, never to a private address, always in time.

The name is resolved once and the line goes to the address that was checked (http.py says why). Redirects are not
followed. A watch cuts the line when time is up, so that an answer that drips a byte at a time holds nobody.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import certifi

from omega_project.lib.http import FetchError, address_of, checked_url

_CONNECT_SECONDS = 5.0
_MOST_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: the status, the answer's beginning, and after how many seconds it wants to be asked again."""

    status: int
    text: str
    retry_after: int | None
    milliseconds: int


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked, under the name that was asked for."""

    def __init__(self, address: str, port: int, name: str, context: ssl.SSLContext | None) -> None:
        super().__init__(address, port, timeout=_CONNECT_SECONDS)
        self._name, self._context = name, context

    def connect(self) -> None:
        super().connect()
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


class Line:
    """A line to one URL, opened by its first post. Raises FetchError where it leads to a private network."""

    def __init__(self, url: str, *, private_is_fine: bool = False) -> None:
        parts = checked_url(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._context = ssl.create_default_context(cafile=certifi.where()) if parts.scheme == "https" else None
        self._address = address_of(self._host, self._port, private_is_fine=private_is_fine)
        self._netloc = parts.netloc.rpartition("@")[2]
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection: _Pinned | None = None
        self._is_late = False

    def post(self, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answered:
        """Post within `seconds`. Raises FetchError where no answer came."""
        began = time.monotonic()
        self._is_late = False
        watch = threading.Timer(seconds, self._cut)
        watch.daemon = True
        watch.start()
        try:
            status, text, retry_after = self._exchange(body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            sentence = f"No answer came within {seconds:g} seconds." if self._is_late else f"No answer came: {error}"
            raise FetchError(sentence, permanent=False) from error
        finally:
            watch.cancel()
        return Answered(status, text, retry_after, int(1000 * (time.monotonic() - began)))

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, int | None]:
        was_open = self._connection is not None and self._connection.sock is not None
        try:
            return self._once(body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            if not was_open or self._is_late:
                raise
            self.close()  # the other side had closed the line since the last answer
            return self._once(body, headers)

    def _once(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, int | None]:
        if self._connection is None:
            self._connection = _Pinned(self._address, self._port, self._host, self._context)
        line = self._connection
        line.request("POST", self._target, body, {"Host": self._netloc, "User-Agent": "omega", **headers})
        answer = line.getresponse()
        told = answer.read(_MOST_READ)
        if not answer.isclosed():
            self.close()  # more than anybody reads: this line is not for another post
        wait = answer.getheader("Retry-After", "")
        seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 7 else None
        return answer.status, told.decode("utf-8", "replace").replace("\0", ""), seconds

    def _cut(self) -> None:
        self._is_late = True
        line = self._connection
        try:
            if line is not None and line.sock is not None:
                line.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it ended by itself at this moment

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
