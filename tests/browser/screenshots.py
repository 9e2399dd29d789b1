"""Pictures of the page for README and docs: `python -m tests.browser.screenshots ADDRESS FOLDER`.

ADDRESS is that of a running `vdx up` with Whisper, best with `?model=NAME` of a profile that
answers from a script. A picture with words that were misheard, or with failures of the server,
is not taken.
"""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from playwright.async_api import Browser, Page, Playwright, async_playwright

from tests.browser.browsers import write_person
from tests.browser.conftest import find_chromium
from tests.browser.listening import becomes

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1120, "height": 760}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1120, "height": 760}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}

SUFFIXES = {"light": "", "dark": "-dark", "phone": "-phone"}
ATTEMPTS = 4

FIRST_WORDS = re.compile(r"\bgo forward (ten|10) met(er|re)s\b", re.IGNORECASE)
"""What the person of the recording says first."""


def require_heard(captions: str) -> None:
    """Raises ValueError where the first words in the captions are not those that were said."""
    said = captions.partition("\nvdx\n")[0]
    if not FIRST_WORDS.search(said):
        raise ValueError(f"misheard, no picture is taken: {said!r}")


async def take(browser: Browser, address: str, name: str, folder: Path) -> None:
    """One conversation with an interruption, and its pictures; raises as `require_heard`."""
    page: Page = await browser.new_page(**VIEWS[name])
    await page.goto(address)
    await page.click("#talk")
    await becomes(page, "document.querySelectorAll('#captions del').length > 0", 60)
    require_heard(await page.locator("#captions").inner_text())
    await page.locator("#captions summary").first.click()
    await becomes(page, "document.body.dataset.mood === 'speaking'", 60)
    await becomes(page, "vdx.outputLevel() > 0.1")
    await page.screenshot(path=folder / f"page-{name}.png")
    await take_panels(page, name, folder)
    if name == "light":
        await take_operator(browser, address, folder)
    await page.close()


async def take_panels(page: Page, name: str, folder: Path) -> None:
    """What opens beside the conversation; on a phone it takes the whole screen."""
    if name != "phone":
        await page.set_viewport_size({"width": 1440, "height": 900})
    await page.click("#open-settings")
    await becomes(page, "document.querySelector('#settings textarea')?.placeholder !== ''", 60)
    await page.screenshot(path=folder / f"page-settings{SUFFIXES[name]}.png")
    await page.locator("#settings .panel-head button").click()
    await page.click("#open-history")
    await page.click("#view-latency")
    await page.locator("#history summary").first.click()
    await page.screenshot(path=folder / f"page-history{SUFFIXES[name]}.png")


def require_no_failure(failures: list[str]) -> None:
    """Raises ValueError where the operator's page tells of failures: the machine was too busy."""
    if failures:
        raise ValueError(f"the server failed, no picture is taken: {', '.join(failures)}")


async def take_operator(browser: Browser, address: str, folder: Path) -> None:
    """The operator's page, while somebody talks; raises as `require_no_failure`."""
    page = await browser.new_page(**VIEWS["light"])
    await page.goto(urljoin(address, "/operate"))
    await becomes(page, "document.querySelectorAll('#sessions tbody tr').length > 0", 60)
    require_no_failure(await page.locator("#failures li").all_inner_texts())
    await page.screenshot(path=folder / "page-operate.png", full_page=True)
    await page.close()


async def take_view(driver: Playwright, address: str, name: str, folder: Path) -> None:
    """The pictures of one view; a conversation that was misheard is held again."""
    voice = write_person(folder / "person.wav")
    fake = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={voice}",
    ]
    try:
        for attempt in range(ATTEMPTS):
            browser = await driver.chromium.launch(
                executable_path=find_chromium(), args=fake, chromium_sandbox=False
            )
            try:
                await take(browser, address, name, folder)
            except ValueError as error:
                print(f"{name}: {error}")
                if attempt == ATTEMPTS - 1:
                    sys.exit(f"{name}: no picture after {ATTEMPTS} conversations")
                continue
            finally:
                await browser.close()
            return
    finally:
        voice.unlink()


async def main(address: str, folder: Path) -> None:
    async with async_playwright() as driver:
        for name in VIEWS:
            await take_view(driver, address, name, folder)


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
