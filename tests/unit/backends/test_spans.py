"""Spans of a model's process: what a collector gets, and that one that is away costs nothing."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from triton_backends.shared.spans import ENDPOINT, MAX_QUEUED, Spans

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """The address of a collector, and the bodies it was sent."""
    bodies: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Collector)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    serving.join()
    server.server_close()


def test_a_span_is_a_child_of_the_turn(collector: tuple[str, list[Any]]) -> None:
    url, bodies = collector
    spans = Spans.of("joe", {ENDPOINT: url})
    spans.record(SAMPLED, "model.speak", 0.25, chunks=3, audio_s=1.5)
    spans.close()
    (resource,) = bodies[0]["resourceSpans"]
    (span,) = resource["scopeSpans"][0]["spans"]
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, PARENT)
    assert len(span["spanId"]) == 16
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 250_000_000
    assert {"key": "vdx.chunks", "value": {"intValue": "3"}} in span["attributes"]
    assert {"key": "vdx.audio_s", "value": {"doubleValue": 1.5}} in span["attributes"]
    assert {"key": "vdx.model", "value": {"stringValue": "joe"}} in resource["resource"][
        "attributes"
    ]


@pytest.mark.parametrize(
    "trace", ["", "not-a-trace", SAMPLED[:-2] + "00", SAMPLED + "\n"], ids=["", "bad", "off", "nl"]
)
def test_what_is_no_sampled_trace_is_left_out(collector: tuple[str, list[Any]], trace: str) -> None:
    url, bodies = collector
    spans = Spans.of("joe", {ENDPOINT: url})
    spans.record(trace, "model.speak", 0.25)
    spans.close()
    assert bodies == []


@pytest.mark.parametrize("endpoint", ["", "file:///etc/passwd"], ids=["none", "file"])
def test_nothing_runs_without_a_collector(endpoint: str) -> None:
    before = threading.active_count()
    spans = Spans.of("joe", {ENDPOINT: endpoint})
    spans.record(SAMPLED, "model.speak", 0.1)
    assert threading.active_count() == before
    spans.close()


def test_a_collector_that_is_away_costs_nothing() -> None:
    spans = Spans.of("joe", {ENDPOINT: "http://127.0.0.1:9"})
    for _ in range(2 * MAX_QUEUED):
        spans.record(SAMPLED, "model.speak", 0.1)
    spans.close()


def test_what_is_no_collector_ends_nothing() -> None:
    """Such as the port of a collector that speaks gRPC: its answer is no HTTP."""
    asked = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        spans = Spans.of("joe", {ENDPOINT: f"http://127.0.0.1:{listener.getsockname()[1]}"})
        for _ in range(2):
            spans.record(SAMPLED, "model.speak", 0.1)
            listener.settimeout(5)
            with listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"\0\0\0\4\0\0\0\0\0\n")
            asked += 1
        spans.close()
    assert asked == 2


@pytest.mark.parametrize("endpoint", ["http://collector:4318a", "http://a..b:4318"])
def test_an_address_that_is_none_ends_nothing(endpoint: str) -> None:
    spans = Spans.of("joe", {ENDPOINT: endpoint})
    before = threading.active_count()
    spans.record(SAMPLED, "model.speak", 0.1)
    spans.record(SAMPLED, "model.speak", 0.1)
    time.sleep(0.2)
    assert threading.active_count() == before
    spans.close()
