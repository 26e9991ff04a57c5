"""A host platform: takes what is pushed to it, checks each signature as the spec tells, and answers as it is told."""

import base64
import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Taken:
    """One post as it came."""

    path: str
    headers: dict
    body: bytes

    @property
    def event(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.headers["webhook-id"]

    def is_signed_by(self, secret):
        """The spec's own words: HMAC-SHA256 over `id.timestamp.payload`, one signature of several is enough."""
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.split("_", 1)[1])
        wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return wanted in self.headers["webhook-signature"].split(" ")


@dataclass
class Platform:
    """`answers`: a status for each post to come; 200 where there is none. `hold`: how long each answer takes."""

    url: str = ""
    taken: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)
    hold: float = 0.0
    body: bytes = b"ok"

    def types(self):
        return [one.event["type"] for one in self.taken]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        platform = self.server.platform
        body = self.rfile.read(int(self.headers["Content-Length"]))
        platform.taken.append(Taken(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        time.sleep(platform.hold)
        self.send_response(platform.answers.pop(0) if platform.answers else 200)
        for name, value in platform.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(platform.body)))
        self.end_headers()
        self.wfile.write(platform.body)

    def log_message(self, *_):
        pass


@contextmanager
def a_platform():
    """A platform on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.platform = Platform(f"http://127.0.0.1:{server.server_port}/hook")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.platform
    finally:
        server.shutdown()
        server.server_close()
