"""`vdx bench first-audio`: parts of a turn measured alone, without a user.

First audio of a voice over gRPC, chunks that Triton computes after a cancellation, and what one
20 ms frame costs on its way through resampler, gate and detector.
"""

import asyncio
import time
from contextlib import aclosing

from vdx.bench.client_process import Step
from vdx.bench.clips import TURN_CLIPS, clip
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.client.realtime import WIRE_RATE
from vdx.core.errors import VdxError
from vdx.serving.triton import SynthesisRequest, TritonClient

TEXT = "You said: go forward ten meters."
VOICES = (("tone", 5.0), ("espeak-en", 15.0))
"""Model and the p95 of its first audio to reach, in ms."""
SLOW_VOICE, SLOW_SPEAKER = "tone", "fault:slow"
SLOW_CHUNK_S = 0.1
CHUNKS = "vdx_chunks_total"
PAUSE_S = 0.02
METRICS_LAG_S = 0.4


async def measure(target: Target, rounds: int, step: Step | None = None) -> Report:
    """`rounds` requests to each voice, one at a time; a tenth as many cancellations."""
    if not target.triton_grpc:
        raise VdxError("the address of Triton is not known; leave --url out", service="bench")
    report = Report("first-audio", {"rounds": rounds, "text": TEXT})
    async with TritonClient(target.triton_config) as client:
        for voice, limit in VOICES:
            found = []
            for _ in range(rounds):
                found.append(await _first_audio_ms(client, voice))
                await asyncio.sleep(PAUSE_S)
                if step is not None:
                    step()
            report.add(f"first audio of {voice} over gRPC", "ms", found, p95=limit)
        if target.triton_metrics:
            extra = [await _chunks_after(client, target) for _ in range(max(1, rounds // 10))]
            report.add("chunks computed after a cancellation", "chunks", extra, max=1)
    report.add("gate + resample + VAD, one frame", "ms", frame_costs_ms(), p95=0.2)
    return report


async def _first_audio_ms(client: TritonClient, voice: str) -> float:
    began = time.perf_counter()
    async with aclosing(client.synthesize(voice, SynthesisRequest(TEXT))) as chunks:
        async for _ in chunks:
            return (time.perf_counter() - began) * 1000
    raise VdxError(f"{voice} sent no audio", service="bench")


async def _chunks_after(client: TritonClient, target: Target) -> float:
    """Cancels a slow synthesis half-way through a chunk; chunks that were still computed."""
    before = (await target.triton()).total(CHUNKS, model=SLOW_VOICE)
    request = SynthesisRequest(TEXT * 3, speaker=SLOW_SPEAKER)
    async with aclosing(client.synthesize(SLOW_VOICE, request)) as chunks:
        async for _ in chunks:
            break
        # The first response is one chunk; two more follow, and a third is under way.
        first = time.perf_counter()
        await asyncio.sleep(2.5 * SLOW_CHUNK_S)
        computed = 1 + int((time.perf_counter() - first) / SLOW_CHUNK_S)
    await asyncio.sleep(4 * SLOW_CHUNK_S + METRICS_LAG_S)
    after = (await target.triton()).total(CHUNKS, model=SLOW_VOICE)
    return max(0.0, after - before - computed)


def frame_costs_ms(repeats: int = 3) -> list[float]:
    """Milliseconds per 20 ms frame of 24 kHz input, over the bundled recordings."""
    from vdx.client.recording import frames_of
    from vdx.core.audio import (
        LISTEN_FRAME,
        LISTEN_RATE,
        SAMPLE_BYTES,
        Framer,
        to_pcm,
    )
    from vdx.core.config import VadConfig
    from vdx.core.events import SessionState
    from vdx.core.resample import Resampler
    from vdx.speech.input.vad import SpeechDetector

    costs: list[float] = []
    for name in TURN_CLIPS * repeats:
        resampler = Resampler(WIRE_RATE, LISTEN_RATE)
        framer = Framer(LISTEN_FRAME * SAMPLE_BYTES)
        detector = SpeechDetector(VadConfig())
        for frame in frames_of(clip(name, WIRE_RATE).pcm, WIRE_RATE):
            began = time.perf_counter()
            for piece in framer.push(resampler.push(to_pcm(frame)).tobytes()):
                detector.process(piece, SessionState.LISTENING)
            costs.append((time.perf_counter() - began) * 1000)
    return costs
