"""Uploads that stall, and uploads that the server has no room for."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from tests.faults.leaving import TRANSCRIPTIONS, connected, form, head
from tests.server.processes import WAIT_LIMIT_S, Http, eventually
from tests.server.talk import RECORDINGS

PLACES = 3
GO = (RECORDINGS / "ps_goforward.wav").read_bytes()
BEYOND_MEMORY = bytes(3_000_000)
"""Uploads of up to a megabyte are kept in memory."""


@pytest.fixture(scope="module")
def base_config(base_config: dict[str, Any]) -> dict[str, Any]:
    return base_config | {"server": {"max_recordings": PLACES}, "profiles": {}}


def ask(server: str, file: bytes = GO) -> httpx.Response:
    return httpx.post(server + TRANSCRIPTIONS, files={"file": file}, timeout=WAIT_LIMIT_S)


def test_uploads_that_stall_take_no_place(server: str, http: Http) -> None:
    tasks = http.settled_tasks()
    body = form(GO)
    with ExitStack() as stalled:
        for _ in range(PLACES + 2):
            connection = stalled.enter_context(connected(server))
            connection.sendall(head(TRANSCRIPTIONS, len(body)) + body[: len(body) // 2])
        # Each has a task of its own: all of them have begun.
        eventually(lambda: http.status()["tasks"] >= tasks + PLACES + 2, "uploads under way")
        for _ in range(2):
            assert ask(server).status_code == 200
    eventually(lambda: http.status()["tasks"] <= tasks, "uploads given up")


@contextmanager
def small_files(pid: int, size: int) -> Iterator[None]:
    """No file of a process grows over `size` bytes, as on a full disk."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_named_and_keeps_nothing(server: str, http: Http) -> None:
    tasks = http.settled_tasks()
    with small_files(http.status()["pid"], 2_000_000):
        for _ in range(PLACES + 2):
            answer = ask(server, BEYOND_MEMORY)
            error = answer.json()["error"]
            assert answer.status_code == 507, answer.text
            assert (error["service"], error["retryable"]) == ("storage", True)
            assert error["code"] == "storage_failed"
            assert "cannot store the upload: File too large" in error["message"]
            assert answer.headers["retry-after"]
        assert ask(server).status_code == 200, "what fits into memory needs no disk"
    assert ask(server, BEYOND_MEMORY).status_code == 400, "there is room again; it is no recording"
    eventually(lambda: http.status()["tasks"] <= tasks, "nothing left of them")
