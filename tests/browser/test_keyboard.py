"""The page and the operator's page with the keyboard alone."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.keyboard import walk
from tests.browser.listening import becomes, expect_no_faults, type_line
from tests.browser.test_sizes import FILL
from tests.server.processes import Http

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`

PHONE, WIDE = (390, 844), (1280, 800)


async def _resize(page: Page, size: tuple[int, int]) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})


async def test_every_control_is_come_to_seen_and_marked(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
    await becomes(page, "document.body.dataset.mood === 'waiting'")
    await page.evaluate(FILL)
    for size in (PHONE, WIDE):
        await _resize(page, size)
        found = await walk(page)
        assert found.faults == ([], [], [])
        assert {"open-history", "open-settings", "talk", "text", "voice"} <= {*found.stops}
        await _expect_panel_walked(page, "settings", {"hear", "copy-yaml", "reset"})
        await _expect_panel_walked(page, "history", {"view-latency", "copy-transcript"})
    await expect_no_faults(page)


async def _expect_panel_walked(page: Page, panel: str, controls: set[str]) -> None:
    """Opened, gone through and closed by keyboard; the focus is where it was before."""
    opener = page.locator(f"#open-{panel}")
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(f"#{panel} h2").first).to_be_focused()
    views = ("latency", "events", "transcript") if panel == "history" else ("",)
    for view in views:
        if view:
            await page.locator(f"#view-{view}").press("Enter")
        found = await walk(page)
        assert found.faults == ([], [], [])
    assert controls <= {*found.stops}
    await page.locator(f"#{panel} .panel-head button").focus()
    await page.keyboard.press("Escape")
    await expect(page.locator(f"#{panel}")).to_have_count(0)
    await expect(opener).to_be_focused()


async def test_each_kind_of_control_is_operated(server: str, open_page: OpenPage) -> None:
    page = await open_page(server)
    await expect(page.locator("#voice")).to_have_value("espeak")
    await page.locator("#open-settings").press("Enter")
    push = page.get_by_label("Push to talk: hold a key or the button")
    await push.focus()
    await page.keyboard.press("Space")
    await expect(push).to_be_checked()
    await expect(page.locator("#talk")).to_have_text("Hold to talk")
    await page.keyboard.press("Space")
    await expect(push).not_to_be_checked()
    profile = page.get_by_label("Profile")
    await profile.focus()
    await page.keyboard.type("long")  # a menu is chosen from by its letters
    await becomes(page, "location.search.includes('model=long')")
    await expect(profile).to_be_focused()
    hear = page.locator("#hear")
    await hear.focus()
    await page.keyboard.press("Enter")
    await expect(hear).not_to_have_text("Hear it")
    await expect(hear).to_have_text("Hear it")
    await expect(hear).to_be_focused()  # it can be pressed again
    await page.locator("#settings .panel-head button").press("Enter")
    await expect(page.locator("#open-settings")).to_be_focused()
    await expect(page.locator(".notice")).to_have_count(0)
    await expect_no_faults(page)


async def test_an_operator_needs_no_mouse(server: str, open_page: OpenPage) -> None:
    Http(server).post("/vdx/models/tone-unused/unload")
    page = await open_page(server + "/operate")
    row = page.locator('[data-model="tone-unused"]')
    await expect(row).to_be_visible()
    for size in (PHONE, WIDE):
        await _resize(page, size)
        found = await walk(page)
        assert found.faults == ([], [], [])
        assert {"Load: tone-unused", "Models"} <= {*found.stops}
    await row.get_by_role("button", name="Load: tone-unused", exact=True).press("Enter")
    reload = row.get_by_role("button", name="Reload: tone-unused", exact=True)
    await expect(reload).to_be_focused()  # in its place; not the top of the page
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(row.get_by_role("button", name="Unload: tone-unused", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    load = row.get_by_role("button", name="Load: tone-unused", exact=True)
    await expect(load).to_be_visible()
    await expect(load).to_be_focused()
    await expect_no_faults(page)
