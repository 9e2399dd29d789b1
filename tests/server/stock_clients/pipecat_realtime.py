"""A pipeline of pipecat around its OpenAI Realtime service. Arguments: address, recording."""

import asyncio
import sys
from pathlib import Path

from loguru import logger
from microphone import RATE, Microphone, Told
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMRunFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import SessionProperties
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

told = Told()
logger.remove()
logger.add(lambda line: told.errors.append(str(line)), level="WARNING")

WEATHER = FunctionSchema(
    name="weather",
    description="The weather of a city.",
    properties={"city": {"type": "string"}},
    required=["city"],
)


async def weather(params: FunctionCallParams) -> None:
    told.cities.append(params.arguments["city"])
    await params.result_callback("sunny")


class Loudspeaker(FrameProcessor):
    """Takes the agent's audio, and hears of interruptions."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            told.heard_bytes += len(frame.audio)
        elif isinstance(frame, InterruptionFrame) and told.heard_bytes:
            told.interruptions += 1
        await self.push_frame(frame, direction)


async def main(address: str, recording: Path) -> None:
    url = f"{address.replace('http', 'ws', 1)}/v1/realtime"
    llm = OpenAIRealtimeLLMService(
        api_key="any",
        base_url=url,
        settings=OpenAIRealtimeLLMService.Settings(
            system_instruction="Be brief.", session_properties=SessionProperties(tools=[WEATHER])
        ),
    )
    llm.register_function("weather", weather)
    context = LLMContext([{"role": "developer", "content": "Greet the person."}])
    both = LLMContextAggregatorPair(context)
    pipeline = Pipeline([both.user(), llm, Loudspeaker(), both.assistant()])
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    worker = PipelineWorker(pipeline, params=params)
    microphone = Microphone(recording)

    async def speak() -> None:
        async for pcm in microphone.frames():
            await worker.queue_frame(InputAudioRawFrame(pcm, RATE, 1))

    def contents(role: str) -> list[str]:
        messages = context.get_messages()
        return [str(message.get("content")) for message in messages if message["role"] == role]

    async def follow() -> None:
        while True:
            told.said, told.understood = contents("assistant"), contents("user")
            await asyncio.sleep(0.05)

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    beside = [asyncio.create_task(speak()), asyncio.create_task(follow())]
    try:
        await worker.queue_frame(LLMRunFrame())  # as its bots begin: the agent speaks first
        await told.until(lambda: told.said, "the greeting")
        await told.conversation(microphone)
    finally:
        for task in beside:
            task.cancel()
        await worker.queue_frame(EndFrame())
        await running


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
