"""OpenTelemetry traces, sent over OTLP: a trace for each turn, a span for each of its stages.

Nothing of OpenTelemetry is imported until `tracing.endpoint` is set. A span holds ids, names of
models and counts, never words; an error is told by its code. Spans are sent by a thread of the
library, from a bounded queue.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from vdx import __version__
from vdx.core.config import TracingConfig
from vdx.core.errors import VdxError
from vdx.core.log_ids import log_ids

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

EXPORT_TIMEOUT_S: Final = 5
"""Of one request to the collector, also at the end of the process."""

Value = str | int | float | bool


class _Tracing:
    """The process's tracer, and what sends its spans; None while traces are off."""

    tracer: Any = None
    provider: "TracerProvider | None" = None


def configure(config: TracingConfig) -> None:
    """Sends the traces of this process to `config.endpoint`; does nothing where it is empty."""
    if not config.endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = provider_for(config)
    url = f"{config.endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=EXPORT_TIMEOUT_S))
    )
    use(provider)


def provider_for(config: TracingConfig) -> "TracerProvider":
    """OpenTelemetry's provider, which keeps `config.sample_ratio` of the traces."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    named = {"service.name": config.service_name, "service.version": __version__}
    return TracerProvider(
        resource=Resource.create(named), sampler=ParentBased(TraceIdRatioBased(config.sample_ratio))
    )


def use(provider: "TracerProvider | None") -> None:
    """Makes the spans of this process with `provider`; None makes none."""
    _Tracing.provider = provider
    _Tracing.tracer = provider.get_tracer("vdx", __version__) if provider else None


def stop() -> None:
    """Sends what is queued and makes no more spans; waits EXPORT_TIMEOUT_S or so at most.

    OpenTelemetry does the same where a process ends by itself.
    """
    if _Tracing.provider is not None:
        _Tracing.provider.shutdown()
    use(None)


class TurnSpan:
    """The span of a whole turn, the root of its trace."""

    def __init__(self, span: Any) -> None:
        from opentelemetry.trace import set_span_in_context

        self._span = span
        self._context = set_span_in_context(span)
        found = span.get_span_context()
        self.trace_id = f"{found.trace_id:032x}"
        self.traceparent = f"00-{self.trace_id}-{found.span_id:016x}-01"
        """As W3C Trace Context writes it."""

    def begin(self, name: str, ago_s: float, values: Mapping[str, Value]) -> Any:
        """A span of OpenTelemetry inside the turn, begun `ago_s` seconds ago, to be ended."""
        return _Tracing.tracer.start_span(
            name, context=self._context, start_time=_ns(ago_s), attributes=_named(values)
        )

    def stage(self, name: str, from_ago_s: float, to_ago_s: float = 0.0, **values: Value) -> None:
        """A span that began and ended so many seconds ago."""
        self.begin(name, from_ago_s, values).end(_ns(to_ago_s))

    def end(self, **values: Value) -> None:
        self._span.set_attributes(_named(values))
        self._span.end()


def begin_turn(ago_s: float = 0.0, **values: Value) -> TurnSpan | None:
    """A new trace, begun `ago_s` seconds ago; None where traces are off or this one is left out."""
    if _Tracing.tracer is None:
        return None
    from opentelemetry.context import Context

    span = _Tracing.tracer.start_span(
        "turn", context=Context(), start_time=_ns(ago_s), attributes=_named(values)
    )
    return TurnSpan(span) if span.is_recording() else None


@contextlib.contextmanager
def stage_span(name: str, **values: Value) -> Iterator[None]:
    """A span around the block in the trace of this task's turn; nothing where there is none."""
    ids = log_ids()
    root = ids.span if ids else None
    if root is None:
        yield
        return
    span = root.begin(name, 0.0, values)
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        span.set_attribute("vdx.cancelled", True)  # noqa: FBT003  (OpenTelemetry's signature)
        raise
    except VdxError as error:
        span.set_attribute("error.type", error.code)
        raise
    finally:
        span.end()


def _ns(ago_s: float) -> int:
    """Nanoseconds of the wall clock `ago_s` seconds ago, which OpenTelemetry counts in."""
    return time.time_ns() - round(ago_s * 1e9)


def _named(values: Mapping[str, Value]) -> dict[str, Value]:
    return {f"vdx.{name}": value for name, value in values.items()}
