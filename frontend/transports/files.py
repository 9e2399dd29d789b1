"""Speech to and from files: a whole text spoken, a whole recording written down."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from frontend.core.audio import LISTEN_FRAME, LISTEN_RATE
from frontend.core.config import ClauseConfig, VadConfig
from frontend.core.errors import InvalidInput, ModelFailed, ModelTimeout
from frontend.core.events import Pcm, SessionState, SpeechEnded, SpeechStarted, TranscriptKind
from frontend.serving.triton import SynthesisRequest, TritonClient
from frontend.speech.clauses import ClauseChunker
from frontend.speech.tts import Voice
from frontend.speech.vad import SpeechDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRE_ROLL = LISTEN_RATE * 3 // 10
TAIL = LISTEN_RATE * 2 // 10
"""Silence kept before and after speech, in samples: recognisers want to hear it begin and end."""
PIECE = LISTEN_RATE


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of speech in a recording, in 16 kHz samples."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """What one stretch says; times in ms from the start of the recording."""

    start_ms: int
    end_ms: int
    text: str
    confidence: float


async def speak_text(
    client: TritonClient, voice: Voice, text: str, clauses: ClauseConfig
) -> AsyncGenerator[Pcm, None]:
    """Speaks a text of any length; yields int16 48 kHz mono pieces as they are made.

    Raises:
        InvalidInput: there is nothing in the text to speak.
        TritonError: the voice failed.
    """
    chunker = ClauseChunker(clauses, voice.language or "en")
    pieces = [*chunker.feed(text), *chunker.finish()]
    if not pieces:
        raise InvalidInput(f"there is nothing to speak in {text!r:.100}", param="text")
    for clause in pieces:
        request = SynthesisRequest(clause.text, voice.language, voice.speaker, voice.speed)
        async with aclosing(client.synthesize(voice.model, request)) as chunks:
            async for chunk in chunks:
                yield chunk.audio.reshape(-1)


def read_recording(path: Path) -> Pcm:
    """Any file libsndfile reads, any rate, mono or more, as int16 16 kHz mono.

    Raises:
        InvalidInput: there is no such file, or it is not audio.
    """
    import soundfile
    import soxr

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise InvalidInput(f"cannot read {path}: {error}", param="file") from None
    mono: NDArray[np.float32] = samples.mean(axis=1)
    at_rate = np.asarray(soxr.resample(mono, rate, LISTEN_RATE, quality="HQ"))
    return (at_rate * 32767).clip(-32768, 32767).astype(np.int16)


def find_speech(pcm: Pcm, vad: VadConfig) -> list[Stretch]:
    """Where somebody speaks in a recording (int16, 16 kHz, mono)."""
    detector, found, onset = SpeechDetector(vad), list[Stretch](), -1
    silence = np.zeros(LISTEN_RATE, dtype=np.int16)  # ends what the recording breaks off
    padded = np.concatenate([pcm, silence])
    for at in range(0, padded.size - LISTEN_FRAME + 1, LISTEN_FRAME):
        frame = padded[at : at + LISTEN_FRAME].tobytes()
        for event in detector.process(frame, SessionState.LISTENING):
            if isinstance(event, SpeechStarted):
                onset = event.at
            elif isinstance(event, SpeechEnded):
                found.append(Stretch(max(0, onset - PRE_ROLL), min(pcm.size, event.at + TAIL)))
    return found


async def transcribe(
    client: TritonClient, model: str, pcm: Pcm, stretches: list[Stretch], language: str
) -> AsyncIterator[Line]:
    """Writes down stretch after stretch; one recogniser sequence each.

    Raises:
        TritonError: the recogniser failed.
    """
    timeout_s = client.config.final_transcript_timeout_ms / 1000
    for stretch in stretches:
        audio = pcm[stretch.start : stretch.end]
        audio = np.pad(audio, (0, -audio.size % LISTEN_FRAME))
        # A recording may take longer to understand than a turn: allow twice its length.
        limit_s = timeout_s + 2 * audio.size / LISTEN_RATE
        try:
            async with asyncio.timeout(limit_s):
                text, confidence = await _recognise(client, model, audio, language)
        except TimeoutError:
            raise ModelTimeout(f"{model} took over {limit_s:.0f} s", model=model) from None
        yield Line(stretch.start // 16, stretch.end // 16, text, confidence)


async def _recognise(
    client: TritonClient, model: str, audio: Pcm, language: str
) -> tuple[str, float]:
    async with client.recognise(model, language=language) as stream:
        for at in range(0, audio.size, PIECE):
            await stream.send(audio[at : at + PIECE].tobytes(), end=at + PIECE >= audio.size)
        async with aclosing(aiter(stream)) as transcripts:
            async for transcript in transcripts:
                if transcript.kind is TranscriptKind.FINAL:
                    return transcript.text.strip(), transcript.confidence
    raise ModelFailed(f"{model} ended without a final transcript", model=model)
