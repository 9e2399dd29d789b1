"""A realtime agent of `openai-agents` with a function tool. Arguments: address, recording."""

import asyncio
import contextlib
import sys
from pathlib import Path

from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from microphone import Microphone, Told

told = Told()


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    told.cities.append(city)
    return "sunny"


def take(event: object) -> None:
    match getattr(event, "type", ""):
        case "audio":
            told.heard_bytes += len(event.audio.data)
        case "audio_interrupted":
            told.interruptions += 1
        case "error":
            told.errors.append(str(event.error))
        case "history_updated":
            messages = [item for item in event.history if item.type == "message"]
            told.said = [text_of(item) for item in messages if item.role == "assistant"]
            told.understood = [text_of(item) for item in messages if item.role == "user"]


def text_of(item: object) -> str:
    return " ".join(getattr(part, "transcript", None) or "" for part in item.content)


async def listen(session: RealtimeSession) -> None:
    async for event in session:
        take(event)


async def speak(session: RealtimeSession, microphone: Microphone) -> None:
    async for frame in microphone.frames():
        await session.send_audio(frame)


async def main(address: str, recording: Path) -> None:
    set_tracing_disabled(True)
    agent = RealtimeAgent(name="Assistant", instructions="Be brief.", tools=[weather])
    url = f"{address.replace('http', 'ws', 1)}/v1/realtime?model=gpt-realtime"
    microphone = Microphone(recording)
    runner = RealtimeRunner(agent)
    async with await runner.run(model_config={"url": url, "api_key": "any"}) as session:
        beside = [
            asyncio.create_task(listen(session)),
            asyncio.create_task(speak(session, microphone)),
        ]
        try:
            await told.conversation(microphone)
        finally:
            for task in beside:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*beside)


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
