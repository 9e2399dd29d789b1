"""What a user meets after the first command: released weights, voices of people, conversations."""

import asyncio
import re

import numpy as np
import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.listening import becomes, expect_no_faults, is_audible
from tests.browser.test_streaming_recogniser import GROWN, WATCH
from tests.server.processes import Http
from tests.server.talk import Event, Talk, talking, update
from vdx.bench import words
from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS
from vdx.bench.target import Target

VOICE, RECOGNISER = "en_US-joe-medium", "whisper-tiny.en"


def test_the_starters_are_the_defaults(http: Http) -> None:
    status = http.status()
    assert (status["voice"], status["recogniser"]) == (VOICE, RECOGNISER)
    _, listed = http.get("/vdx/models")
    states = {model["name"]: model["state"] for model in listed["models"]}
    assert (states[VOICE], states[RECOGNISER]) == ("READY", "READY")


async def test_people_and_replies_are_understood(server: str) -> None:
    """Recordings of people, and replies of the voice, transcribed back."""
    report = await words.measure(Target(server), spoken=10)
    # The tenth of the texts with numbers is too few for their reach, which is over all of them.
    for figure in report.figures[:2]:
        assert figure.values[0] <= figure.reach["max"], (figure, report.samples)


async def _turn(talk: Talk, name: str) -> tuple[str, Event]:
    """What was heard of a person's sentence, and the response that answered it."""
    mark = len(talk.events)
    done = await talk.full_turn(name)
    heard = await talk.wait("conversation.item.input_audio_transcription.completed", after=mark)
    return words.normalised(heard["transcript"]), done["response"]


async def test_a_person_is_understood_and_answered(server: str) -> None:
    async with talking(server) as talk:
        for name in ("ps_cards_002", "ps_something", "ps_goforward"):
            heard, response = await _turn(talk, name)
            assert response["status"] == "completed"
            said = words.normalised(response["output"][0]["content"][0]["transcript"])
            assert said.endswith(heard)
            sound = talk.audio(response["id"])
            assert np.abs(sound.astype(np.int32)).max() > 3_000
        assert heard == REFERENCE_TRANSCRIPTS["ps_goforward"]


@pytest.mark.parametrize(
    ("model", "change"),
    [
        pytest.param("espeak-en", {"output": {"voice": "espeak-en"}}, id="voice"),
        pytest.param(
            "pocketsphinx-en",
            {"input": {"transcription": {"model": "pocketsphinx-en"}}},
            id="recogniser",
            # A small Whisper takes its place, and gives way to it, in tests/server/test_voices.py.
            marks=pytest.mark.long,
        ),
    ],
)
async def test_real_models_are_swapped_in_mid_call(
    server: str, http: Http, model: str, change: Event
) -> None:
    """To a light engine and back, each while a reply is spoken."""
    assert (await asyncio.to_thread(http.post, f"/vdx/models/{model}/load"))[0] == 200
    back = {"output": {"voice": VOICE}, "input": {"transcription": {"model": RECOGNISER}}}
    async with talking(server) as talk:
        for wanted in (change, back):
            await talk.turn("ps_librivox_0880")
            await talk.wait("response.output_audio.delta")
            await update(talk, {"audio": wanted})
            done = await talk.wait("response.done")
            assert done["response"]["status"] == "completed"
            _, response = await _turn(talk, "ps_goforward")
            if voice := wanted.get("output", {}).get("voice"):
                assert response["audio"]["output"]["voice"] == voice
        heard, _ = await _turn(talk, "ps_goforward")
        assert heard == REFERENCE_TRANSCRIPTS["ps_goforward"]
        assert not talk.of("error")


@pytest.mark.asyncio(loop_scope="session")  # of `browsers`
async def test_a_person_talks_on_the_page(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await page.click("#talk")
    said = re.compile("[Gg]o forward (10|ten) meters")
    await expect(page.locator("#captions .you", has_text=said).first).to_be_visible()
    await expect(page.locator("#captions .vdx", has_text=said).first).to_be_visible()
    await is_audible(page)
    await expect_no_faults(page)


# Long: another recogniser of 44 MB is fetched and loaded. The same with tiny ones of every layout:
# tests/browser/test_streaming_recogniser.py, tests/server/test_streaming_recognisers.py.
@pytest.mark.long
async def test_a_recogniser_that_streams_takes_turns_with_whisper(
    server: str, moonshine: str
) -> None:
    """Released weights of both: each is heard right, in one call."""
    async with talking(server) as talk:
        for model in (moonshine, RECOGNISER, moonshine):
            await update(talk, {"audio": {"input": {"transcription": {"model": model}}}})
            for name in ("ps_something", "ps_goforward"):
                heard, response = await _turn(talk, name)
                assert response["status"] == "completed"
                assert heard == REFERENCE_TRANSCRIPTS[name], model
        assert not talk.of("error")


@pytest.mark.long
async def test_people_are_understood_by_a_recogniser_that_streams(
    server: str, moonshine: str
) -> None:
    report = await words.measure(Target(server), spoken=0, recogniser=moonshine)
    people = report.figures[0]
    assert people.values[0] <= people.reach["max"], report.samples


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")  # of `browsers`
async def test_words_of_a_released_model_grow_on_the_page(
    server: str, http: Http, moonshine: str, open_page: OpenPage
) -> None:
    """While a person speaks; Whisper takes its place in mid-call, and gives it back."""
    page = await open_page(server, script=WATCH)
    await page.click("#talk")
    said = re.compile("[Gg]o forward (10|ten) meters")
    for model in (moonshine, RECOGNISER, moonshine):
        status, _ = await asyncio.to_thread(http.post, f"/vdx/models/{model}/use")
        assert status == 200
        lines = await page.locator("#captions .you").count()
        await expect(page.locator("#captions .you").nth(lines)).to_contain_text(said)
    await becomes(page, GROWN)
    await expect_no_faults(page)
