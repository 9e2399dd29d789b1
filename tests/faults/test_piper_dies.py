"""The process of a Piper voice, the only voice there is, is killed in the middle of a reply."""

import base64
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from tests.faults.released import speaking_released
from tests.released_voice import NAME
from tests.repetitions import bound
from tests.server.processes import LONG_ANSWER, Vdx
from tests.server.talk import Event, Talk, talking

SPEAKS_AGAIN_S = bound(4.0, 8.0)
"""How long the death of the voice may silence it, less what its new process waited for a core:
on an idle machine that loads the network within three seconds."""
KEPT = 0.75
"""Of an uninterrupted reply's length: the voice itself speaks a text now faster, now slower."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    place = tmp_path_factory.mktemp("piper")
    (place / "script.yaml").write_text(yaml.safe_dump([LONG_ANSWER]))
    script = {"kind": "script", "script": {"path": str(place / "script.yaml")}}
    config = {"responder": script, "server": {"max_sessions": 100}}
    with speaking_released(place, config) as vdx:
        yield vdx
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture
def server(up: Vdx) -> str:
    return up.url()


def _process(vdx: Vdx) -> int | None:
    """The process id of the voice."""
    for child in psutil.Process(vdx.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if any(f"/{NAME}/" in word for word in child.cmdline()):
                return int(child.pid)
    return None


def _waited_for_a_core(pid: int) -> float:
    """Seconds that a process was ready to run and another ran; 0.0 where the kernel keeps none."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, IndexError):
        return 0.0


async def _reply(talk: Talk, kill: int | None = None, deltas: int = 0) -> tuple[Event, float]:
    """A whole reply and its seconds of sound; the voice's process is killed after `deltas`."""
    created = await talk.turn()
    if kill is not None:
        await talk.wait("response.output_audio.delta", count=deltas)
        os.kill(kill, signal.SIGKILL)
    done = await talk.wait("response.done")
    heard = [base64.b64decode(event["delta"]) for event in talk.of("response.output_audio.delta")]
    assert done["response"]["id"] == created["response"]["id"]
    response: Event = done["response"]
    return response, sum(map(len, heard)) / 2 / talk.rate


@pytest.mark.parametrize("deltas", [1, 40], ids=["at its first sound", "in mid reply"])
async def test_nothing_of_a_reply_is_lost(up: Vdx, server: str, deltas: int) -> None:
    async with talking(server) as talk:
        _, usual = await _reply(talk)
    async with talking(server) as talk:
        pid = _process(up)
        assert pid is not None
        response, seconds = await _reply(talk, pid, deltas)
        assert response["status"] == "completed"
        assert response["output"][0]["content"][0]["transcript"] == LONG_ANSWER, "no apology"
        assert seconds > KEPT * usual, "the clause under way was spoken"
        new = _process(up)
        assert new is not None
        assert new != pid
        silence = talk.longest_silence(response["id"])
        assert silence - _waited_for_a_core(new) < SPEAKS_AGAIN_S, silence
