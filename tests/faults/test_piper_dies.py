"""The process of a Piper voice, the only voice there is, is killed in the middle of a reply."""

import asyncio
import base64
import contextlib
from collections.abc import Iterator

import psutil
import pytest
import yaml

from tests.faults.released import speaking_released
from tests.killing import kill_model_process
from tests.released_voice import NAME
from tests.repetitions import Measured
from tests.server.processes import LONG_ANSWER, Vdx
from tests.server.talk import Event, Talk, talking

SPEAKS_AGAIN_S = 4.0
"""How long the death of the voice is to silence it; an idle machine loads it within 3 s."""
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


async def _reply(talk: Talk, kill: int | None = None, deltas: int = 0) -> tuple[Event, float]:
    """A whole reply and its seconds of sound; the voice's process is killed after `deltas`."""
    created = await talk.turn()
    if kill is not None:
        await talk.wait("response.output_audio.delta", count=deltas)
        await asyncio.to_thread(kill_model_process, kill)
    done = await talk.wait("response.done")
    heard = [base64.b64decode(event["delta"]) for event in talk.of("response.output_audio.delta")]
    assert done["response"]["id"] == created["response"]["id"]
    response: Event = done["response"]
    return response, sum(map(len, heard)) / 2 / talk.rate


# A process with weights takes ten seconds of a core to be there and be there again; voices without
# any die at the same moments in tests/faults/test_model_faults.py.
@pytest.mark.long
@pytest.mark.parametrize(
    "deltas", [pytest.param(1, id="at its first sound"), pytest.param(40, id="in mid reply")]
)
async def test_nothing_of_a_reply_is_lost(
    up: Vdx, server: str, deltas: int, measured: Measured
) -> None:
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
        measured("silence", talk.longest_silence(response["id"]), SPEAKS_AGAIN_S)
