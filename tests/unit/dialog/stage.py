"""Sets the scene of a session test: a real Session among fakes, and a person who talks to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.unit.dialog.fakes import (
    FakeRecogniser,
    FakeResponder,
    FakeTransport,
    FakeVoice,
    Heard,
    utter,
)
from tests.unit.speech.signals import Signal, frames, room, vowel
from vdx.core.audio import SPEAK_FRAME, fade_in
from vdx.core.config import Config
from vdx.core.events import SessionState
from vdx.dialog.language_following import FindModels
from vdx.dialog.profiles import SessionOptions, resolve
from vdx.dialog.services import Services
from vdx.dialog.session import Session
from vdx.dialog.tools.mcp_connection import ConnectMcp
from vdx.dialog.tools.toolbox import Tool
from vdx.dialog.tools.user import ToolUser
from vdx.serving.default_models import DefaultModels
from vdx.serving.models import HEARS_USER

FRAME_S = 0.02


@dataclass
class Scene:
    session: Session
    recogniser: FakeRecogniser
    voice: FakeVoice
    responder: FakeResponder
    transport: FakeTransport
    run: asyncio.Task[str]

    @property
    def state(self) -> SessionState:
        return self.session.state

    def said(self) -> list[tuple[str, str]]:
        return [(item.role, item.text) for item in self.session.history if item.text]

    async def hears(self, signal: Signal) -> None:
        """Feeds a signal at the pace of time."""
        for frame in frames(signal):
            await self.session.feed(frame)
            await asyncio.sleep(FRAME_S)

    async def person_says(self, ms: float = 500, silence_ms: float = 400) -> None:
        await self.hears(np.concatenate([vowel(ms), quiet(silence_ms)]))

    async def until(self, state: SessionState) -> None:
        """Lets the room be quiet until the session is in `state`."""
        while self.state is not state:
            await self.hears(quiet(20))

    async def quiet_for(self, ms: float) -> None:
        await self.hears(quiet(ms))


def quiet(ms: float) -> Signal:
    return room(ms, rms=20.0)


LONG = ("One two three four five. ", "Six seven eight nine ten eleven. ", "Twelve and so on.")
LONG_CLAUSES = [part.strip() for part in LONG]
LONG_TEXT = "".join(LONG)


def long_answer() -> FakeResponder:
    return FakeResponder(default=LONG)


def spoken(*clauses: str, model: str = "espeak") -> np.ndarray:
    return np.concatenate([utter(model, clause).reshape(-1) for clause in clauses])


def fades(played: np.ndarray, expected: np.ndarray) -> list[int]:
    """The frames of `played` that are a faded copy of the expected ones; all others are equal."""
    assert len(played) == len(expected)
    faded = []
    for frame, (got, want) in enumerate(
        zip(played.reshape(-1, SPEAK_FRAME), expected.reshape(-1, SPEAK_FRAME), strict=True)
    ):
        if not np.array_equal(got, want):
            assert np.array_equal(got, fade_in(want, 5 * 48)), f"frame {frame} is neither"
            faded.append(frame)
    return faded


async def answered(stage: Scene) -> None:
    """The person says something, and the answer begins."""
    await stage.person_says()
    await stage.until(SessionState.SPEAKING)


@asynccontextmanager
async def scene(
    *heard: Heard,
    voice: FakeVoice | None = None,
    responder: FakeResponder | None = None,
    config: Config | None = None,
    calibrated: bool = False,
    judge: Callable[[SessionOptions, bytes], Awaitable[float | None]] | None = None,
    lead_in: bool = True,
    recorder: Any = None,
    server_tools: Callable[[ToolUser], Sequence[Tool]] | None = None,
    find_voice: FindModels | None = None,
    sounds: frozenset[str] = frozenset(),
    connect_mcp: ConnectMcp | None = None,
    hears_user: bool = False,
    **options: Any,
) -> AsyncIterator[Scene]:
    """A running session; closed at the end unless it is over, and then nothing may be left."""
    config = config or Config()
    recogniser, transport = FakeRecogniser(*heard), FakeTransport()
    voice, responder = voice or FakeVoice(), responder or FakeResponder()
    services = Services(
        config=config,
        synthesize=voice,
        recognise=recogniser,
        can=lambda _, capability: (
            hears_user if capability == HEARS_USER else capability == "punctuation" or calibrated
        ),
        responder=lambda _: responder,
        judge=judge,
        recorder=recorder,
        server_tools=server_tools,
        find_voice=find_voice,
        sounds=lambda _: sounds,
        connect_mcp=connect_mcp,
    )
    wanted = resolve(config, "", DefaultModels(named_recogniser="fake-asr")).updated(
        instructions="", **({"endpointer": "fake-endpointer"} if judge else {}), **options
    )
    assert isinstance(wanted, SessionOptions)
    loop = asyncio.get_running_loop()
    session = Session("s", wanted, services, transport, loop.time)
    run = asyncio.create_task(session.run(), name="session")
    made = Scene(session, recogniser, voice, responder, transport, run)
    try:
        await asyncio.sleep(0)
        if lead_in:
            await made.quiet_for(200)
        yield made
    finally:
        session.close()
        await asyncio.wait({run})
    assert voice.open == 0
    assert responder.open == 0
    assert all(stream.closed or not stream.open for stream in recogniser.streams)
