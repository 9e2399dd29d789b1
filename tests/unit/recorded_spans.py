"""Spans of a test, kept in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vdx.core import tracing
from vdx.core.config import TracingConfig


@contextmanager
def recorded_spans() -> Iterator[InMemorySpanExporter]:
    """The spans that end from here on; tracing is off again afterwards."""
    found = InMemorySpanExporter()
    provider = tracing.provider_for(TracingConfig())
    provider.add_span_processor(SimpleSpanProcessor(found))
    tracing.use(provider)
    yield found
    tracing.use(None)
