"""Pictures of the page for README and docs: `python -m tests.browser.screenshots ADDRESS FOLDER`.

ADDRESS is that of a running `vdx up` with Whisper, best with `?model=NAME` of a profile that
answers from a script. A picture with words that were misheard is not taken.
"""

import asyncio
import re
import sys
from pathlib import Path
from urllib.parse import urljoin

from playwright.async_api import Browser, Page, async_playwright

from tests.browser.conftest import find_chromium, write_person
from tests.browser.listening import becomes

VIEWS = {
    "light": {"viewport": {"width": 1120, "height": 760}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1120, "height": 760}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}

FIRST_WORDS = re.compile(r"\bgo forward (ten|10) met(er|re)s\b", re.IGNORECASE)
"""What the person of the recording says first."""


def require_heard(captions: str) -> None:
    """Raises ValueError where the first words in the captions are not those that were said."""
    said = captions.partition("\nvdx\n")[0]
    if not FIRST_WORDS.search(said):
        raise ValueError(f"misheard, no picture is taken: {said!r}")


async def take(browser: Browser, address: str, name: str, folder: Path) -> None:
    """One conversation with an interruption, and its picture."""
    page: Page = await browser.new_page(**VIEWS[name])
    await page.goto(address)
    await page.click("#talk")
    await becomes(page, "document.querySelectorAll('#captions del').length > 0", 60)
    if "forward" not in await page.locator("#captions .you").first.inner_text():
        sys.exit("the first line was misheard, which a picture should not show: take it again")
    await page.locator("#captions summary").first.click()
    await becomes(page, "document.body.dataset.mood === 'speaking'", 60)
    await becomes(page, "vdx.outputLevel() > 0.1")
    require_heard(await page.locator("#captions").inner_text())
    await page.screenshot(path=folder / f"page-{name}.png")
    if name == "light":
        await take_panels(page, folder)
        await take_operator(browser, address, folder)
    await page.close()


async def take_panels(page: Page, folder: Path) -> None:
    """What opens beside the conversation."""
    await page.click("#open-settings")
    await becomes(page, "document.querySelector('#settings select')?.value !== ''")
    await page.screenshot(path=folder / "page-settings.png")
    await page.click("#open-history")
    await page.click("#view-latency")
    await page.locator("#history summary").first.click()
    await page.screenshot(path=folder / "page-history.png")


async def take_operator(browser: Browser, address: str, folder: Path) -> None:
    """The operator's page, while somebody talks."""
    page = await browser.new_page(**VIEWS["light"])
    await page.goto(urljoin(address, "/operate"))
    await becomes(page, "document.querySelectorAll('#sessions tbody tr').length > 0", 60)
    await page.screenshot(path=folder / "page-operate.png")
    await page.close()


async def main(address: str, folder: Path) -> None:
    async with async_playwright() as driver:
        for name in VIEWS:
            voice = write_person(folder / "person.wav")
            browser = await driver.chromium.launch(
                executable_path=find_chromium(),
                args=[
                    "--use-fake-device-for-media-stream",
                    "--use-fake-ui-for-media-stream",
                    f"--use-file-for-fake-audio-capture={voice}",
                ],
                chromium_sandbox=False,
            )
            await take(browser, address, name, folder)
            await browser.close()
            voice.unlink()


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
