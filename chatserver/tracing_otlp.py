"""Spans over OpenTelemetry's SDK to a receiver that speaks OTLP over HTTP. Needs the extra `otel`.

Spans wait in a bounded queue for a thread that delivers them; what does not fit, or cannot be delivered, is dropped and
counted. Nobody who is traced waits for any of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextvars import Token
from types import TracebackType
from typing import Any, Self

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chatserver.metrics import Counter

__all__ = ["OTLP"]

log = logging.getLogger(__name__)

QUEUE = 4096
BATCH = 512
DELAY_MS = 1000
EXPORT_SECONDS = 3.0
STOP_SECONDS = 4.0
LOG_SECONDS = 60.0

DROPPED = Counter(
    "chatserver_spans_dropped_total",
    "Spans of traces that were not delivered (queue full, receiver away).",
    label="why",
)

# Names that tools know (OpenTelemetry's conventions for language models); all others are ours.
_KNOWN = {
    "model": "gen_ai.request.model",
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "completion_tokens": "gen_ai.usage.output_tokens",
    "method": "http.request.method",
    "status_code": "http.response.status_code",
    "path": "url.path",
}
_propagator = TraceContextTextMapPropagator()


class _Span:
    def __init__(self, span: trace.Span, current: bool) -> None:
        self.span = span
        self._current = current
        self._token: Token[Context] | None = None

    def set(self, **attributes: str | int | float | bool) -> None:
        self.span.set_attributes({_KNOWN.get(name, f"chat.{name}"): value for name, value in attributes.items()})

    def end(self) -> None:
        if self.span.is_recording():
            self.span.end()

    def __enter__(self) -> Self:
        if self._current:
            self._token = contexts.attach(trace.set_span_in_context(self.span))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._token is not None:
            contexts.detach(self._token)
            self._token = None
        if not self.span.is_recording():
            return
        if isinstance(error, Exception):
            # Its name alone: what it says may hold what somebody wrote.
            self.span.set_attribute("error.type", type(error).__name__)
            self.span.set_status(trace.StatusCode.ERROR)
        elif error is not None and not isinstance(error, GeneratorExit):
            self.span.set_attribute("chat.cancelled", True)
        self.span.end()


class OTLP:
    """Implements `tracing.Tracer`."""

    def __init__(self, url: str, headers: str, share: float, process: str) -> None:
        """`url`: with or without `/v1/traces`; `headers`: `name=value,…`; `share`: of new traces, 0 … 1."""
        self._queue = _Queue(_endpoint(url), _headers(headers))
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource({"service.name": "chatserver", "service.instance.id": process}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(self._queue)
        self._tracer = self._provider.get_tracer("chatserver")

    def begin(
        self,
        name: str,
        parent: Any,
        links: Sequence[str],
        began: int,
        current: bool,
        attributes: dict[str, str | int | float | bool],
    ) -> _Span:
        context = None
        if isinstance(parent, _Span):
            context = trace.set_span_in_context(parent.span)
        elif isinstance(parent, str) and parent:
            context = _read(parent)
        span = self._tracer.start_span(
            name,
            context=context,
            links=[trace.Link(trace.get_current_span(_read(link)).get_span_context()) for link in links],
            start_time=began or None,
        )
        made = _Span(span, current)
        made.set(**attributes)
        return made

    def parent(self) -> str:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get("traceparent", "")

    def trace_id(self) -> str:
        context = trace.get_current_span().get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else ""

    def stop(self) -> None:
        # In a thread that nobody has to wait for: the SDK's own patience is half a minute.
        thread = threading.Thread(target=self._provider.shutdown, name="traces: stop", daemon=True)
        self._queue.stopping = True
        thread.start()
        thread.join(STOP_SECONDS)


class _Queue(SpanProcessor):
    """A bounded way to the thread that delivers. Each of its numbers has one writer, so nothing needs a lock."""

    def __init__(self, endpoint: str, headers: dict[str, str]) -> None:
        self._exporter = _Exporter(OTLPSpanExporter(endpoint, headers=headers, timeout=EXPORT_SECONDS))
        self._batches = BatchSpanProcessor(
            self._exporter,
            max_queue_size=QUEUE,
            max_export_batch_size=BATCH,
            schedule_delay_millis=DELAY_MS,
            export_timeout_millis=EXPORT_SECONDS * 1000,
        )
        self._given = 0

    @property
    def stopping(self) -> bool:
        return self._exporter.stopping

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._exporter.stopping = value

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._given - self._exporter.taken >= QUEUE:
            DROPPED.add(label="queue")
            return
        self._given += 1
        self._batches.on_end(span)

    def shutdown(self) -> None:
        self._batches.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._batches.force_flush(timeout_millis)


class _Exporter(SpanExporter):
    """Delivers, counts what could not be delivered, and says so at most once a minute."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.taken = 0
        self.stopping = False
        self._lost = 0
        self._said = float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        # When we stop and it was away just now, nobody waits for it again.
        away = self.stopping and self._lost
        result = SpanExportResult.FAILURE if away else self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._lost = 0
            return result
        DROPPED.add(len(spans), label="receiver")
        self._lost += len(spans)
        if (now := time.monotonic()) - self._said >= LOG_SECONDS:
            log.warning("traces: OTLP_URL does not take them; %d spans lost so far", self._lost)
            self._said = now
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def _endpoint(url: str) -> str:
    url = url.rstrip("/")
    return url if url.endswith("/v1/traces") else f"{url}/v1/traces"


def _headers(given: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in given.split(",") if "=" in pair)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read(traceparent: str) -> Context:
    return _propagator.extract({"traceparent": traceparent}, context=Context())
