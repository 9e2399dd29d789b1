"""Triton absent at start, killed in mid-reply, and back again."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.processes import Http, embedded, eventually, running
from tests.server.talk import talking


async def test_a_frontend_outlives_its_triton(
    repository: Path, base_config: dict[str, Any], tmp_path: Path
) -> None:
    environ = {"VDX_HOME": str(tmp_path / "home")}
    arguments = ("frontend", "--port", "0")
    with running(*arguments, home=tmp_path, config=base_config, environ=environ) as vdx:
        await asyncio.to_thread(vdx.said, f"waiting for Triton at unix:{tmp_path}/home/run/t:8001")
        triton = embedded(repository, tmp_path / "triton.log", home=tmp_path / "home")
        await triton.start()
        try:
            url = await asyncio.to_thread(vdx.url)
            async with talking(url, "long") as talk:
                created = await talk.turn()
                await talk.wait("response.output_audio.delta", count=60)
                assert triton.pid is not None
                os.kill(triton.pid, signal.SIGKILL)
                done = await talk.wait("response.done")
                error = await talk.error(0)
                assert error["service"].startswith("triton")
                assert error["retryable"] is True
                assert done["response"]["id"] == created["response"]["id"]
                assert done["response"]["status"] == "failed"
                await triton.restart()
                await asyncio.to_thread(eventually, lambda: _ready(url, "tone"), "models back")
                item_id = done["response"]["output"][0]["id"]
                await talk.connection.conversation.item.retrieve(item_id=item_id)
                kept = await talk.wait("conversation.item.retrieved")
                assert kept["item"]["content"] == done["response"]["output"][0]["content"]
                mark = len(talk.events)
                await talk.turn()
                await talk.wait("response.output_audio.delta", after=mark, count=20)
        finally:
            await triton.stop()
        assert await asyncio.to_thread(vdx.interrupt) == 0
        assert "Traceback" not in vdx.output, vdx.output


async def test_a_server_that_waits_says_so_and_stops_when_told(tmp_path: Path) -> None:
    arguments = ("frontend", "--triton-url", "127.0.0.1:1", "--port", "0")
    with running(*arguments, home=tmp_path, config={"log": {"level": "debug"}}) as vdx:
        await asyncio.to_thread(vdx.said, "waiting for Triton at 127.0.0.1:1")
        url = await asyncio.to_thread(_listening, vdx.process.pid)
        http = Http(url)
        assert await asyncio.to_thread(http.get, "/healthz") == (200, "ok")
        assert (await asyncio.to_thread(http.get, "/readyz"))[0] == 503
        with pytest.raises(InvalidStatus) as refusal:
            async with talking(url):
                pass
        assert b"still loading" in refusal.value.response.body
        assert await asyncio.to_thread(vdx.interrupt) == 0


def _ready(url: str, model: str) -> bool:
    code, answer = Http(url).get("/vdx/models")
    return code == 200 and any(
        entry["name"] == model and entry["state"] == "READY" for entry in answer["models"]
    )


def _listening(pid: int) -> str:
    """The address a process serves at, before it says so itself."""
    import psutil

    def found() -> str | None:
        for connection in psutil.Process(pid).net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                return f"http://127.0.0.1:{connection.laddr.port}"
        return None

    return str(eventually(found, "a listening socket"))
