"""What the metrics say of the requests to models, measured on the side of the sessions."""

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from types import TracebackType
from typing import Self

from vdx.core.audio import FRAME_MS, LISTEN_RATE, SAMPLE_BYTES
from vdx.core.events import SpeechChunk, Transcript, TranscriptKind
from vdx.core.metrics import (
    CONFIDENCE,
    MODEL_REQUESTS,
    TRANSCRIPTION,
    TRANSCRIPTION_REAL_TIME_FACTOR,
    VOICE_FIRST_AUDIO,
    VOICE_REAL_TIME_FACTOR,
    model_label,
)
from vdx.serving.triton import RecognitionStream


@contextmanager
def open_request(model: str) -> Iterator[None]:
    """Counts a request among those that `model` works on."""
    waiting = MODEL_REQUESTS.labels(model_label(model))
    waiting.inc()
    try:
        yield
    finally:
        waiting.dec()


async def measured_clause(
    model: str,
    chunks: AsyncGenerator[SpeechChunk, None],
    timed: Callable[[float], None] = lambda _: None,
) -> AsyncGenerator[SpeechChunk, None]:
    """The chunks of one clause; the time that the listener takes between them does not count.

    `timed` takes its real-time factor once it is whole.
    """
    label, waited, frames = model_label(model), 0.0, 0
    with open_request(model):
        async with aclosing(chunks):
            asked = time.monotonic()
            async for chunk in chunks:
                waited += time.monotonic() - asked
                if not frames:
                    VOICE_FIRST_AUDIO.labels(label).observe(waited)
                frames += len(chunk.audio)
                yield chunk
                asked = time.monotonic()
    if frames:
        factor = waited * 1000 / (frames * FRAME_MS)
        VOICE_REAL_TIME_FACTOR.labels(label).observe(factor)
        timed(factor)


class MeasuredRecognition:
    """A recognition stream whose final transcript is timed from the END."""

    def __init__(self, stream: RecognitionStream, model: str) -> None:
        self._stream = stream
        self._label = model_label(model)
        self._open = open_request(model)
        self._samples = 0
        self._ended = 0.0

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        self._open.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(None, None, None)
        await self._stream.__aexit__(kind, error, traceback)

    async def send(
        self, pcm: bytes, *, flush: bool = False, end: bool = False, cancel: bool = False
    ) -> None:
        """As `RecognitionStream.send`."""
        self._samples += len(pcm) // SAMPLE_BYTES
        if end and not cancel:
            self._ended = time.monotonic()
        await self._stream.send(pcm, flush=flush, end=end, cancel=cancel)

    async def __aiter__(self) -> AsyncGenerator[Transcript, None]:
        async for transcript in self._stream:
            if transcript.kind is TranscriptKind.FINAL and self._ended:
                self._observe(transcript)
            yield transcript

    def _observe(self, final: Transcript) -> None:
        seconds = time.monotonic() - self._ended
        TRANSCRIPTION.labels(self._label).observe(seconds)
        if self._samples:
            factor = seconds * LISTEN_RATE / self._samples
            TRANSCRIPTION_REAL_TIME_FACTOR.labels(self._label).observe(factor)
        if final.text.strip():
            CONFIDENCE.labels(self._label).observe(final.confidence)
