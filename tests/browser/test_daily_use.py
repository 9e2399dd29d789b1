"""What people do with the page all day, beside talking: settings, history, keys."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.listening import (
    becomes,
    expect_accessible,
    expect_no_faults,
    look_at,
    type_line,
)
from tests.browser.test_page import AXE
from tests.server.processes import Http
from vdx.core import settings
from vdx.core.config import ProfileConfig

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`

CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


async def test_a_profile_that_is_not_there_is_told_and_not_asked_for_again(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server + "/?model=nosuch")
    opened: list[str] = []
    page.on("websocket", lambda socket: opened.append(socket.url))
    await type_line(page, "hello")
    notice = page.locator('[data-topic="connection"]')
    await expect(notice).to_contain_text("there is no profile 'nosuch'")
    await expect(notice).to_contain_text("long")
    await expect(page.locator("#try-now")).to_have_count(0)
    await expect(page.locator("#state")).to_have_text("Ready")
    await page.wait_for_timeout(1_500)  # longer than the first wait before another attempt
    assert len(opened) == 1


async def test_escape_ends_the_answer_where_somebody_has_typed(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server + "/?model=long")
    await type_line(page, "one")
    reply = page.locator("#captions .vdx")
    await becomes(page, "document.body.dataset.mood === 'speaking'")
    assert await page.evaluate("document.activeElement.id") == "text"
    await page.keyboard.press("Escape")
    await expect(reply.locator("del")).to_have_count(1)
    await type_line(page, "two")
    await expect(reply).to_have_count(2)
    await becomes(page, "document.body.dataset.mood === 'speaking'")
    await page.keyboard.type("half a line")
    await page.keyboard.press("Escape")
    await expect(page.locator("#text")).to_have_value("half a line")
    await page.fill("#text", "")
    await page.focus("#voice")
    await page.keyboard.press("Escape")
    await expect(reply.last.locator("del")).to_have_count(1)


async def test_the_last_waterfall_opens_where_it_is_seen(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await expect(page.locator("#voice")).to_have_value("espeak")
    await page.evaluate(
        """for (let n = 0; n < 12; n++) {
          const stages = { pause_noticed: 60, endpoint: 200, final_transcript: 220, first_text: 240,
            first_voice: 290, first_audio: 300 };
          vdx.store.dispatch({ type: "typed", item: `i${n}`, text: "A line of a person." });
          vdx.store.dispatch({ type: "replying", reply: `r${n}`, delta: "A line of the bot." });
          vdx.store.dispatch({ type: "timed", reply: `r${n}`, gapMs: 300, stages });
        }"""
    )
    for width, height in ((1280, 800), (390, 844), (2560, 1440)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.evaluate("document.querySelector('#captions').scrollTop = 1e6")
        await page.locator("#captions summary").last.click()
        await becomes(page, LAST_WATERFALL_IS_SEEN)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.locator("#captions summary").last.click()  # closed again


LAST_WATERFALL_IS_SEEN = """(() => {
  const list = document.querySelector("#captions").getBoundingClientRect();
  const table = [...document.querySelectorAll("#captions table")].at(-1);
  const { top, bottom, height } = table.getBoundingClientRect();
  return height > 50 && top >= list.top && bottom <= list.bottom + 1;
})()"""


async def test_settings_are_taken_at_once_and_kept(
    server: str, open_page: OpenPage, tmp_path: Path
) -> None:
    page = await open_page(server, **CLIPBOARD)
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await page.click("#open-settings")
    await page.get_by_label("Instructions").fill("Speak like a pirate.")
    await page.keyboard.press("Tab")  # taken when the field is left
    await page.get_by_label("Answers come from").select_option("long")
    await becomes(
        page,
        """vdx.log.get().some(({ direction, type, json }) => direction === "in" &&
          type === "session.updated" && json.includes("pirate") &&
          json.includes('"responder":"long"'))""",
    )
    await type_line(page, "two")
    await expect(page.locator("#captions .vdx").last).to_contain_text("This is an answer")
    await page.get_by_label("Speaker or style").select_option("whisper")
    language = page.get_by_label("Language", exact=True)
    await language.select_option(label="Another …")
    await expect(language).to_be_focused()
    await page.keyboard.type("en-GB")
    await page.keyboard.press("Enter")
    for slider in ("Speed", "Patience", "Sensitivity"):
        await page.get_by_label(slider).press("ArrowRight")
    await page.get_by_label("Speaking interrupts the answer").uncheck()
    await page.get_by_label("The server removes echo").check()
    await becomes(
        page,
        """vdx.log.get().some(({ direction, type, json }) => direction === "in" &&
          type === "session.updated" && json.includes('"voice":"espeak/whisper"') &&
          json.includes('"speed":1.25') && json.includes('"echo_cancellation":true') &&
          json.includes('"language":"en-GB"'))""",
    )
    await _hear_it(page, "espeak/whisper", 1.25)
    mine = await _copied_profile(page, tmp_path)
    assert (mine.instructions, mine.voice) == ("Speak like a pirate.", "espeak/whisper")
    assert (mine.speed, mine.language) == (1.25, "en-GB")
    assert mine.echo_control is not None
    assert mine.echo_control.cancellation
    await page.click("#copy-link")
    await becomes(page, "navigator.clipboard.readText().then((text) => text.includes('model=vdx'))")
    await page.reload()
    await page.click("#open-settings")
    await expect(page.get_by_label("Instructions")).to_have_value("Speak like a pirate.")
    await page.click("#reset")
    await expect(page.get_by_label("Instructions")).to_have_value("")
    await page.keyboard.press("Escape")
    await expect(page.locator("#settings")).to_have_count(0)
    await expect_no_faults(page)


async def test_a_setting_that_is_refused_is_taken_back_and_hinders_no_other(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server)
    sent: list[str] = []

    def keep(frame: str | bytes) -> None:
        sent.append(str(frame))

    page.on("websocket", lambda socket: socket.on("framesent", keep))
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await page.click("#open-settings")
    language = page.get_by_label("Language", exact=True)
    await language.select_option(label="Automatic (pocketsphinx-en cannot tell)")
    notice = page.locator('[data-topic="settings"]')
    await expect(notice).to_contain_text("Not changed: Language.")
    await expect(notice).to_contain_text("cannot detect the language")
    await expect(language).to_have_value("")
    assert await _kept(page, "language") == ""
    await language.select_option(label="Another …")
    await language.fill("tlh")
    await language.press("Enter")
    await expect(notice).to_contain_text("tlh")
    await expect(language).to_have_value("tlh")  # to be mended
    assert await _kept(page, "language") == ""
    await page.get_by_label("Patience").press("ArrowRight")
    await becomes(page, CHANGED_SINCE)
    await expect(notice).to_have_count(0)
    assert await _kept(page, "patience") == 1.25
    # Leaving the field did not send again what was refused.
    assert len([frame for frame in sent if '"tlh"' in frame]) == 1
    # What another day has left: a language, a profile and a responder that are there no more.
    await page.evaluate(
        """localStorage.setItem("vdx-settings", JSON.stringify({
          profile: "gone", language: "tlh", responder: "gone", patience: 2 }))"""
    )
    await page.goto(server)
    await type_line(page, "two")
    await expect(page.locator("#captions .vdx").last).to_contain_text("two")
    await becomes(page, CHANGED_SINCE)
    kept = [await _kept(page, key) for key in ("profile", "language", "responder", "patience")]
    assert kept == ["", "", "", 2]
    for told in ("Profile", "Language", "Answers come from"):
        await becomes(page, f"notices.some((text) => text.includes('Not changed: {told}.'))")
    await expect_no_faults(page)


CHANGED_SINCE = """(() => {
  const events = vdx.log.get().filter(({ direction }) => direction === "in");
  const types = events.map(({ type }) => type);
  return events.at(types.lastIndexOf("session.updated"))?.json.includes('"pause_scale":') &&
    types.lastIndexOf("session.updated") > types.lastIndexOf("error");
})()"""
"""The patience was taken, after everything that was refused."""


async def _kept(page: Page, key: str) -> object:
    return await page.evaluate(f"JSON.parse(localStorage.getItem('vdx-settings')).{key}")


async def test_an_automatic_language_follows_what_is_spoken(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server + "/?models=all")
    await page.click("#open-settings")
    drawer = page.locator("#settings")
    await drawer.get_by_label("Recogniser").select_option("canned-detects")
    await drawer.get_by_label("Language", exact=True).select_option(label="Automatic")
    await page.get_by_role("button", name="Close the settings").click()
    await page.click("#talk")
    said = page.locator("#captions .you")
    await expect(said.filter(has_text="good morning").first).to_be_visible()
    await expect(said.filter(has_text="guten Morgen zusammen").first).to_be_visible()
    await expect(page.locator("#captions .vdx").last).to_contain_text("You said")
    changed = """vdx.log.get().find(({ type }) => type === "vdx.language.changed")?.json"""
    told = json.loads(await becomes(page, changed))
    assert told["language"] == "de"
    await page.click("#open-settings")
    await expect(drawer.get_by_label("Language", exact=True)).to_have_value("auto")
    await expect(page.locator(".notice")).to_have_count(0)
    await expect_no_faults(page)


async def _hear_it(page: Page, voice: str, speed: float) -> None:
    """Presses the button, and waits until the sample was heard to its end."""
    async with page.expect_response("**/v1/audio/speech") as hearing:
        await page.click("#hear")
    sample = (await hearing.value).request.post_data_json
    assert (sample["voice"], sample["speed"]) == (voice, speed)
    await expect(page.locator("#hear")).to_have_text("Hear it")
    await expect(page.locator(".notice")).to_have_count(0)


async def _copied_profile(page: Page, folder: Path) -> ProfileConfig:
    """What "copy as YAML profile" copies, as the program reads its configuration."""
    await page.click("#copy-yaml")
    await expect(page.locator("#settings .actions [role=status]")).to_have_text("Copied.")
    file = folder / "vdx.yaml"
    file.write_text(await page.evaluate("navigator.clipboard.readText()"))
    return settings.load(file, environ={}).config.profiles["mine"]


async def test_a_page_that_is_loaded_again_goes_on_where_it_was(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server)
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await expect(page.locator("#state")).to_have_text("Your turn")
    await page.reload()
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await type_line(page, "two")
    await expect(page.locator("#captions .aside")).to_have_text(
        "Connected again. The conversation goes on."
    )
    await expect(page.locator("#captions .vdx").last).to_contain_text("You said: two")
    ours = (await page.evaluate("vdx.store.get().session")).removeprefix("sess_")
    (session,) = (
        each for each in Http(server).get("/vdx/sessions")[1]["sessions"] if each["id"] == ours
    )
    assert session["messages"] >= 3  # "one", its answer, and "two"
    await page.click("#open-history")
    await expect(page.locator(".said li")).to_have_count(5)
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save as JSON").click()
    file = await (await saving.value).path()
    saved = json.loads(await asyncio.to_thread(file.read_text))
    assert [line["text"] for line in saved["lines"]][::2] == ["one", "two"]
    assert re.fullmatch(r"20\d\d-.*Z", saved["lines"][0]["at"])


async def test_push_to_talk_hears_only_while_it_is_held(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await page.click("#open-settings")
    await page.get_by_label("Push to talk: hold a key or the button").check()
    await page.get_by_role("button", name="Close the settings").click()
    await expect(page.locator("#talk")).to_have_text("Hold to talk")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.down("Space")
    await expect(page.locator("#captions .you")).not_to_be_empty()  # in the middle of a sentence
    await page.keyboard.up("Space")
    await becomes(page, "vdx.store.get().microphone === 'muted'")
    await expect(page.locator("#captions .vdx").first).to_contain_text("You said")
    await page.locator("#talk").hover()
    await page.mouse.down()
    await becomes(page, "vdx.store.get().microphone === 'open'")
    await page.mouse.up()
    await becomes(page, "vdx.store.get().microphone === 'muted'")
    await page.focus("#talk")
    await page.keyboard.down("Enter")
    await becomes(page, "vdx.store.get().microphone === 'open'")
    await page.focus("#text")  # the key comes up somewhere else
    await becomes(page, "vdx.store.get().microphone === 'muted'")
    await expect(page.locator(".notice")).to_have_count(0)


async def test_what_opens_beside_the_conversation_is_accessible(
    server: str, open_page: OpenPage
) -> None:
    axe = AXE.read_text()
    page = await open_page(server)
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await page.evaluate(
        """const stages = { first_audio: 300 };
        vdx.store.dispatch({ type: "timed", reply: "r", gapMs: 300, stages });
        const called = { arguments: `{"city": "${"Oslo".repeat(40)}"}`, call: "c" };
        vdx.store.dispatch({ type: "calling", name: "weather", ...called });
        const over = { output: "sunny", status: "failed", durationMs: 12 };
        vdx.store.dispatch({ type: "called", call: "c", ...over });
        const why = "the server does not answer.";
        vdx.store.dispatch({ type: "waiting", why, retryAt: 1e15 });"""
    )
    tool = page.locator("#captions .tool")
    await expect(tool.locator("summary")).to_have_text("weather 12 ms, failed")
    await tool.locator("summary").click()
    await expect(tool.locator("pre").first).to_contain_text('{"city": "Oslo')
    await expect(tool.locator("pre").last).to_have_text("sunny")
    await look_at(page, 1280, "light")
    await page.click("#open-settings")
    await expect(page.get_by_label("Profile")).to_have_value("vdx")
    await expect(page.get_by_label("Speaker or style")).to_be_visible()
    await expect_accessible(page, axe)
    await look_at(page, 390, "dark")
    await expect_accessible(page, axe)
    await page.get_by_role("button", name="Close the settings").click()
    await page.click("#open-history")
    called = page.locator(".said [data-who=tool]")
    await expect(called).to_contain_text('weather({"city": "Oslo')
    await expect(called).not_to_contain_text("`")  # Markdown is for the file
    for view in ("transcript", "latency", "events"):
        await page.click(f"#view-{view}")
        await look_at(page, 390, "dark")
        await expect_accessible(page, axe)
        await look_at(page, 1280, "light")
        await expect_accessible(page, axe)
    await page.fill("#event-filter", "session.created")
    await expect(page.locator(".events li")).to_have_count(1)
    await page.locator(".events summary").click()
    await expect(page.locator(".events code")).to_contain_text('"type":"session.created"')


async def test_other_languages_are_those_of_the_browser(server: str, open_page: OpenPage) -> None:
    page = await open_page(server, locale="de-DE", viewport={"width": 390, "height": 844})
    await expect(page.locator("#talk")).to_have_text("Sprechen")
    assert await page.evaluate("document.documentElement.lang") == "de"
    await page.click("#open-settings")
    await page.get_by_label("Sprache dieser Seite").select_option("fr")
    await expect(page.locator("#talk")).to_have_text("Parler")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
