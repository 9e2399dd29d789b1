"""The page for who hears it or sees it large: names, roles, what is announced, the tab order."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.listening import becomes, expect_accessible, expect_no_faults, type_line
from tests.browser.test_page import AXE
from tests.browser.tree import announced, nameless, of_role, read_tree

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`

SIZES = ((390, 844), (1100, 640), (2560, 1440))
"""A phone, a laptop and a screen on a wall."""
WIDE = 1280
"""From here on a panel stands beside the conversation."""


async def test_a_screen_reader_finds_its_way(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await expect(page.locator("#voice")).to_have_value("espeak")
    await becomes(page, "navigator.mediaDevices !== undefined")
    things = await read_tree(page)
    assert nameless(things) == []
    for landmark in ("banner", "navigation", "main"):
        assert len(of_role(things, landmark)) == 1, landmark
    assert of_role(things, "region") == ["Talk", "Levels", "Models", "Devices"]
    assert of_role(things, "heading") == ["vdx", "Levels"]
    assert of_role(things, "log") == ["Captions"]
    # They are there before anything is written into them, or it would not be read out; captions
    # are none, for a reader would speak into the microphone and over the answer.
    assert announced(things) == {"alert": "assertive", "status": "polite"}
    (talk,) = (each for each in things if each.name == "Talk" and each.role == "button")
    assert talk.properties["describedby"] == "advice"


async def test_what_goes_wrong_is_announced_with_its_way_out(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server, locale="fr-FR")
    await expect(page.locator("#voice")).to_have_value("espeak")
    await page.evaluate(
        """const why = "le serveur ne répond pas.";
        vdx.store.dispatch({ type: "waiting", why, retryAt: 1e15 });"""
    )
    await expect(page.locator("#try-now")).to_be_visible()
    things = await read_tree(page)
    (button,) = (
        each for each in things if each.role == "button" and each.name == "Essayer maintenant"
    )
    assert "alert" in button.parents
    counted = [each for each in things if "alert" in each.parents and "1e" in each.name]
    assert counted == []  # the seconds, which change all the time


@pytest.mark.parametrize("panel", ["settings", "history"])
async def test_an_open_panel_hides_nothing_that_can_be_reached(
    server: str, open_page: OpenPage, panel: str
) -> None:
    page = await open_page(server, reduced_motion="reduce")
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await becomes(page, "document.body.dataset.mood === 'waiting'")
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await _expect_reachable(page, panel, covers=width < WIDE)
    await expect_no_faults(page)


async def _expect_reachable(page: Page, panel: str, *, covers: bool) -> None:
    """Opens the panel by keyboard, goes through it with the Tab key, and closes it."""
    opener = page.locator(f"#open-{panel}")
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(f"#{panel} h2").first).to_be_focused()
    await page.evaluate("vdx.notify('models', { text: 'The voice is gone.' })")
    await expect(page.locator(".notice")).to_be_visible()
    things = await read_tree(page)
    assert nameless(things) == []
    assert ("Talk" in of_role(things, "button")) != covers
    assert len(of_role(things, "complementary")) == 1
    assert any("gone" in each.name for each in things if "alert" in each.parents)
    for _ in range(40):
        await page.keyboard.press("Tab")
        assert await page.evaluate(IN_SIGHT)
    await expect_accessible(page, AXE.read_text())
    await page.locator(f"#{panel} .panel-head button").focus()
    await page.keyboard.press("Escape")
    await expect(page.locator(f"#{panel}")).to_have_count(0)
    await expect(opener).to_be_focused()


IN_SIGHT = """(() => {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return true;
  const { left, right, top, bottom } = focused.getBoundingClientRect();
  const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
  const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
  const there = document.elementFromPoint(x, y);
  return focused.contains(there) || there?.contains(focused) || there?.control === focused;
})()"""
"""Whether what has the focus is seen: nothing lies over its middle."""


async def test_the_line_to_type_in_is_in_view(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await expect(page.locator("#voice")).to_have_value("espeak")
    for height in (620, 900):
        await page.set_viewport_size({"width": 1100, "height": height})
        box = await page.locator("#say").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= height


async def test_a_page_that_nothing_sounds_on_draws_nothing(
    server: str, open_page: OpenPage
) -> None:
    page = await open_page(server)
    await expect(page.locator("#voice")).to_have_value("espeak")
    assert await _levels_read(page) == 0
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    drawn = await _levels_read(page)
    # In every frame it would be sixty times and more, and once for each of two meters.
    assert 0 < drawn < 45


async def _levels_read(page: Page) -> int:
    """At how many moments of a second the page read the person's level, to draw it."""
    found: int = await page.evaluate(
        """new Promise((done) => {
          let moments = 0;
          let last = -100;
          const level = vdx.inputLevel.bind(vdx);
          vdx.inputLevel = () => {
            const now = performance.now();
            if (now - last > 5) moments++;
            last = now;
            return level();
          };
          setTimeout(() => {
            delete vdx.inputLevel;
            done(moments);
          }, 1000);
        })"""
    )
    return found
