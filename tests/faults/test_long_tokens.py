"""Texts of one long token to a released voice, by clients that leave: nobody else notices."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.faults.released import speaking_released
from tests.released_voice import NAME
from tests.repetitions import Repetitions
from tests.server.processes import WAIT_LIMIT_S, Http, Vdx

LONG = "абвгд" * 60
AT_ONCE = 3
STAY_S = (0.1, 0.5, 1.5)
"""How long a client listens: it leaves before the first sound, about then, and in mid speech."""
SPEECH = "/v1/audio/speech"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    """A whole `vdx up` that speaks with the released voice."""
    with speaking_released(tmp_path_factory.mktemp("joe")) as vdx:
        yield vdx


@pytest.fixture
def server(up: Vdx) -> str:
    return up.url()


@pytest.fixture
def http(server: str) -> Http:
    return Http(server)


def processes(vdx: Vdx) -> set[tuple[int, str]]:
    """vdx, tritonserver and the processes of its models."""
    own = psutil.Process(vdx.process.pid)
    return {(each.pid, each.name()) for each in (own, *own.children(recursive=True))}


async def speak(url: str, text: str, stay_s: float, enough: int = sys.maxsize) -> int:
    """Asks for speech, leaves after `stay_s` or `enough` bytes; how many came."""
    came = 0
    asked = {"input": text, "model": "tts-1", "voice": NAME, "response_format": "pcm"}
    async with httpx.AsyncClient(base_url=url, timeout=WAIT_LIMIT_S) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(stay_s), client.stream("POST", SPEECH, json=asked) as answer:
                answer.raise_for_status()
                async for piece in answer.aiter_raw():
                    came += len(piece)
                    if came >= enough:
                        break
    return came


async def test_clients_that_leave_long_tokens_cost_nobody_anything(
    up: Vdx, server: str, http: Http, repetitions: Repetitions
) -> None:
    await speak(server, "Hello there.", WAIT_LIMIT_S)
    before = await asyncio.to_thread(processes, up)
    for number in range(repetitions(50, share=16)):
        stay_s = STAY_S[number % len(STAY_S)]
        await asyncio.gather(*(speak(server, LONG, stay_s) for _ in range(AT_ONCE)))
        code, answer = await asyncio.to_thread(http.get, "/readyz")
        assert code == 200, answer
    assert await speak(server, "This is heard by everybody.", WAIT_LIMIT_S) > 24_000
    assert await asyncio.to_thread(processes, up) == before, up.output
    assert "reload" not in up.output
    assert "probe failed" not in up.output


async def heard(url: str) -> None:
    """Asks until there is a sound: a busy machine may take longer than the time-out of a model."""
    while True:
        try:
            if await speak(url, LONG, WAIT_LIMIT_S, 1):
                return
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.GATEWAY_TIMEOUT:
                raise


async def test_a_long_token_is_heard(server: str) -> None:
    async with asyncio.timeout(WAIT_LIMIT_S), asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(heard(server))
