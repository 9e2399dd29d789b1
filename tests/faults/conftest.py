"""Fixtures of the fault tests: those of the server tests, on a tritonserver of their own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.repetitions import measured, repetitions
from tests.server.conftest import (
    http,
    nothing_left,
    quick_config,
    repository,
    script,
    server,
)
from tests.server.processes import serving
from vdx.serving.embedded import EmbeddedTriton

__all__ = [
    "http",
    "measured",
    "nothing_left",
    "repetitions",
    "repository",
    "script",
    "server",
    "triton",
]


@pytest.fixture(scope="session")
def base_config(script: Path) -> dict[str, Any]:
    """Without engines: every file here loads its models into a Triton of its own."""
    return quick_config(script)


@pytest.fixture(scope="module")
def triton(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTriton]:
    """Not the one that other folders or files use: what is killed here may leave traces."""
    with serving(repository, tmp_path_factory.mktemp("triton") / "triton.log") as server:
        yield server
