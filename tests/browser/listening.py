"""What the tests ask of an open page: how loud it was, what it went through, what it says."""

import asyncio
import re
from typing import Any, Literal

from playwright.async_api import Locator, Page, expect

from tests.wait_limit import WAIT_LIMIT_S

Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[int, Scheme], ...] = (
    *((360, "light"), (1280, "dark")),
    *((360, "dark"), (1280, "light")),
)
"""Widths in pixels and colours in which a page is looked at."""

AUDIBLE = 0.01
"""Root mean square of full scale: far below a voice, far above silence."""


async def becomes(page: Page, condition: str, seconds: float = WAIT_LIMIT_S) -> Any:
    """Waits for a condition; `wait_for_function` would need eval, which the page forbids."""
    async with asyncio.timeout(seconds):
        while True:
            if found := await page.evaluate(condition):
                return found
            await asyncio.sleep(0.05)


async def is_audible(page: Page, times: int = 10) -> None:
    """Waits until the bot has been heard for about `times` fiftieths of a second."""
    await becomes(page, f"levels.filter(({{ rms }}) => rms > {AUDIBLE}).length >= {times}")


async def is_silent_for(page: Page, ms: int, *, since: float = 0) -> None:
    """Waits until there were so many milliseconds without a sound after the time `since`."""
    await becomes(
        page,
        f"""levels.some((first, index) => {{
          if (first.at < {since}) return false;
          const end = levels.findIndex(({{ at }}, i) => i > index && at - first.at > {ms});
          return end > 0 && levels.slice(index, end).every(({{ rms }}) => rms < {AUDIBLE});
        }})""",
    )


async def unchanged(lines: Locator, seconds: float) -> list[str]:
    """The texts of these lines once they have stayed the same for so long."""
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            before = await lines.all_inner_texts()
            await asyncio.sleep(seconds)
            if await lines.all_inner_texts() == before:
                return before


async def told(page: Page, words: str) -> None:
    """Waits until a notice said so, were it only for a moment."""
    await becomes(page, f"notices.some((text) => text.includes({words!r}))")


async def moods(page: Page) -> list[str]:
    return [entry["mood"] for entry in await page.evaluate("moods")]


async def expect_turn(page: Page) -> None:
    """Both sides of a turn are written down alike; a busy machine may garble one or two."""
    said = page.locator("#captions .you", has_text="forward").first
    await expect(said).to_be_visible()
    reply = page.locator("#captions .vdx", has_text=re.compile("You said: .*forward")).first
    await expect(reply).to_be_visible()


async def type_line(page: Page, text: str) -> None:
    await page.fill("#text", text)
    await page.press("#text", "Enter")


async def look_at(page: Page, width: int, scheme: Scheme) -> None:
    """Gives the open page another size and colours, which is cheaper than opening it again."""
    await page.set_viewport_size({"width": width, "height": 844})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


async def expect_no_faults(page: Page) -> None:
    assert await page.evaluate("faults") == []


async def expect_accessible(page: Page, axe: str) -> None:
    """No violation that axe finds in the page as it stands."""
    await page.evaluate(axe)
    found = await page.evaluate("axe.run()")
    told = [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
    assert not told, "\n".join(told)
