"""What all stock clients share: a person who speaks a recording, and waiting for what comes.

Runs in `.venv-clients`, where vdx is not: nothing but the standard library.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

RATE = 24_000
"""Samples a second, int16 mono."""
FRAME_BYTES = RATE // 50 * 2
LIMIT_S = 30.0
"""The longest that anything is waited for."""


class Microphone:
    """Silence at the speed of a microphone, and the recording whenever the person speaks."""

    def __init__(self, recording: Path) -> None:
        self._recording = recording.read_bytes()
        self._left = b""

    def say(self) -> None:
        """Speaks the recording from the next frame on."""
        self._left = self._recording

    async def frames(self) -> AsyncIterator[bytes]:
        """Frames of 20 ms, without end."""
        began, number = time.monotonic(), 0
        while True:
            frame, self._left = self._left[:FRAME_BYTES], self._left[FRAME_BYTES:]
            yield frame.ljust(FRAME_BYTES, b"\0")
            number += 1
            await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))


class Told:
    """What the client was told so far; `until` waits for a state of it."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.heard_bytes = 0
        """Of the agent's audio."""
        self.interruptions = 0
        self.cities: list[str] = []
        """What the tool was called with."""
        self.said: list[str] = []
        """What the agent said, a text for each of its answers."""
        self.understood: list[str] = []
        """What the agent understood of the person."""

    async def until(self, happened: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not happened():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} never came: {vars(self)}")
            await asyncio.sleep(0.02)

    async def conversation(self, microphone: Microphone, listens_s: float = 2.0) -> None:
        """A question, an interruption of its answer, and an answer that needs a tool.

        Who speaks within the answer's first second was not done, and both halves are one question.
        """
        enough = self.heard_bytes + int(listens_s * RATE) * 2
        microphone.say()
        await self.until(lambda: self.heard_bytes > enough, "the beginning of an answer")
        microphone.say()
        await self.until(lambda: self.interruptions, "the interruption")
        heard = self.heard_bytes
        await self.until(lambda: self.cities, "the call of the tool")
        await self.until(lambda: self.heard_bytes > heard + RATE, "the answer after the call")
        await self.until(lambda: "sunny" in " ".join(self.said), "its words")
        json.dump(vars(self), sys.stdout)
