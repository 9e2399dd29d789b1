"""What the metrics say of requests to models: nothing that the listener's own pace decides."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Self

import numpy as np
import pytest
from prometheus_client import REGISTRY

from vdx.app.model_metrics import MeasuredRecognition, measured_clause
from vdx.core.events import SpeechChunk, Transcript, TranscriptKind


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_slow_listener_does_not_make_a_voice_slow() -> None:
    async def chunks() -> AsyncGenerator[SpeechChunk, None]:
        for _ in range(2):
            yield SpeechChunk(np.zeros((50, 960), np.int16))

    async for _ in measured_clause("measured-voice", chunks()):
        assert value("vdx_model_requests", model="measured-voice") == 1
        await asyncio.sleep(0.05)
    assert value("vdx_model_requests", model="measured-voice") == 0
    assert value("vdx_voice_first_audio_seconds_count", voice="measured-voice") == 1
    assert value("vdx_voice_real_time_factor_sum", voice="measured-voice") < 0.04


async def test_a_clause_that_is_given_up_is_no_longer_counted() -> None:
    async def chunks() -> AsyncGenerator[SpeechChunk, None]:
        while True:
            yield SpeechChunk(np.zeros((1, 960), np.int16))

    clause = measured_clause("given-up", chunks())
    await anext(clause)
    await clause.aclose()
    assert value("vdx_model_requests", model="given-up") == 0


class FakeStream:
    """Answers END with one final transcript."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bool]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def send(self, pcm: bytes, **flags: bool) -> None:
        self.sent.append((len(pcm), flags["end"]))

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        yield Transcript(0, "hello", 5, 1000, TranscriptKind.FINAL, 0.5)


@pytest.mark.parametrize("cancel", [False, True])
async def test_a_final_transcript_is_timed_from_the_end(cancel: bool) -> None:
    model, stream = f"measured-{cancel}", FakeStream()
    fake: Any = stream
    async with MeasuredRecognition(fake, model) as measured:
        assert value("vdx_model_requests", model=model) == 1
        await measured.send(bytes(32_000))
        await measured.send(b"", end=True, cancel=cancel)
        heard = [transcript.text async for transcript in measured]
    assert heard == ["hello"]
    assert stream.sent == [(32_000, False), (0, True)]
    counted = 0 if cancel else 1
    assert value("vdx_transcription_seconds_count", model=model) == counted
    assert value("vdx_transcription_real_time_factor_count", model=model) == counted
    assert value("vdx_transcription_confidence_sum", model=model) == 0.5 * counted
    assert value("vdx_model_requests", model=model) == 0
