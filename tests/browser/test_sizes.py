"""From a phone to a screen on a wall, light and dark: nothing sticks out, and lines can be read."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.listening import (
    Scheme,
    becomes,
    expect_accessible,
    expect_no_faults,
    type_line,
)
from tests.browser.test_page import AXE

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`

SIZES: tuple[tuple[int, int, Scheme], ...] = (
    *((390, 844, "dark"), (768, 1024, "light")),
    *((1280, 800, "dark"), (2560, 1440, "light"), (2560, 1440, "dark")),
)
ACCESSIBLE = frozenset({390, 2560})
"""Widths that axe looks at here; it looks at others in test_page.py."""
LONGEST_LINE_EM = 45
"""About ninety characters; WCAG 1.4.8 wants no more than eighty, of a usual width."""

FILL = """(() => {
  const words = "A line that is long enough to go from one end of the widest screen to the other. ";
  const stages = { pause_noticed: 60, endpoint: 200, final_transcript: 220, first_text: 240,
    first_voice: 290, first_audio: 300 };
  vdx.store.dispatch({ type: "typed", item: "i", text: words.repeat(4) });
  const called = { arguments: `{"city": "${"Oslo ".repeat(80)}"}`, call: "c" };
  vdx.store.dispatch({ type: "calling", name: "weather", ...called });
  const over = { output: words.repeat(4), status: "failed", durationMs: 12 };
  vdx.store.dispatch({ type: "called", call: "c", ...over });
  vdx.store.dispatch({ type: "replying", reply: "r", delta: words.repeat(4) });
  vdx.store.dispatch({ type: "timed", reply: "r", gapMs: 300, stages });
  vdx.notify("models", { text: words.repeat(4), command: `ssh ${"x".repeat(200)}` });
  for (const details of document.querySelectorAll("details")) details.open = true;
})()"""
"""A conversation with long lines of every kind."""

STICKS_OUT = """[...document.querySelectorAll("body *")].filter((each) => {
  const { left, right, width } = each.getBoundingClientRect();
  const hidden = !each.checkVisibility() || each.closest(".wide, .unseen, option") || !width;
  return !hidden && (right > innerWidth + 1 || left < -1);
}).map((each) => each.outerHTML.slice(0, 120))"""

TEXTS = "p, span, pre, code, li, summary"
LONG_LINES = f"""[...document.querySelectorAll("{TEXTS}")].filter((each) => {{
  const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || !each.checkVisibility() || each.closest("table, .cut-short")) return false;
  const range = document.createRange();
  range.selectNodeContents(each);
  const widest = Math.max(0, ...[...range.getClientRects()].map(({{ width }}) => width));
  return widest > {LONGEST_LINE_EM} * parseFloat(getComputedStyle(each).fontSize);
}}).map((each) => `${{each.className}} ${{each.outerHTML.slice(0, 120)}}`)"""


async def test_the_page_fits_every_screen(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await becomes(page, "document.body.dataset.mood === 'waiting'")
    for width, height, scheme in SIZES:
        await _resize(page, width, height, scheme)
        await _expect_in_view(page, ["#talk", "#text", "#send", "#open-settings", "#open-history"])
    await page.evaluate(FILL)
    for width, height, scheme in SIZES:
        await _resize(page, width, height, scheme)
        await _expect_fits(page)
        await page.click("#open-settings")
        await expect(page.get_by_label("Profile")).to_be_visible()
        await _expect_fits(page)
        await page.get_by_role("button", name="Close the settings").click()
        await page.click("#open-history")
        for view in ("events", "transcript", "latency"):
            await page.click(f"#view-{view}")
            await page.evaluate(OPEN_ALL)
            await _expect_fits(page)
        await page.locator("#history .panel-head button").click()
        if width in ACCESSIBLE:
            await expect_accessible(page, AXE.read_text())
    await expect_no_faults(page)


OPEN_ALL = 'for (const each of document.querySelectorAll(".panel details")) each.open = true;'


async def test_the_operators_page_fits_every_screen(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    operator = await open_page(server + "/operate")
    await expect(operator.locator("#sessions tbody tr").first).to_be_visible()
    for width, height, scheme in SIZES:
        await _resize(operator, width, height, scheme)
        await _expect_fits(operator)
        if width in ACCESSIBLE:
            await expect_accessible(operator, AXE.read_text())
    await expect_no_faults(operator)


async def _resize(page: Page, width: int, height: int, scheme: Scheme) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


async def _expect_fits(page: Page) -> None:
    """Nothing sticks out at the side, and no line is longer than the eye can follow."""
    size = page.viewport_size
    assert size is not None
    assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert await page.evaluate(STICKS_OUT) == []
    assert await page.evaluate(LONG_LINES) == []


async def _expect_in_view(page: Page, controls: list[str]) -> None:
    """They are there without scrolling; on a phone what is talked with comes first."""
    size = page.viewport_size
    assert size is not None
    for control in controls:
        box = await page.locator(control).bounding_box()
        assert box is not None, control
        assert box["y"] >= 0, control
        assert box["y"] + box["height"] <= size["height"], control
