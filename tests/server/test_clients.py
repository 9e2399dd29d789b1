"""Clients that vanish, crowd, dawdle or hurry."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import connect

from tests.server.processes import Http, Vdx, eventually, running
from tests.server.talk import RECORDINGS, talking, update
from vdx.bench.scrape import fetch, parse
from vdx.client.recording import read_clip
from vdx.serving.embedded import EmbeddedTriton

CLIENT = """
import asyncio, sys
from tests.server.talk import talking

async def main(url):
    async with talking(url, "long") as talk:
        await talk.turn()
        await talk.wait("response.output_audio.delta", count=10)
        print("playing", flush=True)
        await asyncio.sleep(600)

asyncio.run(main(sys.argv[1]))
"""


def _active_streams(triton: EmbeddedTriton) -> float:
    """Clauses the tone model is speaking now, for anybody."""
    return parse(fetch(triton.metrics_url)).total("vdx_active_streams", model="tone")


def test_a_client_killed_in_mid_reply_leaves_nothing(
    server: str, http: Http, triton: EmbeddedTriton
) -> None:
    tasks = http.settled_tasks()
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, server], stdout=subprocess.PIPE, text=True
    )
    try:
        assert client.stdout is not None
        assert client.stdout.readline() == "playing\n"
        assert http.status()["sessions"] == 1
    finally:
        client.kill()
        client.wait()
        client.stdout.close() if client.stdout else None
    eventually(lambda: http.status()["sessions"] == 0, "the session freed")
    eventually(lambda: http.status()["tasks"] <= tasks, "its tasks gone")
    eventually(lambda: _active_streams(triton) == 0, "its streams cancelled in Triton")


async def test_fifty_connect_at_once(server: str, http: Http) -> None:
    address = server.replace("http", "ws") + "/v1/realtime"

    async def converse(number: int) -> str:
        async with connect(address, max_queue=None) as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"
            part = {"type": "input_text", "text": str(number)}
            item = {"type": "message", "role": "user", "content": [part]}
            await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await socket.send(json.dumps({"type": "response.create"}))
            while True:
                event = json.loads(await socket.recv())
                assert event["type"] != "error", event
                if event["type"] == "response.done":
                    return str(event["response"]["output"][0]["content"][0]["transcript"])

    answers = await asyncio.gather(*(converse(number) for number in range(50)))
    assert list(answers) == [f"You said: {number}" for number in range(50)]


async def test_a_whole_recording_at_once(server: str) -> None:
    pcm = read_clip(RECORDINGS / "silero_test.wav", 24_000).pcm
    # An answer meanwhile would hide, as its echo, what is no louder than that.
    unanswered = {"audio": {"input": {"turn_detection": detection(create_response=False)}}}
    async with talking(server, session=unanswered) as talk:
        await talk.append(pcm)
        await talk.until(
            lambda: len(talk.of("input_audio_buffer.speech_stopped")) >= 4, "the stretches"
        )
        await talk.connection.response.create()
        done = await talk.wait("response.done")
        assert done["response"]["status"] == "completed"
        stopped = talk.of("input_audio_buffer.speech_stopped")
        assert all(event["audio_end_ms"] <= 60_500 for event in stopped)
        await update(
            talk, {"audio": {"input": {"turn_detection": detection(create_response=True)}}}
        )
        assert (await talk.full_turn())["response"]["status"] == "completed"
        assert not talk.of("error")


def detection(*, create_response: bool) -> dict[str, Any]:
    # Without a silence of its own a pause lasts until its transcript is there, and of a recording
    # that comes at once the rest has been heard by then.
    return {"type": "server_vad", "silence_duration_ms": 300, "create_response": create_response}


async def test_pieces_of_any_size_make_the_same_turn(server: str) -> None:
    pcm = read_clip(RECORDINGS / "ps_cards_001.wav", 24_000).pcm.tobytes()
    starts = []
    for size in (2, 962, 48_000):
        step = size if size > 2 else 334
        async with talking(server) as talk:
            for start in range(0, len(pcm), step):
                await talk.append(pcm[start : start + step])
            starts.append((await talk.wait("input_audio_buffer.speech_started"))["audio_start_ms"])
            await talk.wait("response.done")
    assert len(set(starts)) == 1, starts


@pytest.fixture(scope="module")
def hasty(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vdx]:
    """A server that gives up slow readers soon."""
    config = base_config | {"server": {"write_timeout_ms": 500}}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=tmp_path_factory.mktemp("hasty"), config=config) as vdx:
        vdx.url()
        yield vdx


async def test_a_reader_that_stopped_is_given_up(hasty: Vdx) -> None:
    url = hasty.url()
    http, process = Http(url), psutil.Process(hasty.process.pid)
    part = {"type": "input_text", "text": "x" * 90_000}
    item = {"id": "item_long", "type": "message", "role": "user", "content": [part]}
    create = json.dumps({"type": "conversation.item.create", "item": item})
    retrieve = json.dumps({"type": "conversation.item.retrieve", "item_id": item["id"]})
    before = process.memory_info().rss
    async with connect(url.replace("http", "ws") + "/v1/realtime", max_queue=1) as socket:
        await socket.recv()
        await socket.send(create)
        for _ in range(500):  # which would be 45 MB out
            await socket.send(retrieve)
        await asyncio.to_thread(
            eventually, lambda: http.status()["sessions"] == 0, "the slow reader given up"
        )
        grown = process.memory_info().rss - before
        socket.transport.abort()
    assert grown < 40 * 1024 * 1024
    assert hasty.said("slow reader"), "not only its keepalive ended it"
    async with talking(url) as talk:
        assert (await talk.full_turn())["response"]["status"] == "completed"


async def test_a_conversation_holds_only_so_many_items(server: str) -> None:
    part = {"type": "input_text", "text": "x"}
    item = {"type": "message", "role": "user", "content": [part]}
    create = json.dumps({"type": "conversation.item.create", "item": item})
    async with talking(server, check=False) as talk:
        for _ in range(1001):
            await talk.connection.send_raw(create)
        assert "1000 items" in (await talk.error(0))["message"]
        last = talk.of("conversation.item.done")[-1]["item"]["id"]
        await talk.connection.conversation.item.delete(item_id=last)
        await talk.wait("conversation.item.deleted")
        mark = len(talk.events)
        await talk.connection.send_raw(create)
        await talk.wait("conversation.item.done", after=mark)
        await talk.turn()
