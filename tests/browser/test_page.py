"""The page as a person uses it: real Chromium, real server, real models, a recorded voice."""

import asyncio
import re
import socket
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.server.processes import PATIENCE_S, Http, running

OWN_RATE = """
const original = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (stream) {
  if (this.sampleRate === 24000) throw new DOMException("rates differ", "NotSupportedError");
  return original.call(this, stream);
};
"""
"""A browser that opens microphones only at the device's rate, as Firefox did for years."""


async def becomes(page: Page, condition: str) -> None:
    """Waits for a condition; `wait_for_function` would need eval, which the page forbids."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await page.evaluate(condition):
                return
            await asyncio.sleep(0.05)


async def played(page: Page, samples: int) -> dict[str, float]:
    """The playback worklet's counters, once it has played so much."""
    await becomes(page, f"counters.played >= {samples}")
    found: dict[str, float] = await page.evaluate("counters")
    return found


async def expect_turn(page: Page) -> None:
    """Both sides of the first turn are written down alike."""
    said = page.locator("#captions .you").first
    await expect(said).to_contain_text("go forward", timeout=30_000)
    reply = page.locator("#captions .vdx").first
    await expect(reply).to_contain_text("You said: go forward", timeout=30_000)


async def type_line(page: Page, text: str) -> None:
    await page.fill("#text", text)
    await page.press("#text", "Enter")


async def expect_no_faults(page: Page) -> None:
    assert await page.evaluate("faults") == []


async def test_a_person_talks_and_is_answered(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.click("#talk")
    await expect_turn(page)
    heard = await played(page, 20_000)
    assert heard["peak"] > 0.05
    assert heard["overflows"] == 0
    await expect(page.locator("#gap")).to_have_text(re.compile(r"^\d+ ms$"))
    await expect(page.locator("#stages")).to_contain_text("first audio")
    assert await page.locator("#waterfall i").count() >= 4
    await expect(page.locator("#captions .vdx small").first).to_contain_text("ms")
    await expect(page.locator("#bar")).to_be_visible()
    states = await page.evaluate("states")
    order = ["connecting", "idle", "listening", "thinking", "speaking"]
    assert [state for state in states if state in order][: len(order)] == order
    assert all(url.startswith((server, "blob:", server.replace("http", "ws"))) for url in asked)
    await expect_no_faults(page)


async def test_a_microphone_that_keeps_its_rate(server: str, open_page: OpenPage) -> None:
    page = await open_page(server, script=OWN_RATE)
    await page.click("#talk")
    await expect_turn(page)
    assert await page.evaluate("microphone.source.context.sampleRate") > 24_000
    await expect_no_faults(page)


async def test_a_typed_line_takes_the_place_of_the_answer(server: str, open_page: OpenPage) -> None:
    page = await open_page(server + "/?model=long")
    await type_line(page, "one")
    replies = page.locator("#captions .vdx")
    await expect(replies).to_contain_text("This is an answer")
    await type_line(page, "two")
    await expect(replies).to_have_count(2)
    await expect(replies.first.locator("del")).to_have_count(1)
    await expect(page.locator("#notice")).to_be_hidden()
    await page.click("#end")
    await type_line(page, "three")
    await expect(replies).to_have_count(3)
    await expect(page.locator("#captions .aside")).to_have_count(0)


async def test_an_interrupted_answer_is_cut_where_it_was_cut(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server + "/?model=long")
    await page.click("#talk")
    cut = page.locator("#captions .vdx").first
    await expect(cut.locator("del")).not_to_be_empty(timeout=30_000)
    kept = str(await cut.evaluate("(line) => line.firstChild.textContent"))
    assert kept.startswith("This is an answer")
    assert "barged_in" in await page.evaluate("states")
    await becomes(page, "counters.frozen > 0")
    await expect_no_faults(page)


async def test_a_voice_is_swapped_in_the_middle(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await page.click("#talk")
    await expect_turn(page)
    await page.select_option("#voice", "tone")
    await expect(page.locator("#loading")).to_contain_text("tone from the next sentence on")
    [session] = Http(server).get("/vdx/sessions")[1]["sessions"]
    assert session["voice"] == "tone"
    await expect(page.locator('#voice optgroup[label="Loaded"]')).to_contain_text("tone")
    await expect(page.locator("#voice")).to_have_value("tone")
    await expect(page.locator("#recogniser option", has_text="tone")).to_have_count(0)


async def test_a_model_of_the_other_kind_is_not_taken(server: str, open_page: OpenPage) -> None:
    Http(server).post("/vdx/models/canned/unload")
    page = await open_page(server)
    await page.select_option("#voice", "canned")
    await expect(page.locator("#notice")).to_contain_text("canned is not a voice")
    await expect(page.locator("#voice")).to_have_value("espeak-en")


async def test_a_refused_microphone_leaves_typing(server: str, open_page: OpenPage) -> None:
    page = await open_page(server, "--deny-permission-prompts", microphone=False)
    await page.click("#talk")
    await expect(page.locator("#notice")).to_contain_text("The browser refused the microphone")
    await expect(page.locator("#talk")).to_have_text("Talk")
    await type_line(page, "<img src=x onerror=alert(1)> good morning")
    await expect(page.locator("#captions .you")).to_have_text(
        "<img src=x onerror=alert(1)> good morning"
    )
    await expect(page.locator("#captions .vdx")).to_contain_text("good morning")
    await played(page, 10_000)
    assert await page.locator("#captions img").count() == 0
    await expect_no_faults(page)


async def test_the_keyboard_is_enough(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    talk = page.locator("#talk")
    for label, pressed in (("Mute", "false"), ("Unmute", "true"), ("Mute", "false")):
        await page.keyboard.press("Space")
        await expect(talk).to_have_text(label)
        await expect(talk).to_have_attribute("aria-pressed", pressed)
    await page.focus("#text")
    await page.keyboard.type("a b")
    await expect(page.locator("#text")).to_have_value("a b")
    await expect(talk).to_have_text("Mute")
    await page.click("#end")
    await expect(talk).to_have_text("Talk")
    await expect(page.locator("#state")).to_have_text("Ready")


async def test_muted_means_unheard(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    sent: list[str | bytes] = []

    def keep(frame: str | bytes) -> None:
        sent.append(frame)

    page.on("websocket", lambda opened: opened.on("framesent", keep))
    await page.click("#talk")
    await becomes(page, "ready")
    await page.click("#talk")
    await page.wait_for_timeout(100)
    before = len(sent)
    await page.wait_for_timeout(3_000)
    assert before > 0
    assert sent[before:] == []


async def test_nothing_sticks_out_on_a_phone(server: str, open_page: OpenPage) -> None:
    page = await open_page(server, viewport={"width": 360, "height": 740})
    await type_line(page, "antidisestablishmentarianism" * 4)
    await expect(page.locator("#captions .vdx")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_it_reconnects_by_itself(
    arguments: tuple[str, ...], open_page: OpenPage, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    with running(*arguments, port, home=tmp_path) as first:
        page = await open_page(first.url())
        await type_line(page, "one")
        await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await expect(page.locator("#notice")).to_contain_text("The server is gone. Trying again")
    await expect(page.locator("#state")).to_have_text("Connecting")
    with running(*arguments, port, home=tmp_path) as second:
        second.url()
        await expect(page.locator("#notice")).to_be_hidden()
        await expect(page.locator("#captions .aside").first).to_contain_text("connection lost")
        await type_line(page, "two")
        await expect(page.locator("#captions .vdx").last).to_contain_text("You said: two")


async def test_far_away_it_asks_for_the_key_and_names_the_tunnel(
    arguments: tuple[str, ...], open_page: OpenPage, tmp_path: Path
) -> None:
    config = {"server": {"host": "0.0.0.0", "api_keys": ["open-sesame"]}}
    with running(*arguments, "0", home=tmp_path, config=config) as vdx:
        port = vdx.url().rsplit(":", 1)[1]
        page = await open_page(
            f"http://box.test:{port}", "--host-resolver-rules=MAP box.test 127.0.0.1"
        )
        command = f"ssh -L {port}:127.0.0.1:{port} user@box.test"
        await expect(page.locator("#notice code")).to_have_text(command)
        await expect(page.locator("#ask")).to_be_visible()
        await page.fill("#key", "open-sesame")
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask")).to_be_hidden()
        await expect(page.locator("#voice")).to_have_value("espeak-en")
        await page.click("#talk")
        await expect(page.locator("#notice code")).to_have_text(command)
        await type_line(page, "hello from afar")
        await expect(page.locator("#captions .vdx")).to_contain_text("hello from afar")


async def test_no_other_page_frames_it(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    answer = await page.request.get(server)
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    await page.goto("about:blank")
    await page.set_content(f'<iframe src="{server}"></iframe>')
    assert await page.frame_locator("iframe").locator("#talk").count() == 0
