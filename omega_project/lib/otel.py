"""OpenTelemetry's SDK behind `tracing`: imported by it alone, and only where an endpoint is named.

Spans leave by batches on a thread of their own; an endpoint that is away costs the process nothing but these spans.
The endpoint, its headers, the sampler and the batches are configured by OpenTelemetry's own variables (OTEL_…).
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from omega_project.lib.tracing import Value

_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\Z")
_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "consumer": SpanKind.CONSUMER}
_FAILED = Status(StatusCode.ERROR)


class OpenSpan:
    """A span of the SDK in `tracing`'s words."""

    def __init__(self, own: trace.Span) -> None:
        self._own = own

    def rename(self, name: str) -> None:
        self._own.update_name(name)

    def note(self, **attributes: Value) -> None:
        self._own.set_attributes(_named(attributes))

    def fail(self) -> None:
        self._own.set_status(_FAILED)


class OpenTelemetry:
    """A provider of this process, and its tracer."""

    def __init__(self, release: str) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME", "omega")
        own: dict[str, Value] = {"service.name": name, "service.version": release, "process.pid": os.getpid()}
        self._provider = TracerProvider(resource=Resource.create({**own}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("omega")

    @contextmanager
    def open(self, name: str, kind: str, parent: str, attributes: dict[str, Value]) -> Iterator[OpenSpan]:
        """An exception ends the span as failed. Its words are not kept: they may hold an address or a text."""
        with self._tracer.start_as_current_span(
            name, _context(parent), kind=_kind(kind), attributes=_named(attributes), record_exception=False,
            set_status_on_exception=False,
        ) as span:  # fmt: skip
            try:
                yield OpenSpan(span)
            except BaseException:
                span.set_status(_FAILED)
                raise

    def tell(
        self, name: str, kind: str, parent: str, began: int, ended: int, failed: bool, attributes: dict[str, Value]
    ) -> None:
        """The span links to the one that is open here, where that is another trace's: the report's own request."""
        here = trace.get_current_span().get_span_context()
        above = _context(parent)
        links = [trace.Link(here)] if here.is_valid and here.trace_id != _trace_of(above) else None
        span = self._tracer.start_span(
            name, above, kind=_kind(kind), attributes=_named(attributes), links=links, start_time=began
        )
        if failed:
            span.set_status(_FAILED)
        span.end(ended)

    def current(self) -> str | None:
        found = trace.get_current_span().get_span_context()
        if not found.is_valid or not found.trace_flags.sampled:
            return None
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-01"

    def stop(self) -> None:
        self._provider.shutdown()


def _kind(word: str) -> SpanKind:
    return _KINDS.get(word, SpanKind.INTERNAL)


def _named(attributes: dict[str, Value]) -> dict[str, Value]:
    """`http_route` is `http.route`: keywords have no dots. Two underscores stand for one."""
    return {name.replace("__", "\0").replace("_", ".").replace("\0", "_"): value for name, value in attributes.items()}


def _context(traceparent: str) -> context.Context | None:
    """The context below a traceparent; None, which is whatever is open here, where it is none."""
    found = _TRACEPARENT.match(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    above = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED))
    return trace.set_span_in_context(NonRecordingSpan(above)) if above.is_valid else None


def _trace_of(above: context.Context | None) -> int:
    return trace.get_current_span(above).get_span_context().trace_id


def start(release: str) -> OpenTelemetry:
    """Start exporting for this process."""
    return OpenTelemetry(release)
