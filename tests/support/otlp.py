"""A place that traces go to: a small OTLP receiver on loopback."""

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Got:
    """A span as it came over the wire; `links` are ids of traces."""

    name: str
    trace: str
    id: str
    parent: str
    pid: int
    failed: bool
    links: tuple[str, ...]
    attributes: dict[str, Any]


class Receiver(ThreadingHTTPServer):
    """`endpoint` is what OTEL_EXPORTER_OTLP_ENDPOINT wants; `raw` every byte that came."""

    daemon_threads = True

    def __init__(self) -> None:
        self.spans: list[Got] = []
        self.raw = b""
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def of(self, trace: str) -> dict[str, Got]:
        """The spans of a trace, by name."""
        return {span.name: span for span in list(self.spans) if span.trace == trace}

    def take(self, body: bytes) -> None:
        self.raw += body
        for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
            pid = _plain(batch.resource.attributes).get("process.pid", 0)
            self.spans += [_got(span, pid) for scope in batch.scope_spans for span in scope.spans]


def _got(span: Any, pid: int) -> Got:
    links = tuple(link.trace_id.hex() for link in span.links)
    failed = span.status.code == span.status.STATUS_CODE_ERROR
    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    return Got(span.name, *ids, pid, failed, links, _plain(span.attributes))


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/v1/traces":
            self.server.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass
