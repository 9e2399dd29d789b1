"""Triton that ends or hangs while nothing about the restart goes well; calls outlive it."""

import asyncio
import contextlib
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from tests.server.processes import (
    VDX,
    WAIT_LIMIT_S,
    Http,
    Vdx,
    eventually,
    plain_environment,
    running,
)
from tests.server.talk import Talk, talking
from vdx.serving.embedded import EmbeddedTriton

QUICK = ("--voice", "tone", "--recogniser", "canned", "--no-proof", "--port", "0")


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tmpdir") / "tmp"


@pytest.fixture(scope="module")
def vdx(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    """One `vdx up` that all the tests here break, each in its way."""
    temporary.mkdir()
    home = tmp_path_factory.mktemp("up")
    with running("up", *QUICK, home=home, environ={"TMPDIR": str(temporary)}) as vdx:
        vdx.url()
        yield vdx
        assert vdx.interrupt() == 0, vdx.output
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture
def http(vdx: Vdx) -> Http:
    http = Http(vdx.url())
    eventually(lambda: _ready(http), "ready before the test")
    return http


@pytest.fixture
async def call(http: Http) -> AsyncIterator[Talk]:
    """A conversation that has to go on after what the test does."""
    async with talking(http.url) as talk:
        yield talk
        await asyncio.to_thread(eventually, lambda: _ready(http), "ready again")
        assert (await talk.full_turn())["response"]["status"] == "completed"


@pytest.fixture
def http_of_frontend(triton: EmbeddedTriton, tmp_path: Path) -> Iterator[Http]:
    """A `vdx frontend`, whose Triton is not its own."""
    models = ("--voice", "tone", "--recogniser", "canned", "--port", "0")
    with running("frontend", "--triton-url", triton.grpc_url, *models, home=tmp_path) as vdx:
        yield Http(vdx.url())


def _ready(http: Http) -> bool:
    return http.get("/readyz")[0] == 200


def _not_ready(http: Http) -> str:
    code, body = http.get("/readyz")
    return str(body) if code == 503 else ""


async def _said_again(vdx: Vdx, text: str, before: int) -> None:
    def found() -> bool:
        assert vdx.process.poll() is None, vdx.output
        return vdx.output.count(text) > before

    await asyncio.to_thread(eventually, found, text)


async def test_a_frozen_triton_is_told_ended_and_replaced(vdx: Vdx, http: Http, call: Talk) -> None:
    frozen = http.status()["triton_pid"]
    os.kill(frozen, signal.SIGSTOP)
    began = time.monotonic()
    answers = await asyncio.gather(
        *(asyncio.to_thread(http.get, path) for path in ("/vdx/models", "/v1/models"))
    )
    assert time.monotonic() - began < WAIT_LIMIT_S / 2
    for code, body in answers:
        assert code == 503
        assert body["error"]["code"] == "unavailable"
        assert body["error"]["service"] == "triton"
    assert await asyncio.to_thread(eventually, lambda: _not_ready(http), "not ready")
    await _said_again(vdx, "Triton has not answered for 5 s", 0)
    await asyncio.to_thread(
        eventually, lambda: http.status()["triton_pid"] not in (None, frozen), "a new one"
    )
    assert not psutil.pid_exists(frozen)


async def test_a_triton_that_ends_is_told_with_its_last_lines(
    vdx: Vdx, http: Http, call: Talk
) -> None:
    os.kill(http.status()["triton_pid"], signal.SIGKILL)
    assert "Triton" in await asyncio.to_thread(eventually, lambda: _not_ready(http), "not ready")
    await _said_again(vdx, "server ended", 0)
    assert "last_lines=" in vdx.output


async def test_a_restart_without_a_temporary_folder_is_tried_again(
    vdx: Vdx, http: Http, call: Talk, temporary: Path
) -> None:
    before = vdx.output.count("did not start, trying again")
    aside = await asyncio.to_thread(temporary.rename, temporary.with_name("aside"))
    try:
        os.kill(http.status()["triton_pid"], signal.SIGKILL)
        await _said_again(vdx, "did not start, trying again", before)
    finally:
        aside.rename(temporary)
    await asyncio.to_thread(eventually, lambda: _ready(http), "ready again")
    assert vdx.output.count("did not start, trying again") == before + 1


@pytest.mark.long  # what keeps it from starting is another reason than above, and treated the same
async def test_a_restart_without_descriptors_is_tried_again(
    vdx: Vdx, http: Http, call: Talk
) -> None:
    before = vdx.output.count("did not start, trying again")
    triton = http.status()["triton_pid"]
    limits = resource.prlimit(vdx.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(vdx.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        os.kill(triton, signal.SIGKILL)
        await _said_again(vdx, "did not start, trying again", before)
    finally:
        resource.prlimit(vdx.process.pid, resource.RLIMIT_NOFILE, limits)
    await asyncio.to_thread(eventually, lambda: _ready(http), "ready again")
    assert vdx.output.count("did not start, trying again") > before


def test_a_missing_default_model_is_named(vdx: Vdx, http: Http) -> None:
    assert http.post("/vdx/models/tone/unload")[0] == 200
    assert "tone" in eventually(lambda: _not_ready(http), "not ready")
    assert http.post("/vdx/models/tone/load")[0] == 200
    eventually(lambda: _ready(http), "ready again")


def test_nobody_reading_what_it_tells_ends_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    environment = plain_environment()
    process = psutil.Popen(
        [*VDX, "up", *QUICK], stdout=writing, stderr=writing, stdin=-3, env=environment
    )
    os.close(writing)
    try:
        with open(reading) as lines:  # noqa: PTH123  (a descriptor, not a path)
            url = next(line.split()[-1] for line in lines if "talk here" in line)
        http = Http(url)
        triton = http.status()["triton_pid"]
        os.kill(triton, signal.SIGKILL)
        eventually(lambda: http.status()["triton_pid"] not in (None, triton), "a new one")
        eventually(lambda: _ready(http), "ready again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


# It has a Triton of its own. The first test freezes that of `vdx up`; one without a supervisor ends
# in tests/faults/test_triton_faults.py.
@pytest.mark.long
def test_a_frontend_says_that_its_triton_is_frozen(
    triton: EmbeddedTriton, http_of_frontend: Http
) -> None:
    pid = triton.pid
    assert pid is not None
    eventually(lambda: _ready(http_of_frontend), "ready")
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "not answer" in eventually(lambda: _not_ready(http_of_frontend), "not ready")
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: _ready(http_of_frontend), "ready again")
