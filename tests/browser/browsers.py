"""Browsers and the person who talks to them: one of each in a process, whatever folder asks."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.async_api import Browser, Playwright, async_playwright

from vdx.core.events import Pcm
from vdx.core.paths import locate

RECORDING = locate().data / "tests" / "data" / "audio" / "ps_goforward.wav"
FAR_AWAY = "box.test"
"""A name of this machine that is not one of loopback."""


class Browsers:
    """Chromium with one microphone or another, each started once: a start takes 4 s of a core."""

    def __init__(self, driver: Playwright, path: str) -> None:
        self._driver = driver
        self._path = path
        self._running: dict[tuple[str, ...], Browser] = {}

    async def get(self, *flags: str) -> Browser:
        """The running browser with these command-line flags."""
        if flags not in self._running:
            self._running[flags] = await self._driver.chromium.launch(
                executable_path=self._path, args=flags, chromium_sandbox=False
            )
        return self._running[flags]


_BROWSERS = pytest.StashKey[Browsers]()
_PERSON = pytest.StashKey[Path]()


@contextlib.asynccontextmanager
async def shared_browsers(config: pytest.Config, path: str) -> AsyncIterator[Browsers]:
    """Those of this process; who asked first ends them."""
    if _BROWSERS in config.stash:
        yield config.stash[_BROWSERS]
        return
    async with async_playwright() as driver:
        config.stash[_BROWSERS] = Browsers(driver, path)
        yield config.stash[_BROWSERS]


def shared_person(config: pytest.Config, factory: pytest.TempPathFactory) -> Path:
    """One file, so that browsers which hear it are the same."""
    if _PERSON not in config.stash:
        config.stash[_PERSON] = write_person(factory.mktemp("person") / "person.wav")
    return config.stash[_PERSON]


def write_person(file: Path) -> Path:
    """The recording of `person`, to be repeated for ever."""
    voice, rate = soundfile.read(RECORDING, dtype="int16")
    soundfile.write(file, np.concatenate([room(rate, 1), voice, room(rate, 3)]), rate)
    return file


def room(rate: int, seconds: float) -> Pcm:
    """The noise of a quiet room."""
    samples = np.random.default_rng(1).integers(-3, 4, round(seconds * rate))
    return samples.astype(np.int16)
