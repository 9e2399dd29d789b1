"""Fixtures of the fault tests: those of the server tests, and the number of repetitions."""

from tests.repetitions import repetitions
from tests.server.conftest import (
    base_config,
    http,
    nothing_left,
    repository,
    script,
    server,
    triton,
)

__all__ = [
    "base_config",
    "http",
    "nothing_left",
    "repetitions",
    "repository",
    "script",
    "server",
    "triton",
]
