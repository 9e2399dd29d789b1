"""Spans: none without a trace, and what one says of a stage that failed or was cancelled."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.unit.recorded_spans import recorded_spans
from vdx.core import tracing
from vdx.core.config import TracingConfig
from vdx.core.errors import ModelFailed
from vdx.core.log_ids import LogIds, logged_as


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as found:
        yield found


def test_without_an_endpoint_there_are_no_spans() -> None:
    tracing.configure(TracingConfig())
    assert tracing.begin_turn() is None
    with logged_as(LogIds("s")), tracing.stage_span("voice"):
        pass


def test_a_turn_that_the_sample_leaves_out_has_no_id() -> None:
    tracing.use(tracing.provider_for(TracingConfig(sample_ratio=0)))
    try:
        assert tracing.begin_turn() is None
    finally:
        tracing.use(None)


def test_a_stage_says_how_it_ended_and_quotes_nothing(spans: InMemorySpanExporter) -> None:
    turn = tracing.begin_turn(1.5, turn=3)
    assert turn is not None
    with logged_as(LogIds("s", span=turn)):
        with pytest.raises(ModelFailed), tracing.stage_span("voice", model="tone"):
            raise ModelFailed("could not say: marzipan")
        with pytest.raises(asyncio.CancelledError), tracing.stage_span("responder"):
            raise asyncio.CancelledError
    turn.end(outcome="interrupted")
    voice, responder, root = spans.get_finished_spans()
    assert (voice.name, dict(voice.attributes or {})) == (
        "voice",
        {"vdx.model": "tone", "error.type": "model_failed"},
    )
    assert (responder.attributes or {})["vdx.cancelled"] is True
    assert root.parent is None
    assert voice.parent is not None
    assert voice.parent.span_id == root.context.span_id
    assert turn.traceparent == f"00-{turn.trace_id}-{root.context.span_id:016x}-01"
    assert "marzipan" not in voice.to_json()
    assert root.end_time is not None
    assert root.start_time is not None
    assert root.end_time - root.start_time >= 1_500_000_000


class Collector(BaseHTTPRequestHandler):
    """Takes one request, as a collector does."""

    taken: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_a_collector_gets_the_spans_as_otlp() -> None:
    Collector.taken = []
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}/"
        tracing.configure(TracingConfig(endpoint=endpoint, service_name="vdx-test"))
        turn = tracing.begin_turn(session="s")
        assert turn is not None
        turn.stage("gap", 0.4)
        turn.end()
        tracing.stop()
        server.shutdown()
    ((path, body),) = Collector.taken
    assert path == "/v1/traces"
    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    named = {each.key: each.value.string_value for each in sent.resource.attributes}
    assert named["service.name"] == "vdx-test"
    spans = sent.scope_spans[0].spans
    assert [span.name for span in spans] == ["gap", "turn"]
    assert {span.trace_id.hex() for span in spans} == {turn.trace_id}
    assert tracing.begin_turn() is None
