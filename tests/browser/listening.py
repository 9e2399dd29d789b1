"""What the tests ask of an open page: how loud it was, what it went through, what it says."""

import asyncio
from typing import Any

from playwright.async_api import Page, expect

from tests.server.processes import PATIENCE_S

AUDIBLE = 0.01
"""Root mean square of full scale: far below a voice, far above silence."""


async def becomes(page: Page, condition: str, seconds: float = PATIENCE_S) -> Any:
    """Waits for a condition; `wait_for_function` would need eval, which the page forbids."""
    async with asyncio.timeout(seconds):
        while True:
            if found := await page.evaluate(condition):
                return found
            await asyncio.sleep(0.05)


async def is_audible(page: Page, times: int = 25) -> None:
    """Waits until the bot has been heard for about `times` fiftieths of a second."""
    await becomes(page, f"levels.filter(({{ rms }}) => rms > {AUDIBLE}).length >= {times}")


async def falls_silent(page: Page) -> None:
    """Waits for half a second without a sound, after there was one."""
    await becomes(
        page,
        f"levels.some(({{ rms }}) => rms > {AUDIBLE}) && "
        f"levels.slice(-25).every(({{ rms }}) => rms < {AUDIBLE})",
    )


async def moods(page: Page) -> list[str]:
    return [entry["mood"] for entry in await page.evaluate("moods")]


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


async def expect_accessible(page: Page, axe: str) -> None:
    """No violation that axe finds in the page as it stands."""
    await page.evaluate(axe)
    found = await page.evaluate("axe.run()")
    told = [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
    assert told == []
