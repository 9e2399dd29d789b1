"""What people do with the page all day, beside talking: settings, history, keys, the operator."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.listening import (
    LOOKS,
    becomes,
    expect_accessible,
    expect_no_faults,
    look_at,
    type_line,
)
from tests.browser.test_page import AXE
from tests.browser.tree import nameless, of_role, read_tree
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
        const why = "the server does not answer.";
        vdx.store.dispatch({ type: "waiting", why, retryAt: 1e15 });"""
    )
    await look_at(page, 1280, "light")
    await page.click("#open-settings")
    await expect(page.get_by_label("Profile")).to_have_value("vdx")
    await expect(page.get_by_label("Speaker or style")).to_be_visible()
    await expect_accessible(page, axe)
    await look_at(page, 390, "dark")
    await expect_accessible(page, axe)
    await page.get_by_role("button", name="Close the settings").click()
    await page.click("#open-history")
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


async def test_an_operator_sees_and_ends_a_conversation(server: str, open_page: OpenPage) -> None:
    page = await open_page(server + "/?model=long")
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("This is an answer")
    ours = (await page.evaluate("vdx.store.get().session")).removeprefix("sess_")
    operator = await open_page(server + "/operate")
    row = operator.locator("#sessions tbody tr", has_text=ours)
    await expect(row).to_contain_text("long")
    for width, scheme in LOOKS[2:]:
        await look_at(operator, width, scheme)
        await expect_accessible(operator, AXE.read_text())
        assert await operator.evaluate("document.documentElement.scrollWidth") <= width
    things = await read_tree(operator)
    assert nameless(things) == []
    groups = ["Load", "Sessions", "Servers", "Models", "Updates"]
    assert of_role(things, "region") == groups
    operator.on("dialog", lambda dialog: dialog.accept())
    await row.get_by_role("button").focus()
    await operator.keyboard.press("Enter")
    await expect(row).to_have_count(0)
    notice = page.locator('[data-topic="connection"]')
    await expect(notice).to_contain_text("an operator ended it")
    await expect_no_faults(operator)


async def test_an_operator_loads_drains_and_updates_models(
    server: str, open_page: OpenPage
) -> None:
    Http(server).post("/vdx/models/tone/load")
    page = await open_page(server + "/operate", viewport={"width": 390, "height": 844})
    canned = page.locator('[data-model="canned"]')
    await expect(canned).to_be_visible()
    if await canned.get_attribute("data-loaded") is None:
        await canned.get_by_role("button", name="Load: canned", exact=True).click()
    await canned.get_by_role("button", name="Unload: canned", exact=True).click()
    await expect(canned.get_by_role("button", name="Load: canned", exact=True)).to_be_visible()
    drained = page.locator("#servers tbody tr").first
    await drained.get_by_role("button", name=re.compile("^Drain: ")).click()
    await expect(drained).to_contain_text("is drained")
    await drained.get_by_role("button", name=re.compile("^Take conversations again: ")).click()
    await expect(drained).to_contain_text("takes conversations")

    update = page.locator("#update")
    updated = page.locator("#updates tbody tr").first
    await update.get_by_label("Model to replace").select_option("tone")
    await update.get_by_label("By").select_option("tone-fast")
    await update.get_by_label("Share").fill("25")
    await update.get_by_label("Share").press("Enter")
    await expect(updated).to_contain_text("on trial, 25 %")
    await page.get_by_role("button", name="Go back to the old version of tone").click()
    await expect(updated).to_contain_text("an operator ended it")
    await update.get_by_label("By").select_option("espeak-en")
    await update.get_by_role("button", name="Update").click()
    await expect(updated).to_contain_text("it was not loaded: espeak-en lacks")
    await expect(updated).to_have_attribute("data-state", "rolled back")
    await expect_accessible(page, AXE.read_text())
    await expect_no_faults(page)
