"""Spans of a model's process, in the trace that a request names (`vdx_trace`).

A request of vdx carries W3C Trace Context; what the model did for it becomes a child of the turn's
span. Sent as OTLP over HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/), without the
library, which the models' environment need not hold: a bounded queue and one thread, and what does
not fit or cannot be sent is left out. Nothing runs where no collector is named.
"""

import json
import os
import queue
import re
import secrets
import threading
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

ENDPOINT = "VDX_TRACING__ENDPOINT"
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")
MAX_QUEUED = 256
MAX_SENT = 64
"""Spans in one request."""
TIMEOUT_S = 5.0

Value = str | int | float
Span = dict[str, object]


class Spans:
    """The spans of one model; `record` never blocks and raises nothing."""

    def __init__(self, model: str, endpoint: str) -> None:
        self._model = model
        self._url = f"{endpoint.rstrip('/')}/v1/traces" if endpoint else ""
        self._queue: queue.Queue[Span | None] = queue.Queue(MAX_QUEUED)
        self._thread: threading.Thread | None = None
        if self._url:
            self._thread = threading.Thread(target=self._send_all, name="spans", daemon=True)
            self._thread.start()

    @classmethod
    def of(cls, model: str, environ: Mapping[str, str] = os.environ) -> "Spans":
        """As the environment of the server says; an address that is none of http is left out."""
        endpoint = environ.get(ENDPOINT, "")
        return cls(model, endpoint if endpoint.startswith(("http://", "https://")) else "")

    def record(self, trace: str, name: str, seconds: float, **values: Value) -> None:
        """A span that took `seconds` and ends now; nothing where `trace` is no sampled one."""
        found = TRACEPARENT.fullmatch(trace)
        if not self._url or found is None:
            return
        ended = time.time_ns()
        span: Span = {
            "traceId": found[1],
            "parentSpanId": found[2],
            "spanId": secrets.token_hex(8),
            "name": name,
            "kind": 2,
            "startTimeUnixNano": str(ended - round(seconds * 1e9)),
            "endTimeUnixNano": str(ended),
            "attributes": [_attribute(f"vdx.{key}", value) for key, value in values.items()],
        }
        try:
            self._queue.put_nowait(span)
        except queue.Full:
            return

    def close(self) -> None:
        """Sends what is queued, within a few seconds."""
        if self._thread is not None:
            try:
                self._queue.put(None, timeout=TIMEOUT_S)
            except queue.Full:
                return
            self._thread.join(TIMEOUT_S)

    def _send_all(self) -> None:
        over = False
        while not over:
            spans: list[Span] = []
            item = self._queue.get()
            while item is not None:
                spans.append(item)
                if len(spans) == MAX_SENT or self._queue.empty():
                    break
                item = self._queue.get()
            over = item is None
            if spans:
                self._send(spans)

    def _send(self, spans: list[Span]) -> None:
        named = [_attribute("service.name", "vdx-model"), _attribute("vdx.model", self._model)]
        scope = {"scope": {"name": "vdx"}, "spans": spans}
        body = {"resourceSpans": [{"resource": {"attributes": named}, "scopeSpans": [scope]}]}
        request = urllib.request.Request(  # noqa: S310  (checked in `of`)
            self._url, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310  # nosec B310
                pass
        except (OSError, HTTPException, ValueError):
            return  # what is away, or no collector, must cost a model nothing, its log included


def _attribute(name: str, value: Value) -> dict[str, object]:
    """One attribute in the JSON of OTLP, where whole numbers are text."""
    if isinstance(value, str):
        return {"key": name, "value": {"stringValue": value}}
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {"doubleValue": value}}
