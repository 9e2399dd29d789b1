"""`vdx up --llm`: its language model is killed in mid reply, and the conversation goes on."""

import contextlib
import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.released_llm import fetched
from tests.server.processes import Http, Vdx, eventually, running
from tests.server.talk import talking

NAME = "SmolLM2-135M-Instruct.Q4_1"
LIGHT = ("--voice", "tone", "--recogniser", "canned", "--no-proof")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    home, (paths, file) = tmp_path_factory.mktemp("llm"), fetched()
    local = {"max_tokens": 1000, "repeat_penalty": 1.2}
    instructions = "Write a very long story about what you are told, with many chapters."
    config = {
        "responder": {"local": local},
        "profiles": {"vdx": {"instructions": instructions}},
    }
    environ = {"VDX_HOME": str(paths.home)}
    arguments = ("up", "--llm", str(file), "--port=0", *LIGHT)
    with running(*arguments, home=home, config=config, environ=environ) as vdx:
        vdx.url()
        yield vdx
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture
def server(up: Vdx) -> str:
    return up.url()


def pid_of(http: Http) -> int | None:
    (model,) = http.status()["language_models"]
    assert model["model"] == NAME
    pid: int | None = model["pid"]
    return pid


async def test_a_death_in_a_reply_is_told_and_the_next_turn_answered(up: Vdx, server: str) -> None:
    http = Http(server)
    before = pid_of(http)
    assert before is not None
    assert http.status()["responder"] == "local"
    async with talking(server) as talk:
        mark = len(talk.events)
        await talk.turn()
        await talk.wait("response.output_audio.delta", after=mark)
        os.kill(before, signal.SIGKILL)
        error = await talk.error(mark)
        assert error["service"] == "language_model"
        assert error["retryable"]
        assert NAME in error["message"]
        await talk.wait("response.done", after=mark)
        mark = len(talk.events)
        await talk.turn()
        await talk.wait("response.output_audio.delta", after=mark)
        assert not talk.of("error", after=mark)
    assert eventually(lambda: pid_of(http), "the language model runs again") != before
    assert f"the language model {NAME} ended with code -9; restarting it" in up.output


def test_it_ends_with_vdx(up: Vdx) -> None:
    pid = pid_of(Http(up.url()))
    up.interrupt()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(20)
    assert not psutil.pid_exists(pid or 0)
