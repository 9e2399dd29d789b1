"""Clients that leave while their recording is uploaded, read or written down, or while a text is
spoken to them: the server lives on and keeps nothing of theirs."""

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.leaving import SILENT_HOURS, TRANSCRIPTIONS, leaving_clients
from tests.repetitions import Repetitions
from tests.server.conftest import triton
from tests.server.processes import WAIT_LIMIT_S, Http, eventually
from tests.server.talk import RECORDINGS

__all__ = ["triton"]  # the one that other files use: nothing is killed here

AT_ONCE = 3
"""More would be waiting for the processor, not inside FFmpeg, when they leave."""
PLACES = 12
GO = (RECORDINGS / "ps_goforward.wav").read_bytes()


@pytest.fixture(scope="module")
def base_config(base_config: dict[str, Any]) -> dict[str, Any]:
    limits = {"max_recordings": PLACES, "max_recording_seconds": SILENT_HOURS * 3_600}
    return base_config | {"server": limits, "profiles": {}}


def ask(server: str) -> int:
    answer = httpx.post(server + TRANSCRIPTIONS, files={"file": GO}, timeout=WAIT_LIMIT_S)
    return answer.status_code


def descriptors(pid: int) -> list[str]:
    """What the server holds open, without the connections of those who ask for its state."""
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            names.append(str(entry.readlink()))
    return sorted(name for name in names if not name.startswith(("socket:", "anon_inode:")))


def test_clients_that_leave_take_nothing_with_them(
    server: str, http: Http, repetitions: Repetitions
) -> None:
    assert ask(server) == 200
    tasks, before = http.settled_tasks(), http.status()
    held = descriptors(before["pid"])
    with ThreadPoolExecutor(AT_ONCE) as clients:
        requests = [
            clients.submit(one.ask_and_leave, server)
            for one in leaving_clients(repetitions(500, share=25))
        ]
        for request in requests:
            request.result()
    after = http.status()
    assert after["pid"] == before["pid"]
    assert http.get("/healthz") == (200, "ok")
    with ThreadPoolExecutor(PLACES) as clients:
        answers = list(clients.map(ask, [server] * PLACES))
    assert answers == [200] * PLACES
    eventually(lambda: http.status()["tasks"] <= tasks, "tasks of who left gone")
    eventually(lambda: descriptors(before["pid"]) == held, "files of who left closed")
    assert http.status()["sessions"] == 0


@pytest.mark.parametrize(
    "name",
    [
        # All of them with a server: the test above.
        pytest.param("mp3 48 kHz stereo", marks=pytest.mark.long),
        pytest.param("flac 48 kHz surround", marks=pytest.mark.long),
        "m4a",
    ],
)
def test_closing_a_recording_waits_for_its_reader(name: str, repetitions: Repetitions) -> None:
    """The same without a server: here the thread is inside FFmpeg nearly all the time."""
    command = [sys.executable, "-m", "tests.faults.readers", str(repetitions(250, share=25)), name]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=4 * WAIT_LIMIT_S
    )
    assert (done.returncode, done.stderr) == (0, "")
