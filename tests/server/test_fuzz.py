"""Hostile input against a real server; `make test-faults` and `python -m tests.fuzz` send more."""

import pytest

from tests.fuzz import events, requests, tensors
from tests.fuzz.models import served
from tests.repetitions import bound
from vdx.bench.target import Target
from vdx.serving.embedded import EmbeddedTriton

SEED = 7
EVENTS, REQUESTS, TENSORS = bound(1_000, 250), bound(300, 80), bound(400, 120)


@pytest.fixture
def target(server: str, triton: EmbeddedTriton) -> Target:
    return Target(server, triton_grpc=triton.grpc_url, triton_metrics=triton.metrics_url)


def assert_nothing_wrong(report: dict[str, object], count: int) -> None:
    sent, wrong = report["figures"]  # type: ignore[misc]  # two figures
    assert sent["max"] >= count
    assert wrong["max"] == 0, report["samples"]


async def test_realtime_events(target: Target) -> None:
    report = await events.measure(target, EVENTS, SEED)
    assert_nothing_wrong(report.as_dict(), EVENTS)


async def test_http_requests(target: Target) -> None:
    report = await requests.measure(target, REQUESTS, SEED)
    assert_nothing_wrong(report.as_dict(), REQUESTS)


async def test_tensors_to_every_model(target: Target) -> None:
    models = await served(target)
    assert {"espeak", "pocketsphinx", "tone", "canned"} <= {model.family for model in models}
    report = await tensors.measure(target, models, TENSORS, SEED)
    assert_nothing_wrong(report.as_dict(), TENSORS)
