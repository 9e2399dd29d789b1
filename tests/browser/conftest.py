"""A real Chromium with a fake microphone, and a real `vdx frontend` with real models."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import soundfile
from playwright.async_api import Page, Route, expect

from tests.browser.browsers import (
    FAR_AWAY,
    RECORDING,
    Browsers,
    room,
    shared_browsers,
    shared_person,
)
from tests.server.processes import LONG_TIMEOUTS, WAIT_LIMIT_S, running, shared_triton
from vdx.cli.livekit_server import require_livekit_server
from vdx.core.paths import PACKAGE
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.livekit import DevelopmentLiveKit

UH = PACKAGE / "bench" / "data" / "uh.wav"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""First the one without windows: it opens a page with a third of the work, and draws the same."""

expect.set_options(timeout=WAIT_LIMIT_S * 1000)

OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; CHROMIUM names another one."""
    found = find_chromium()
    if found is None:
        pytest.fail("the page is tested in a real browser; run: sudo apt install chromium")
    return found


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *NAMES))), None)


@pytest.fixture(scope="session")
def person(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody who says "go forward ten meters", waits 4 s, and says it again, for ever."""
    return shared_person(pytestconfig, tmp_path_factory)


@pytest.fixture(scope="session")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quiet room."""
    file = tmp_path_factory.mktemp("nobody") / "nobody.wav"
    soundfile.write(file, room(16_000, 10), 16_000)
    return file


@pytest.fixture(scope="session")
def hesitant_person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, once while a test lasts; but over the answer comes nothing more than an "uh"."""
    voice, rate = soundfile.read(RECORDING, dtype="int16")
    sound, _ = soundfile.read(UH, dtype="int16")
    parts = [room(rate, 1), voice, room(rate, 3), sound, room(rate, 120)]
    file = tmp_path_factory.mktemp("person") / "person.wav"
    soundfile.write(file, np.concatenate(parts), rate)
    return file


@pytest.fixture(scope="session")
def triton(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedTriton:
    return shared_triton(pytestconfig, tmp_path_factory)


@pytest.fixture(scope="session")
def arguments(triton: EmbeddedTriton) -> tuple[str, ...]:
    """How to start a frontend for the shared Triton."""
    return ("frontend", "--triton-url", triton.grpc_url, "--port")


@pytest.fixture(scope="session")
def server(arguments: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a frontend that repeats what it hears, or answers at length (`long`).

    The profile `updated` has a voice that a test replaces by another one.
    """
    home = tmp_path_factory.mktemp("frontend")
    config = profiles(home)
    config["profiles"]["updated"] = {"voice": "tone-old"}
    with running(*arguments, "0", home=home, config=config) as vdx:
        yield vdx.url()
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture(scope="session")
def livekit_server() -> Path:
    """The program; built first where there is none, which takes minutes."""
    return require_livekit_server(print)


@pytest.fixture(scope="session")
def livekit(livekit_server: Path) -> Iterator[DevelopmentLiveKit]:
    """A LiveKit server for all the tests here, on free ports."""
    server = DevelopmentLiveKit(livekit_server, 0)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def rooms(
    arguments: tuple[str, ...],
    livekit: DevelopmentLiveKit,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of a frontend that also serves rooms."""
    home = tmp_path_factory.mktemp("rooms")
    config = profiles(home) | {"livekit": keys(livekit), "log": {"level": "debug"}}
    with running(*arguments, "0", "--livekit", home=home, config=config) as vdx:
        yield vdx.url()
        assert "Traceback" not in vdx.output, vdx.output


SOCKET_AND_LONG_ROOM = pytest.mark.parametrize(
    "place", ["socket", pytest.param("room", marks=pytest.mark.long)], indirect=True
)
"""For what does not depend on the transport; in a room it is a long test."""


@pytest.fixture(params=["socket", "room"])
def place(request: pytest.FixtureRequest) -> str:
    """Where the page is, once with each transport."""
    served = {"socket": "server", "room": "rooms"}[request.param]
    address: str = request.getfixturevalue(served)
    return address


def profiles(home: Path) -> dict[str, Any]:
    """A configuration with the profile `long`, whose answer takes a dozen seconds."""
    script = home / "long.yaml"
    script.write_text("- " + "This is an answer that takes its time. " * 6)
    long = {"kind": "script", "script": {"path": str(script)}}
    return {"triton": LONG_TIMEOUTS, "profiles": {"vdx": {}, "long": {"responder": long}}}


def keys(livekit: DevelopmentLiveKit) -> dict[str, Any]:
    """The section `livekit` of a configuration."""
    secret = livekit.api_secret
    return {"url": livekit.url, "api_key": livekit.api_key, "api_secret": secret}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers(chromium: str, pytestconfig: pytest.Config) -> AsyncIterator[Browsers]:
    """Tests that use them run in the session's event loop, which is that of the driver."""
    async with shared_browsers(pytestconfig, chromium) as shared:
        yield shared


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browsers: Browsers, person: Path) -> AsyncIterator[OpenPage]:
    """Opens the page for a person of its own, without anything that others left behind.

    With `microphone=False` the browser refuses the microphone. Unless `reduced_motion` says
    otherwise levels are drawn twice a second: drawing is a third of what a talking page computes.
    """
    async with AsyncExitStack() as stack:

        async def open_it(
            url: str,
            microphone: bool = True,
            voice: Path = person,
            script: str = "",
            **context: Any,
        ) -> Page:
            fake = [
                f"--host-resolver-rules=MAP {FAR_AWAY} 127.0.0.1",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={voice}",
                "--autoplay-policy=user-gesture-required",
                "--use-fake-ui-for-media-stream",
            ]
            browser = await browsers.get(*fake)
            context.setdefault("reduced_motion", "reduce")
            if not microphone:  # a page that a test answers with is from nowhere: not from loopback
                context.setdefault("permissions", ["local-network-access"])
            page = await browser.new_page(**context)  # in a context that closes with it
            stack.push_async_callback(page.close)
            page.set_default_timeout(WAIT_LIMIT_S * 1000)
            await page.add_init_script(RECORD + script)
            if not microphone:
                await page.route(lambda address: address.rstrip("/") == url, _without_microphone)
            await page.goto(url)
            return page

        yield open_it


async def _without_microphone(route: Route) -> None:
    """Answers with the page, in the name of a site that keeps microphones from its pages."""
    answer = await route.fetch()
    headers = answer.headers | {"permissions-policy": "microphone=()"}
    await route.fulfill(response=answer, headers=headers)


RECORD = """
window.moods = [];
window.faults = [];
window.levels = [];
window.notices = [];
addEventListener("error", (event) => faults.push(String(event.message)));
addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => faults.push(event.violatedDirective));
document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  const now = document.body.dataset.mood;
  if (moods.at(-1)?.mood !== now) moods.push({ mood: now, at: performance.now() });
}).observe(document.body, { attributeFilter: ["data-mood"] }));
document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  for (const { innerText } of document.querySelectorAll(".notice")) {
    if (!notices.includes(innerText)) notices.push(innerText);
  }
}).observe(document.body, { subtree: true, childList: true, characterData: true }));
setInterval(() => {
  if (window.vdx) levels.push({ rms: vdx.outputLevel(), at: performance.now() });
}, 20);
"""
"""Keeps the moods and notices the page went through, how loud it was, and what went wrong."""
