"""Custom Prometheus metrics, written by a thread of their own.

Setting a metric is a round trip to the server process, so the thread that computes only queues the
values; the queue is bounded, and what does not fit is dropped and counted.

Nothing is withdrawn from the endpoint, not even when the process ends. Triton 2.51 counts the
users of a metric for each process alone, so a metric that one process withdraws is freed under
every other process that has one of the same name and labels, and the server dies when that one
writes to it. The number of series is bounded: a process continues those of one that has ended.
"""

import contextlib
import ctypes
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from triton_backends.shared.instances import Instance

SECONDS_BUCKETS = [0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 2.0, 5.0]
RATIO_BUCKETS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5]

HISTOGRAMS = {
    "vdx_first_chunk_seconds": ("Time from a request to its first response", SECONDS_BUCKETS),
    "vdx_inter_chunk_seconds": ("Time between successive responses of a request", SECONDS_BUCKETS),
    "vdx_real_time_factor": ("Computing time divided by the duration of the audio", RATIO_BUCKETS),
}
BEFORE_LOAD = "vdx_memory_before_load_bytes"
AFTER_LOAD = "vdx_memory_after_load_bytes"
GPU_AFTER_LOAD = "vdx_gpu_memory_after_load_bytes"
GAUGES = {
    "vdx_active_streams": "Requests (TTS) or sequences (ASR) in progress",
    BEFORE_LOAD: "Memory of the model's process before its engine was built",
    AFTER_LOAD: "Memory of the model's process once its engine was built and warm",
    GPU_AFTER_LOAD: "GPU memory that PyTorch held for the model then; 0 before",
}
REFERENCE_HITS = "vdx_reference_hits_total"
REFERENCE_MISSES = "vdx_reference_misses_total"
COUNTERS = {
    "vdx_cancellations_total": "Requests cancelled by the client, or by its disconnect",
    "vdx_rejections_total": "Requests refused with the error [busy]",
    "vdx_model_errors_total": "Requests answered with any other error than [busy]",
    "vdx_chunks_total": "Audio chunks that the engine computed",
    REFERENCE_HITS: "Requests whose REFERENCE_AUDIO had been encoded before",
    REFERENCE_MISSES: "Requests whose REFERENCE_AUDIO had to be encoded",
}

QUEUE_LIMIT = 4096
GATHER_S = 0.05


class Metrics(Protocol):
    """Where the backends report to; names are those of the tables above."""

    def observe(self, name: str, value: float) -> None: ...

    def add(self, name: str, amount: float = 1.0) -> None: ...

    def close(self) -> None: ...


class TritonMetrics:
    """Metrics at the server's own endpoint, labelled with the model's name and the instance."""

    def __init__(self, pb_utils: Any, model: str) -> None:
        self.lost = 0
        self._instance = Instance(model)
        labels = {"model": model, "instance": str(self._instance.number)}
        self._metrics = _make(pb_utils, labels)
        self._queue: queue.Queue[tuple[str, float] | None] = queue.Queue(QUEUE_LIMIT)
        self._thread = threading.Thread(target=self._write, name="metrics", daemon=True)
        self._thread.start()

    def observe(self, name: str, value: float) -> None:
        """Add a value to a histogram."""
        self._put((name, value))

    def add(self, name: str, amount: float = 1.0) -> None:
        """Count up, or move a gauge up or down."""
        self._put((name, amount))

    def close(self) -> None:
        """Write what is queued and end the thread.

        Triton waits for the end of a write that it has begun to answer: a process that ended
        within one would leave its model UNLOADING for ever, so there is no time-out.
        """
        while self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=1)
                break
        self._thread.join()
        self._instance.close()

    def _put(self, item: tuple[str, float]) -> None:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.lost += 1

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            # Values of a short time are written together, in fewer round trips.
            time.sleep(GATHER_S)
            items = [item, *self._queued()]
            try:
                self._write_all(items)
            except Exception:  # noqa: BLE001  (root of a thread: a lost value is counted, the next is written)
                self.lost += len(items)
            if None in items:
                return

    def _queued(self) -> Iterator[tuple[str, float] | None]:
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._queue.get_nowait()

    def _write_all(self, items: list[tuple[str, float] | None]) -> None:
        """Write a batch, sums for counters and gauges; None is the end of the queue."""
        sums: dict[str, float] = {}
        for item in items:
            if item is None:
                continue
            name, value = item
            if name in HISTOGRAMS:
                self._metrics[name].observe(value)
            else:
                sums[name] = sums.get(name, 0.0) + value
        for name, total in sums.items():
            if total:
                self._metrics[name].increment(total)


def _make(pb_utils: Any, labels: Mapping[str, str]) -> dict[str, Any]:
    """The metrics by name, kept until the process ends."""
    kinds = pb_utils.MetricFamily
    made: dict[str, Any] = {}
    for name, (description, buckets) in HISTOGRAMS.items():
        family = kinds(name=name, description=description, kind=kinds.HISTOGRAM)
        made[name] = _kept(family, family.Metric(labels=dict(labels), buckets=buckets))
    for name, description in COUNTERS.items():
        family = kinds(name=name, description=description, kind=kinds.COUNTER)
        made[name] = _kept(family, family.Metric(labels=dict(labels)))
    for name, description in GAUGES.items():
        family = kinds(name=name, description=description, kind=kinds.GAUGE)
        made[name] = _kept(family, family.Metric(labels=dict(labels)))
        made[name].set(0.0)  # instead of the value of a process that was killed
    return made


def _kept(family: Any, metric: Any) -> Any:
    """The metric, and its family, never freed: their destructors would withdraw them."""
    for each in (family, metric):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))
    return metric
