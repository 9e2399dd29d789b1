"""Talking on the page as a person does: real Chromium, real servers, real models, a voice.

Every test is run over the WebSocket and in a LiveKit room, where some are long tests.
"""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import SOCKET_AND_LONG_ROOM, OpenPage
from tests.browser.listening import (
    becomes,
    expect_no_faults,
    expect_turn,
    is_audible,
    is_silent_for,
    moods,
    type_line,
    unchanged,
)
from tests.server.processes import Http

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`

FIRST_CUT = """() => [...document.querySelectorAll("#captions .vdx p")]
  .filter((line) => line.querySelector("del"))
  .map((line) => [line.childNodes[1].nodeName, line.childNodes[1].textContent,
                  line.querySelector("del").textContent])
  .filter(([name, kept]) => name === "#text" && kept.length > 17)
  .map(([, kept, struck]) => [kept, struck])[0]"""
"""What was kept and what was struck of the first answer that was cut after four words."""
REPEATED_S = 8.0
"""`person` has spoken again by then."""


async def test_a_person_talks_and_is_answered(place: str, open_page: OpenPage) -> None:
    page = await open_page(place, reduced_motion="no-preference")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.click("#talk")
    await expect_turn(page)
    await is_audible(page)
    await expect(page.locator("#captions .vdx .gap").first).to_have_text(re.compile(r"^\d+ ms$"))
    await page.locator("#captions .vdx summary").first.click()
    stages = page.locator("#captions .vdx tr")
    await expect(stages.filter(has_text="first audio sent").first).to_be_visible()
    assert await stages.count() >= 4
    await expect(page.locator("#meter .needed")).to_be_visible()
    await expect(page.locator("#meter .noise")).to_be_visible()
    await expect(page.locator("#quality")).to_contain_text("connection")
    turn = ["listening", "thinking", "speaking"]
    seen = [mood for mood in await moods(page) if mood in ("connecting", "idle", *turn)]
    assert seen[:2] == ["connecting", "idle"]
    assert turn in [seen[at : at + 3] for at in range(2, len(seen))]  # `expect_turn` says why
    assert all(url.startswith((place, place.replace("http", "ws"))) for url in asked)
    await expect_no_faults(page)


@SOCKET_AND_LONG_ROOM  # in rooms the cut itself: tests/livekit/test_conversation.py
async def test_an_interrupted_answer_is_cut_where_it_was_cut(
    place: str, open_page: OpenPage
) -> None:
    page = await open_page(place + "/?model=long")
    await page.click("#talk")
    await is_audible(page)
    # The first one of which enough was heard: on a busy machine an answer may end before the person
    # speaks again, or hardly have begun.
    found = await page.wait_for_function(FIRST_CUT, timeout=8 * REPEATED_S * 1000)
    kept, struck = await found.json_value()
    assert kept.startswith("This is an answer")
    assert kept.endswith(" ")  # what is struck begins with a word
    assert struck
    assert "interrupted" in await moods(page)
    # The pauses between its sentences are shorter than the silence of an interruption.
    paused = await becomes(page, "moods.find(({ mood }) => mood === 'interrupted')?.at")
    await is_silent_for(page, 700, since=paused)
    await expect_no_faults(page)


@SOCKET_AND_LONG_ROOM
async def test_an_uh_pauses_the_answer_and_nothing_is_lost(
    place: str, open_page: OpenPage, hesitant_person: Path
) -> None:
    page = await open_page(place + "/?model=long", voice=hesitant_person)
    await page.click("#talk")
    await is_audible(page)
    # Two, where a busy machine records with a gap: the answer is to all that was said before it.
    said = await page.locator("#captions .you").count()
    await becomes(page, "moods.some(({ mood }) => mood === 'interrupted')")
    paused = await becomes(page, "moods.find(({ mood }) => mood === 'interrupted').at")
    await becomes(page, f"moods.some(({{ mood, at }}) => mood === 'speaking' && at > {paused})")
    await becomes(page, f"levels.some(({{ rms, at }}) => at > {paused} + 400 && rms > 0.01)")
    await expect(page.locator("#captions .vdx")).to_have_count(1)
    await expect(page.locator("#captions del")).to_have_count(0)
    await expect(page.locator("#captions .you")).to_have_count(said)


@SOCKET_AND_LONG_ROOM
async def test_a_typed_line_takes_the_place_of_the_answer(place: str, open_page: OpenPage) -> None:
    page = await open_page(place + "/?model=long")
    await type_line(page, "one")
    replies = page.locator("#captions .vdx")
    await expect(replies).to_contain_text("This is an answer")
    await type_line(page, "two")
    await expect(replies).to_have_count(2)
    await expect(replies.first.locator("del")).to_have_count(1)
    await page.click("#stop")
    await expect(replies.last.locator("del")).to_have_count(1)
    await expect(page.locator(".notice")).to_have_count(0)
    await page.click("#end")
    await type_line(page, "three")
    await expect(replies).to_have_count(3)
    await expect(page.locator("#captions .aside")).to_contain_text("A new conversation.")


async def test_a_voice_is_swapped_in_the_middle(place: str, open_page: OpenPage) -> None:
    page = await open_page(place + "/?models=all")
    await page.click("#talk")
    await expect_turn(page)
    await page.select_option("#voice", "tone")
    await expect(page.locator("#loading")).to_contain_text("tone from the next sentence on")
    ours = (await page.evaluate("vdx.store.get().session")).removeprefix("sess_")
    sessions = Http(place).get("/vdx/sessions")[1]["sessions"]
    assert [session["voice"] for session in sessions if session["id"] == ours] == ["tone"]
    await expect(page.locator('#voice optgroup[label="In memory"]')).to_contain_text("tone")
    await expect(page.locator("#voice")).to_have_value("tone")
    await expect(page.locator('#recogniser option[value="tone"]')).to_have_count(0)


@SOCKET_AND_LONG_ROOM
async def test_muted_means_unheard(place: str, open_page: OpenPage) -> None:
    page = await open_page(place)
    await page.click("#talk")
    await expect(page.locator("#talk")).to_have_text("Mute")
    # The recording may have begun to speak before the session was there.
    await expect(page.locator("#state")).to_have_text(re.compile("Ready|Your turn|Listening"))
    await page.click("#talk")
    await becomes(page, "vdx.inputLevel() === 0")
    heard = await unchanged(page.locator("#captions .you"), REPEATED_S)
    assert await page.evaluate("vdx.inputLevel()") == 0
    await page.click("#talk")
    await expect(page.locator("#captions .you")).to_have_count(len(heard) + 1)


@SOCKET_AND_LONG_ROOM
async def test_another_microphone_in_the_middle(place: str, open_page: OpenPage) -> None:
    page = await open_page(place)
    await page.click("#talk")
    names = page.locator("#microphone option")
    await expect(names.nth(1)).to_contain_text("Fake")
    await page.select_option("#microphone", index=2)
    await becomes(page, "vdx.inputLevel() > 100")
    await expect_turn(page)
    await page.select_option("#speaker", index=1)
    await expect_no_faults(page)
