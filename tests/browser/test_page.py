"""The page itself: what refuses is told in words, everybody can use it, and nothing leaks in."""

import json
import re
import struct
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.listening import (
    LOOKS,
    expect_accessible,
    expect_no_faults,
    expect_turn,
    is_audible,
    look_at,
    type_line,
)
from tests.server.processes import Http
from vdx.core.paths import PACKAGE

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`

AXE = PACKAGE.parent / "web" / "node_modules" / "axe-core" / "axe.min.js"


async def test_a_menu_holds_models_of_its_kind(server: str, open_page: OpenPage) -> None:
    Http(server).post("/vdx/models/canned/unload")
    page = await open_page(server + "/?models=all")
    canned = re.compile("^canned$")
    await expect(page.locator("#recogniser option", has_text=canned)).to_have_count(1)
    await expect(page.locator("#voice option", has_text=canned)).to_have_count(0)
    await expect(page.locator("#voice")).to_have_value("espeak")


async def test_a_refused_microphone_leaves_typing(server: str, open_page: OpenPage) -> None:
    page = await open_page(server, microphone=False)
    await page.click("#talk")
    await expect(page.locator(".notice")).to_contain_text("The browser refused the microphone")
    await expect(page.locator("#talk")).to_have_text("Talk")
    await type_line(page, "<img src=x onerror=alert(1)> **good** morning")
    await expect(page.locator("#captions .you p")).to_have_text(
        "You<img src=x onerror=alert(1)> **good** morning"
    )
    await expect(page.locator("#captions .vdx")).to_contain_text("good morning")
    await expect(page.locator("#captions .vdx strong")).to_have_text("good")
    await is_audible(page)
    assert await page.locator("#captions img").count() == 0
    await expect_no_faults(page)


async def test_the_keyboard_is_enough(server: str, open_page: OpenPage, nobody: Path) -> None:
    page = await open_page(server, voice=nobody)  # a turn would add its details to the tab order
    talk = page.locator("#talk")
    await expect(talk).to_have_text("Talk")
    for label in ("Mute", "Unmute", "Mute"):  # what a press does now
        await page.keyboard.press("Space")
        await expect(talk).to_have_text(label)
    await page.focus("#text")
    await page.keyboard.type("a b")
    await expect(page.locator("#text")).to_have_value("a b")
    await expect(talk).to_have_text("Mute")
    reached = []
    await page.locator("#talk").focus()
    for _ in range(9):
        reached.append(await page.evaluate("document.activeElement.id"))
        await page.keyboard.press("Tab")
    assert reached == [
        *("talk", "end", "captions", "text", "send"),
        *("voice", "recogniser", "microphone", "speaker"),
    ]
    await page.locator("#end").focus()
    await page.keyboard.press("Enter")
    await expect(talk).to_have_text("Talk")
    await expect(page.locator("#state")).to_have_text("Ready")


async def test_it_is_accessible(server: str, open_page: OpenPage) -> None:
    axe = AXE.read_text()
    page = await open_page(server, viewport={"width": 360, "height": 800}, color_scheme="light")
    await expect(page.locator("#voice")).to_have_value("espeak")
    await expect_accessible(page, axe)
    await page.click("#talk")
    await expect_turn(page)
    await page.click("#end")
    await page.locator("#captions summary").first.click()
    await page.evaluate("vdx.notify('answer', { text: 'Something went wrong.', command: 'ssh' })")
    for width, scheme in LOOKS:
        await look_at(page, width, scheme)
        await expect_accessible(page, axe)
        paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) < 384) == (scheme == "dark")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_nothing_sticks_out_on_a_phone(server: str, open_page: OpenPage) -> None:
    page = await open_page(server, viewport={"width": 320, "height": 640})
    await type_line(page, "antidisestablishmentarianism" * 4)
    await expect(page.locator("#captions .vdx")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_it_can_be_installed_as_an_application(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    browser = await page.context.new_cdp_session(page)
    manifest = await browser.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"] == f"{server}/manifest.webmanifest"
    told = json.loads(manifest["data"])
    assert told["display"] == "standalone"
    for icon in told["icons"]:
        answer = await page.request.get(f"{server}/{icon['src']}")
        assert answer.headers["content-type"] == icon["type"]
        width, height = struct.unpack(">II", (await answer.body())[16:24])  # of a PNG's head
        assert icon["sizes"] == f"{width}x{height}"
    problems = (await browser.send("Page.getInstallabilityErrors"))["installabilityErrors"]
    assert problems == []


async def test_no_other_page_frames_it(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    answer = await page.request.get(server)
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    await page.goto("about:blank")
    await page.set_content(f'<iframe src="{server}"></iframe>')
    assert await page.frame_locator("iframe").locator("#talk").count() == 0


async def test_files_are_kept_by_the_browser_and_the_page_is_not(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server)
    answers = {}
    page.on("response", lambda answer: answers.update({answer.url: answer.headers}))
    await page.reload()
    await expect(page.locator("#voice")).to_have_value("espeak")
    scripts = [headers for url, headers in answers.items() if url.endswith(".js")]
    assert scripts
    for headers in scripts:
        assert "immutable" in headers["cache-control"]
        assert headers["content-encoding"] == "gzip"
    assert answers[server + "/"]["cache-control"] == "no-cache"
