"""Fixtures of the fault tests: those of the server tests, on a tritonserver of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repetitions import measured, repetitions
from tests.server.conftest import (
    base_config,
    http,
    nothing_left,
    repository,
    script,
    server,
)
from tests.server.processes import serving
from vdx.serving.embedded import EmbeddedTriton

__all__ = [
    "base_config",
    "http",
    "measured",
    "nothing_left",
    "repetitions",
    "repository",
    "script",
    "server",
    "triton",
]


@pytest.fixture(scope="module")
def triton(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTriton]:
    """Not the one that other folders or files use: what is killed here may leave traces."""
    with serving(repository, tmp_path_factory.mktemp("triton") / "triton.log") as server:
        yield server
