"""`python -m benchmarks page`: from opening the page in a browser to an open conversation.

Each round is a browser of its own with an empty cache, in which Talk is pressed at once. The end
is when the conversation and the microphone are open. Then the conversation is ended, and what the
page goes on to compute is the work of its main thread while nothing happens. Needs Playwright (a
development requirement) and a Chromium.
"""

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vdx.bench.client_process import Step
from vdx.bench.clips import recording
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.core.errors import SetupError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Response

TIMEOUT_S = 60.0
SETTLE_S = 1.0
IDLE_S = 3.0
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
    rounds_done: list[Round] = []
    async with async_playwright() as driver:
        for _ in range(rounds):
            browser = await driver.chromium.launch(
                executable_path=_browser(), args=[*FLAGS], chromium_sandbox=False
            )
            try:
                rounds_done.append(await _once(browser, target))
            finally:
                await browser.close()
            step()
    report = Report("page", {"rounds": rounds, "transport": rounds_done[-1].transport})
    report.add("page: load to talking", "ms", [each.talking_ms for each in rounds_done], max=2_000)
    report.add("page: script, compressed", "kB", [each.script_kb for each in rounds_done], max=400)
    report.add("page: idle, of a second", "ms", [each.idle_ms for each in rounds_done], max=10)
    return report


def _browser() -> str:
    found = next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *BROWSERS))), None)
    if found is None:
        raise SetupError("this bench needs a browser; run: sudo apt install chromium")
    return found


@dataclass(frozen=True, slots=True)
class Round:
    """One page: `idle_ms` of the main thread in each second in which nothing happens."""

    talking_ms: float
    script_kb: float
    idle_ms: float
    transport: str


async def _once(browser: "Browser", target: Target) -> Round:
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
    await page.click("#end")
    idle = await _idle_ms(page)
    return Round(took, round(sum(sizes.values()) / 1000, 1), idle, way)


async def _idle_ms(page: "Page") -> float:
    """What the browser's own clock says of the tasks of the page."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await asyncio.sleep(SETTLE_S)

    async def worked_s() -> float:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    before = await worked_s()
    await asyncio.sleep(IDLE_S)
    return round((await worked_s() - before) * 1000 / IDLE_S, 2)


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
