"""Stands in for omega: takes the carrier's webhooks on a thread of its own and keeps what it was sent."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


@dataclass
class Hook:
    """One webhook as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def form(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True)


Answer = tuple[int, str, str, dict[str, str]]  # status, content type, body, further headers
TWIML: Answer = (200, "text/xml", '<?xml version="1.0" encoding="UTF-8"?><Response></Response>', {})


class Listener:
    """`answers` decides by hook; `hooks` is what came, in order."""

    def __init__(self) -> None:
        self.reset()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                hook = Hook(self.command, self.path, dict(self.headers), self.rfile.read(length))
                listener.hooks.append(hook)
                status, kind, body, more = listener.answers(hook)
                self.send_response(status)
                for name, value in ({"Content-Type": kind, "Content-Length": str(len(body.encode()))} | more).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST  # noqa: N815 - the base class's name

            def log_message(self, *_args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def reset(self) -> None:
        self.hooks: list[Hook] = []
        self.answers: Callable[[Hook], Answer] = lambda _hook: TWIML

    def wait_for(self, count: int, seconds: float = 5) -> list[Hook]:
        """At least `count` hooks, or an assertion fails."""
        until = time.monotonic() + seconds
        while len(self.hooks) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.hooks) >= count, [hook.form for hook in self.hooks]
        return self.hooks

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
