"""What a server at debug level writes: every event has its line, and none holds words or keys."""

import asyncio
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.chat_endpoint import ChatEndpoint, answering
from tests.server.processes import Http, Vdx, eventually, running
from tests.server.talk import Talk, talking
from vdx.serving.embedded import EmbeddedTriton

KEY = "a-key-of-this-server-0123456789"
CHAT_KEY = "a-key-of-the-chat-endpoint"
QUERY = "in-the-query"
HEARD = "hello there"
ANSWERED = "marzipan"
TYPED = "kaleidoscope"
SPOKEN = "bumblebee"
WORDS = (HEARD, ANSWERED, TYPED, SPOKEN)


class _Endpoint(ChatEndpoint):
    """A chat endpoint that answers one word; typed to, it refuses and quotes what it was sent."""

    def answer(self, asked: dict[str, Any]) -> None:
        if TYPED in json.dumps(asked):
            told = json.dumps({"error": {"message": f"cannot answer {json.dumps(asked)}"}}).encode()
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)
            return
        self.begin()
        self.tell({"content": f"{ANSWERED}."})
        self.done()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with answering(_Endpoint) as url:
        yield f"{url}/v1"


def _config(endpoint: str, **log: object) -> dict[str, Any]:
    chat = {"base_url": endpoint, "retries": 0}
    return {
        "asr": {"model": "canned"},
        "tts": {"voice": "tone-fast"},
        "session": {"input_gap_ms": 500},
        "server": {"api_keys": [KEY]},
        "responder": {"kind": "chat", "chat": chat},
        "log": {"level": "debug", **log},
    }


async def _type(talk: Talk, text: str) -> None:
    content: Any = [{"type": "input_text", "text": text}]
    await talk.connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": content}
    )
    await talk.connection.response.create()


async def _everything(vdx: Vdx, url: str) -> None:
    """A spoken turn, a typed one that is refused, a synthesis, models, refusals and a 404."""
    http, bearer = Http(url), {"Authorization": f"Bearer {KEY}"}
    # A test of this Triton may have loaded it, and left it so.
    unload = "/vdx/models/tone-unused/unload"
    assert (await asyncio.to_thread(http.post, unload, **bearer))[0] == 200
    async with talking(url, api_key=KEY) as talk:
        done = await talk.full_turn()
        assert ANSWERED in done["response"]["output"][0]["content"][0]["transcript"]
        mark = len(talk.events)
        await _type(talk, TYPED)
        await talk.wait("response.done", after=mark)
        assert TYPED in (await talk.error(mark))["message"]
        session = talk.of("session.created")[0]["session"]["id"].removeprefix("sess_")
        path = f"/vdx/models/tone-unused/use?session={session}"
        assert (await asyncio.to_thread(http.post, path, **bearer))[0] == 200
    with pytest.raises(InvalidStatus):
        async with talking(url, f"vdx&key={QUERY}", api_key="wrong-key-0123456789"):
            pass

    def ask() -> None:
        body = json.dumps({"model": "tts-1", "voice": "alloy", "input": f"{SPOKEN}!"}).encode()
        headers = {"Content-Type": "application/json", **bearer}
        request = urllib.request.Request(f"{url}/v1/audio/speech", body, headers)  # noqa: S310
        urllib.request.urlopen(request, timeout=60).read()  # noqa: S310
        assert http.get(f"/nothing%1b?api_key={QUERY}")[0] == 404
        assert http.post(unload, **bearer)[0] == 200

    await asyncio.to_thread(ask)
    await asyncio.to_thread(eventually, lambda: "session closed" in vdx.output, "the last line")


LINES = (
    r"session opened .*profile=vdx .*session=\w+ transport=websocket",
    r"session closed .*reason=gone seconds=[\d.]+ session=\w+ .*turns=2",
    r"debug.*speech understood .*characters=11 session=\w+ .*utterance=\d",
    r"debug.*turn answered .*endpoint_ms=[\d.]+.* first_audio_ms=[\d.]+",
    r"debug.*reply ended .*characters=\d+ played_ms=\d+ .*status=completed",
    r"debug.*clause synthesized .*characters=\d+ first_ms=[\d.]+",
    r"info.*model loaded .*model=tone-unused ms=\d+",
    r"info.*model switched .*model=tone-unused sessions=1",
    r"info.*model unloaded .*model=tone-unused",
    (
        r"info.*request refused .*client=127\.0\.0\.1 code=unauthorized method=GET .*"
        r"path=/v1/realtime status=401"
    ),
    r"debug.*request .*method=GET ms=[\d.]+ path=/nothing%1b status=404",
    r"debug.*request .*method=POST ms=[\d.]+ path=/v1/audio/speech status=200",
    r"warning.*stage failed .*chat endpoint .*status 400'? .*service=responder",
)


@pytest.mark.parametrize("transcripts", [False, True])
async def test_every_event_has_a_line_and_words_only_where_asked_for(
    endpoint: str, transcripts: bool, triton: EmbeddedTriton, tmp_path: Path
) -> None:
    config = _config(endpoint, transcripts=transcripts)
    # The library's own switch for showing all it sends must not show it either.
    environ = {"OPENAI_API_KEY": CHAT_KEY, "OPENAI_LOG": "debug"}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=tmp_path, config=config, environ=environ) as vdx:
        await _everything(vdx, await asyncio.to_thread(vdx.url))
    for line in LINES:
        assert re.search(line, vdx.output), f"{line} not in\n{vdx.output}"
    for secret in (KEY, CHAT_KEY, QUERY, "wrong-key"):
        assert secret not in vdx.output
    assert [word for word in WORDS if word in vdx.output] == (
        [HEARD, ANSWERED] if transcripts else []
    )
    assert "Traceback" not in vdx.output


async def test_a_flood_of_refusals_is_counted_not_written(
    triton: EmbeddedTriton, tmp_path: Path
) -> None:
    config = {"server": {"api_keys": [KEY]}, "asr": {"model": "canned"}, "tts": {"voice": "tone"}}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=tmp_path, config=config) as vdx:
        http = Http(await asyncio.to_thread(vdx.url))

        def flood() -> None:
            for _ in range(200):
                assert http.get("/vdx/status")[0] == 401

        await asyncio.to_thread(flood)
        left_out = await asyncio.to_thread(vdx.said, r"lines left out +count=(\d+)")
        assert left_out is not None
        assert vdx.output.count("request refused") + int(left_out[1]) <= 200
        assert vdx.output.count("request refused") <= 60
