"""An agent session of LiveKit with its OpenAI plugin, without a room. Arguments: address,
recording."""

import asyncio
import logging
import sys
import time
from pathlib import Path

from livekit import rtc
from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.voice import io
from livekit.plugins.openai.realtime import RealtimeModel
from microphone import RATE, Microphone, Told

told = Told()


class Complaints(logging.Handler):
    """Warnings and errors of the client."""

    def emit(self, record: logging.LogRecord) -> None:
        told.errors.append(f"{record.name}: {record.getMessage()}")


class MicrophoneInput(io.AudioInput):
    def __init__(self, microphone: Microphone) -> None:
        super().__init__(label="microphone")
        self._frames = microphone.frames()

    async def __anext__(self) -> rtc.AudioFrame:
        pcm = await anext(self._frames)
        return rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2)


class Loudspeaker(io.AudioOutput):
    """Counts what it is given, and says when that was played."""

    def __init__(self) -> None:
        capabilities = io.AudioOutputCapabilities(pause=True)
        super().__init__(label="loudspeaker", capabilities=capabilities, sample_rate=RATE)
        self._began: float | None = None
        self._queued = 0.0
        self._ending: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._began is None:
            self._began = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._queued += frame.duration
        told.heard_bytes += frame.samples_per_channel * 2

    def flush(self) -> None:
        super().flush()
        if self._began is not None:
            self._ending = asyncio.create_task(self._end_when_played())

    def clear_buffer(self) -> None:
        if self._began is None:
            return
        if self._ending is not None:
            self._ending.cancel()
        self._finish(interrupted=True)

    async def _end_when_played(self) -> None:
        began = self._began or 0.0
        await asyncio.sleep(max(0.0, began + self._queued - time.monotonic()))
        self._finish(interrupted=False)

    def _finish(self, *, interrupted: bool) -> None:
        began, queued = self._began or 0.0, self._queued
        self._began, self._queued, self._ending = None, 0.0, None
        played = min(queued, time.monotonic() - began)
        self.on_playback_finished(playback_position=played, interrupted=interrupted)


class Assistant(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    @function_tool
    async def weather(self, context: RunContext, city: str) -> str:
        """The weather of a city."""
        told.cities.append(city)
        return "sunny"


async def main(address: str, recording: Path) -> None:
    logging.getLogger("livekit").addHandler(Complaints(logging.WARNING))
    model = RealtimeModel(base_url=f"{address}/v1", api_key="any")
    microphone = Microphone(recording)
    async with AgentSession(llm=model) as session:

        @session.on("conversation_item_added")
        def _(event: object) -> None:
            item = event.item
            match getattr(item, "role", ""):
                case "assistant":
                    told.said.append(item.text_content or "")
                    told.interruptions += item.interrupted
                case "user":
                    told.understood.append(item.text_content or "")

        @session.on("error")
        def _(event: object) -> None:
            told.errors.append(str(event.error))

        session.input.audio = MicrophoneInput(microphone)
        session.output.audio = Loudspeaker()
        await session.start(Assistant())
        # It lets nobody interrupt for its first three seconds, while echo may not be cancelled yet.
        await told.conversation(microphone, listens_s=3.5)


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
