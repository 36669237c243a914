"""Traces of the way of one question, if `OTLP_URL` names who receives them; else nothing, for one comparison.

A seam: who is traced knows no library. `chatserver.tracing_otlp`, which does, is imported when it is wanted. Attributes
are ids, names, counts and states, never what a person or a model wrote.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Protocol, Self

from chatserver.config import Config

__all__ = ["NOTHING", "Span", "Tracer", "beside", "parent", "span", "start", "stop", "trace_id", "within"]

type Value = str | int | float | bool


class Span(Protocol):
    """A step with a beginning and an end. `with` ends it; an exception that leaves it marks it as failed."""

    def set(self, **attributes: Value) -> None:
        """Say something of it that was not known at its start."""
        ...

    def end(self) -> None:
        """Its end, at the latest when a `with` is left; the first one counts."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Tracer(Protocol):
    def begin(
        self,
        name: str,
        parent: Span | str,
        links: Sequence[str],
        began: int,
        current: bool,
        attributes: dict[str, Value],
    ) -> Span: ...
    def parent(self) -> str: ...
    def trace_id(self) -> str: ...
    def stop(self) -> None: ...


class _Nothing:
    def set(self, **attributes: Value) -> None: ...
    def end(self) -> None: ...
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


NOTHING: Span = _Nothing()
_tracer: Tracer | None = None


def span(
    name: str, /, *, parent: Span | str = "", links: Sequence[str] = (), began: int = 0, **attributes: Value
) -> Span:
    """A step; within its `with`, steps that begin are parts of it, in other tasks too.

    `parent`: another span, or what `parent()` said in another process; else the step that is under way here. `links`:
    more of these, which it comes from. `began`: when, if before now (`time.time_ns`).
    """
    return NOTHING if _tracer is None else _tracer.begin(name, parent, links, began, True, attributes)


def beside(name: str, /, *, parent: Span | str = "", began: int = 0, **attributes: Value) -> Span:
    """A step that others do not become parts of. For what yields inside: whoever reads a generator runs in the same
    context, and would find itself in the step."""
    return NOTHING if _tracer is None else _tracer.begin(name, parent, (), began, False, attributes)


async def within[T](name: str, work: Awaitable[T], /) -> T:
    """Await `work` as a step of its own."""
    with span(name):
        return await work


def parent() -> str:
    """The step under way here as a `traceparent` (W3C Trace Context), to go on with elsewhere; empty when off."""
    return "" if _tracer is None else _tracer.parent()


def trace_id() -> str:
    """Of the trace under way here, in hex; empty where there is none."""
    return "" if _tracer is None else _tracer.trace_id()


def start(settings: Config, *, process: str) -> None:
    """Begin to trace if the settings say so; once per process, after every fork. `process` names it."""
    global _tracer
    if settings.otlp_url and _tracer is None:
        from chatserver.tracing_otlp import OTLP

        _tracer = OTLP(settings.otlp_url, settings.otlp_headers, settings.otlp_share, process)


def stop() -> None:
    """Deliver what waits, for some seconds at most. Blocks: not for an event loop."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.stop()
