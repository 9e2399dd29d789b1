"""`python -m benchmarks page`: from opening the page in a browser to an open conversation.

Each round is a browser of its own with an empty cache, in which Talk is pressed at once. The end
is when the conversation and the microphone are open. Needs Playwright (a development
requirement) and a Chromium.
"""

import asyncio
import json
import os
import shutil
from typing import TYPE_CHECKING

from vdx.bench.client_process import Step
from vdx.bench.clips import recording
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.core.errors import SetupError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Response

TIMEOUT_S = 60.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    f"--use-file-for-fake-audio-capture={recording('ps_goforward')}",
)
IS_TALKING = """
(({ connection, microphone }) => connection === "open" && microphone === "open")(vdx.store.get())
"""
WATCH = (
    f"const look = () => window.vdx && {IS_TALKING.strip()} "
    "? (window.talking = performance.now()) : setTimeout(look, 5); look();"
)
"""Milliseconds since the navigation began."""


async def measure(target: Target, rounds: int, step: Step) -> Report:
    """Opens the page `rounds` times.

    Raises:
        SetupError: there is no Playwright or no browser, or the page did not open a conversation.
    """
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise SetupError("this bench needs Playwright: pip install playwright") from None
    talking: list[float] = []
    script: list[float] = []
    async with async_playwright() as driver:
        for _ in range(rounds):
            browser = await driver.chromium.launch(
                executable_path=_browser(), args=[*FLAGS], chromium_sandbox=False
            )
            try:
                took, size, way = await _once(browser, target)
            finally:
                await browser.close()
            talking.append(took)
            script.append(size)
            step()
    report = Report("page", {"rounds": rounds, "transport": way})
    report.add("page: load to talking", "ms", talking, max=2_000)
    report.add("page: script, compressed", "kB", script, max=400)
    return report


def _browser() -> str:
    found = next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *BROWSERS))), None)
    if found is None:
        raise SetupError("this bench needs a browser; run: sudo apt install chromium")
    return found


async def _once(browser: "Browser", target: Target) -> tuple[float, float, str]:
    """Milliseconds to talking, kB of script, and the transport taken."""
    page = await browser.new_page()
    sizes: dict[str, int] = {}

    def count(answer: "Response") -> None:
        if answer.url.endswith(".js"):
            sizes[answer.url] = int(answer.headers.get("content-length", "0"))

    page.on("response", count)
    key = f"sessionStorage.setItem('vdx-key', {json.dumps(target.api_key)});"
    await page.add_init_script((key if target.api_key else "") + WATCH)
    await page.goto(target.url, wait_until="commit")
    await page.click("#talk")
    took = await _talking(page)
    way = str(await page.evaluate("vdx.transportKind()"))
    return took, round(sum(sizes.values()) / 1000, 1), way


async def _talking(page: "Page") -> float:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                if took := await page.evaluate("window.talking"):
                    return round(float(took), 1)
                await asyncio.sleep(0.05)
    except TimeoutError:
        words = await page.inner_text("body")
        raise SetupError(
            f"the page did not open a conversation in {TIMEOUT_S:g} s: {words}"
        ) from None
