"""Metrics of a model process: whose they are, and that none is ever withdrawn."""

import gc
import os
import subprocess
import sys
import uuid
import weakref
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from triton_backends.shared.instances import POOL, Instance
from triton_backends.shared.metrics import COUNTERS, GAUGES, HISTOGRAMS, TritonMetrics


@dataclass(eq=False)
class FakeMetric:
    labels: dict[str, str]
    done: list[tuple[str, float]] = field(default_factory=list)

    def observe(self, value: float) -> None:
        self.done.append(("observe", value))

    def increment(self, value: float) -> None:
        self.done.append(("increment", value))

    def set(self, value: float) -> None:
        self.done.append(("set", value))


class FakeFamily:
    """Stands for pb_utils.MetricFamily; knows its metrics only as long as somebody else does."""

    HISTOGRAM, GAUGE, COUNTER = "histogram", "gauge", "counter"
    made: ClassVar[dict[str, weakref.ref[FakeMetric]]] = {}
    families: ClassVar[list[Any]] = []

    def __init__(self, name: str, description: str, kind: str) -> None:
        assert description
        assert kind
        self._name = name
        FakeFamily.families.append(weakref.ref(self))

    def Metric(  # noqa: N802  (Triton's name)
        self, labels: dict[str, str], buckets: list[float] | None = None
    ) -> FakeMetric:
        assert (buckets is None) == (self._name not in HISTOGRAMS)
        metric = FakeMetric(labels)
        FakeFamily.made[self._name] = weakref.ref(metric)
        return metric


class FakeUtils:
    MetricFamily = FakeFamily


@pytest.fixture
def model() -> str:
    FakeFamily.made.clear()
    FakeFamily.families.clear()
    return f"model-{uuid.uuid4()}"


def test_instances_of_a_model_have_numbers_of_their_own(model: str) -> None:
    first, second, other = Instance(model), Instance(model), Instance(model + "-other")
    assert (first.number, second.number, other.number) == (0, 1, 0)
    first.close()
    third = Instance(model)
    assert third.number == 0
    for each in (second, third, other):
        each.close()


def test_a_process_that_ends_gives_its_number_back(model: str) -> None:
    code = (
        "import os, sys; from triton_backends.shared.instances import Instance\n"
        f"os.getppid = lambda: {os.getppid()}\n"
        f"held = Instance({model!r}); print(held.number, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"0"
        mine = Instance(model)
        assert mine.number == 1
        other.kill()
    again = Instance(model)
    assert again.number == 0
    mine.close()
    again.close()


def test_more_processes_than_numbers_share_the_last(model: str) -> None:
    held = [Instance(model) for _ in range(POOL + 2)]
    assert [each.number for each in held] == [*range(POOL), POOL, POOL]
    for each in held:
        each.close()


def test_metrics_are_written_and_outlive_their_process(model: str) -> None:
    metrics = TritonMetrics(FakeUtils, model)
    metrics.observe("vdx_real_time_factor", 0.5)
    metrics.add("vdx_active_streams", 1)
    metrics.add("vdx_active_streams", 1)
    metrics.close()
    del metrics
    gc.collect()
    assert set(FakeFamily.made) == {*HISTOGRAMS, *GAUGES, *COUNTERS}
    made = {name: metric() for name, metric in FakeFamily.made.items()}
    assert all(family() is not None for family in FakeFamily.families)
    for metric in made.values():
        # Withdrawn here, it would be freed in the server under the next process of this model.
        assert metric is not None
        assert metric.labels == {"model": model, "instance": "0"}
    assert made["vdx_real_time_factor"].done == [("observe", 0.5)]  # type: ignore[union-attr]
    # What a killed process left of a gauge is not added to.
    assert made["vdx_active_streams"].done == [("set", 0.0), ("increment", 2.0)]  # type: ignore[union-attr]
