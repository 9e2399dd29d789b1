"""A model manager that is killed with -9 while it loads a model: the next one has it."""

import asyncio
import contextlib
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from tests.server.processes import Http, Vdx, eventually, running
from tests.wait_limit import WAIT_LIMIT_S
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.model_processes import model_processes

MODEL = "tone-unused"
CONFIG: dict[str, Any] = {
    "tts": {"voice": "tone"},
    "asr": {"model": "canned"},
    "endpointing": {"model": "none"},
    "model_manager": {
        "ttl_ms": 500,
        "min_residency_ms": 500,
        "evict_check_interval_ms": 200,
        "resident_cap": 50,  # other tests have loaded voices into this Triton
    },
}


def process_of(triton: EmbeddedTriton) -> int | None:
    return next(iter(model_processes({MODEL}, triton.pid)), None)


def state(http: Http) -> str:
    (model,) = [each for each in http.get("/vdx/models")[1]["models"] if each["name"] == MODEL]
    return str(model["state"])


def address(manager: Vdx) -> Http:
    found = manager.said(r"ready: (http://[^;\s]+)")
    assert found is not None
    return Http(found[1])


def signalled(pid: int, number: int) -> None:
    """One that has ended, as of an idle model, is left alone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


async def stopped_load(triton: EmbeddedTriton, http: Http) -> tuple[asyncio.Task[object], int]:
    """A load under way and its model process, stopped: else it might be over before the manager is.

    Where the load was over before the process was seen, the model is unloaded and loaded again.
    """
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            post = asyncio.to_thread(http.post, f"/vdx/models/{MODEL}/load")
            loading = asyncio.create_task(post, name="load")
            stub = await asyncio.to_thread(eventually, lambda: process_of(triton), "it is loaded")
            signalled(stub, signal.SIGSTOP)
            if await asyncio.to_thread(state, http) == "LOADING":
                return loading, stub
            signalled(stub, signal.SIGCONT)
            await loading
            await asyncio.to_thread(http.post, f"/vdx/models/{MODEL}/unload")
            gone = partial(eventually, lambda: process_of(triton) is None, "it is unloaded")
            await asyncio.to_thread(gone)


async def test_what_it_was_loading_is_the_next_managers(
    triton: EmbeddedTriton, tmp_path: Path
) -> None:
    pid = triton.pid

    def manager() -> contextlib.AbstractContextManager[Vdx]:
        arguments = ("manager", "--triton-url", triton.grpc_url, "--port", "0")
        environ = {"VDX_HOME": str(tmp_path / "home")}
        return running(*arguments, home=tmp_path, config=CONFIG, environ=environ)

    with manager() as first:
        http = await asyncio.to_thread(address, first)
        loading, stub = await stopped_load(triton, http)
        try:
            first.process.kill()
            assert await asyncio.to_thread(first.wait) == -signal.SIGKILL
        finally:
            os.kill(stub, signal.SIGCONT)
        with contextlib.suppress(OSError):  # the connection broke off
            await loading
        assert loading.done()
    path = f"/vdx/models/{MODEL}/load"
    with manager() as second:
        http = await asyncio.to_thread(address, second)
        # Nobody asks the second one for it: it is unloaded as what was loaded here and is idle.
        await asyncio.to_thread(eventually, lambda: process_of(triton) is None, "it is evicted")
        assert http.metric("vdx_model_evictions_total") >= 1
        status, told = await asyncio.to_thread(http.post, path)
        assert status == 200, told
        assert process_of(triton) not in (None, stub)
        await asyncio.to_thread(eventually, lambda: state(http) != "READY", "and goes again")
        assert "Traceback" not in second.output, second.output
    assert triton.pid == pid
