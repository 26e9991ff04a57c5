"""Traces by OpenTelemetry, where the settings name an endpoint. Where they do not, its tracer is never imported.

A context travels as a W3C `traceparent`: a line of 55 characters that fits a row and a job. What was not sampled has
none, so that nobody downstream pays for it. Attributes say which and how, never who or what: no address, name or word.
"""

import threading
import time
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Protocol

Value = str | int | float | bool


class Span(Protocol):
    """A span that is open."""

    def rename(self, name: str) -> None: ...

    def note(self, **attributes: Value) -> None: ...

    def fail(self) -> None: ...


class Backend(Protocol):
    """What `omega_project.lib.otel` offers."""

    def open(
        self, name: str, kind: str, parent: str, attributes: dict[str, Value]
    ) -> AbstractContextManager[Span | None]: ...

    def tell(
        self, name: str, kind: str, parent: str, began: int, ended: int, failed: bool, attributes: dict[str, Value]
    ) -> None: ...

    def current(self) -> str | None: ...

    def stop(self) -> None: ...


_NOTHING: AbstractContextManager[None] = nullcontext()
_lock = threading.Lock()


class _State:
    wanted = False
    release = ""
    backend: Backend | None = None


def configure(*, wanted: bool, release: str = "") -> None:
    """From the settings: whether there is an endpoint. The exporter starts with a process's first span."""
    _State.wanted, _State.release = wanted, release


def is_on() -> bool:
    return _State.wanted


def _backend() -> Backend:
    with _lock:
        if _State.backend is None:
            _State.backend = import_module("omega_project.lib.otel").start(_State.release)
        return _State.backend


def stop() -> None:
    """Export what is left and end; the next span starts anew."""
    with _lock:
        if _State.backend is not None:
            _State.backend.stop()
        _State.backend = None


def span(
    name: str, *, kind: str = "internal", parent: str | None = "", **attributes: Value
) -> AbstractContextManager[Span | None]:
    """A span around a block, below `parent` (a traceparent) or else below the one that is open here.

    Gives None where nothing is traced; so it is, too, for `parent=None`: what it belongs to was not traced.
    """
    if not _State.wanted or parent is None:
        return _NOTHING
    return _backend().open(name, kind, parent, attributes)


def tell(
    name: str, parent: str | None, began: int, *, kind: str = "internal", failed: bool = False, **attributes: Value
) -> None:
    """A span of what is over now and began at `began` (`time.time_ns`), below a traceparent; none where it has none."""
    if _State.wanted and parent:
        _backend().tell(name, kind, parent, began, time.time_ns(), failed, attributes)


def current() -> str | None:
    """The traceparent of the span that is open here, to be carried on; None where it is not sampled, or none is."""
    return _backend().current() if _State.wanted else None


def trace_id(traceparent: str) -> str:
    return traceparent.split("-")[1]


def endpoint_named(environment: Any) -> bool:
    """Whether the environment names an endpoint, by OpenTelemetry's own names."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return not disabled and any(environment.get(name) for name in names)
