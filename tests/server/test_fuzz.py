"""Hostile input against a real server; `python -m tests.fuzz` sends more of the same."""

import pytest

from tests.fuzz import events, requests, tensors
from tests.fuzz.models import served
from vdx.bench.target import Target
from vdx.serving.embedded import EmbeddedTriton

SEED = 7


@pytest.fixture
def target(server: str, triton: EmbeddedTriton) -> Target:
    return Target(server, triton_grpc=triton.grpc_url, triton_metrics=triton.metrics_url)


def assert_nothing_wrong(report: dict[str, object], count: int) -> None:
    sent, wrong = report["figures"]  # type: ignore[misc]  # two figures
    assert sent["max"] >= count
    assert wrong["max"] == 0, report["samples"]


async def test_realtime_events(target: Target) -> None:
    report = await events.measure(target, 1_000, SEED)
    assert_nothing_wrong(report.as_dict(), 1_000)


async def test_http_requests(target: Target) -> None:
    report = await requests.measure(target, 300, SEED)
    assert_nothing_wrong(report.as_dict(), 300)


async def test_tensors_to_every_model(target: Target) -> None:
    models = await served(target)
    assert {"espeak", "pocketsphinx", "tone", "canned"} <= {model.family for model in models}
    report = await tensors.measure(target, models, 400, SEED)
    assert_nothing_wrong(report.as_dict(), 400)
