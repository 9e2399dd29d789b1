"""Two Tritons of one `vdx up`, of which one is killed while sessions speak and are heard."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import yaml

from tests.server.processes import LONG_ANSWER, Http, Vdx, eventually, running
from tests.server.talk import Talk, clip, talking

SPEAKING = 3
MOST_OFF_S = 0.6
"""How much longer or shorter a reply may be for being spoken by two: the pauses at the break."""


@pytest.fixture(scope="module")
def vdx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    home = tmp_path_factory.mktemp("two")
    (home / "answers.yaml").write_text(yaml.safe_dump([LONG_ANSWER]))
    script = {"kind": "script", "script": {"path": str(home / "answers.yaml")}}
    models = ("--voice", "espeak", "--recogniser", "canned")
    arguments = ("up", "--tritons", "2", *models, "--no-proof", "--port", "0")
    profiles = {"vdx": {}, "long": {"responder": script}}
    config = {"profiles": profiles, "endpointing": {"model": "none"}}
    with running(*arguments, home=home, config=config) as vdx:
        vdx.url()
        yield vdx
        assert vdx.interrupt() == 0, vdx.output
        assert "Traceback" not in vdx.output, vdx.output


def servers(http: Http) -> dict[str, int]:
    """The Tritons that run -> their processes."""
    return {each["server"]: each["pid"] for each in http.status()["tritons"] if each["pid"]}


def speakers(http: Http) -> dict[str, list[str]]:
    """Server -> the sessions whose voice is there."""
    found: dict[str, list[str]] = {}
    for route in http.get("/vdx/routes")[1]["routes"]:
        if route["kind"] == "tts":
            found.setdefault(route["server"], []).append(route["session"])
    return found


async def test_one_is_killed_and_every_reply_goes_on(vdx: Vdx) -> None:
    http = Http(vdx.url())
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        speaking = [await enter(talking(http.url, "long")) for _ in range(SPEAKING)]
        listening = await enter(talking(http.url))
        talks = [*speaking, listening]
        calm = await speaking[0].full_turn()
        for talk in speaking:
            await talk.turn()
        await listening.append(clip("ps_cards_001", listening.rate)[:20_000])
        for talk in speaking:
            mark = len(talk.events) - 1
            await talk.wait("response.output_audio.delta", after=mark, count=20)
        placed = await asyncio.to_thread(speakers, http)
        assert len(placed) == 2, "sessions are spread over both"
        before = servers(http)
        killed = max(placed, key=lambda name: len(placed[name]))
        os.kill(before[killed], signal.SIGKILL)
        await listening.append(clip("ps_cards_001", listening.rate)[20_000:])
        expected = len(speaking[0].audio(calm["response"]["id"]))
        for talk in speaking:
            done = await talk.wait("response.done", count=2 if talk is speaking[0] else 1)
            assert done["response"]["status"] == "completed"
            text = done["response"]["output"][0]["content"][0]["transcript"]
            assert text == LONG_ANSWER
            off = abs(len(talk.audio(done["response"]["id"])) - expected) / talk.rate
            assert off < MOST_OFF_S, "nothing is left out, and nothing said twice"
        heard = await listening.wait("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"]
        # A clause that was being computed tells of the failure, and goes on all the same; so does a
        # wait of some length for a model.
        for talk in talks:
            told = [error["error"]["code"] for error in talk.of("error")]
            assert told in ([], ["unavailable"], ["unavailable"] * 2), vdx.output
        eventually(lambda: len(servers(http)) == 2 and servers(http) != before, "started anew")
        assert (await listening.wait("response.done"))["response"]["status"] == "completed"
    names = {entry["name"] for entry in http.get("/vdx/servers")[1]["servers"]}
    eventually(lambda: set(servers(http)) == names, "both are announced")


async def test_a_session_that_begins_later_finds_both(vdx: Vdx) -> None:
    http = Http(vdx.url())

    def ready() -> bool:
        found = http.get("/vdx/servers")[1]["servers"]
        return len(found) == 2 and all(
            entry["models"]["espeak"]["state"] == "resident" for entry in found
        )

    await asyncio.to_thread(eventually, ready, "the voice is resident on both")
    async with contextlib.AsyncExitStack() as stack:
        talks: list[Talk] = [
            await stack.enter_async_context(talking(http.url)) for _ in range(SPEAKING)
        ]
        done = await talks[0].full_turn()
        assert done["response"]["status"] == "completed"
        # Where one's first audio was later everybody may be with the quicker one; the other is
        # found as soon as that one drains.
        placed = await asyncio.to_thread(speakers, http)
        drained = max(placed, key=lambda name: len(placed[name]))
        status, _ = await asyncio.to_thread(http.post, f"/vdx/servers/{quote(drained)}/drain")
        assert status == 200
        for done in await asyncio.gather(*(talk.full_turn() for talk in talks)):
            assert done["response"]["status"] == "completed"
        placed = await asyncio.to_thread(speakers, http)
        assert placed.keys() == servers(http).keys() - {drained}
