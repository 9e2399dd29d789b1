"""From an engine's chunks to the responses of the TTS contract, without Triton."""

import json
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk, TtsEngine, Word
from triton_backends.shared.errors import Internal
from triton_backends.shared.framing import Framer
from triton_backends.shared.levelling import FixedGain, Leveller
from triton_backends.shared.loudness import CEILING, gain_for, to_int16
from triton_backends.shared.resample import Upsampler, as_float
from triton_backends.shared.silence import trim_end, trim_start

CALIBRATION_TEXT = "The quick brown fox jumps over the lazy dog."
CALIBRATION_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class SpeechResponse:
    """`audio` is int16 [n, 960] at 48 kHz; `words` those that became known with it."""

    audio: NDArray[np.int16]
    words: tuple[Word, ...]
    last: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """How a model's audio is brought to the contract: its rate, gain and response sizes.

    `gain` is the factor that a clause begins with, before its own loudness is known.
    `first_frames` and `largest_frames` are 20 ms frames per response; up to `trim_start_ms` of
    silence before the first sound are left out.
    """

    sample_rate: int
    gain: float = 1.0
    first_frames: int = 2
    largest_frames: int = 25
    trim_start_ms: int = 0


def stream_speech(
    chunks: Iterable[Chunk],
    voice: Voice,
    pause_ms: int | None = None,
    leveller: Leveller | FixedGain | None = None,
) -> Generator[SpeechResponse]:
    """Trim, level, resample and frame an engine's chunks; yields nothing for no audio.

    `pause_ms` of silence follow the last sound; None leaves what the engine gave. The leveller
    tells afterwards which gain the clause needed.
    """
    leveller = leveller or Leveller(voice.sample_rate, voice.gain)
    framer = Framer(voice.first_frames, voice.largest_frames)
    upsampler = Upsampler(voice.sample_rate)
    words: list[Word] = []
    rate, gain = voice.sample_rate, leveller.gain
    trimmed: Iterable[Chunk] = trim_start(chunks, rate, voice.trim_start_ms, gain)
    if pause_ms is not None:
        trimmed = trim_end(trimmed, rate, pause_ms, gain)
    for chunk in trimmed:
        words += chunk.words
        pcm = as_float(chunk.pcm)
        samples = upsampler.push(leveller.push(pcm) if pcm.size else pcm)
        frames = framer.push(to_int16(_bounded(samples)))
        if frames is not None:
            yield SpeechResponse(frames, tuple(words))
            words.clear()
    tail = upsampler.push(np.zeros(0, np.float32), last=True)
    frames = framer.push(to_int16(_bounded(tail)))
    rest = framer.finish()
    if frames is not None:
        yield SpeechResponse(frames, tuple(words), last=rest is None)
        words.clear()
    if rest is not None:
        yield SpeechResponse(rest, tuple(words), last=True)


def _bounded(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Levelled samples; only what resampling made higher than the limiter lets through is cut."""
    return np.clip(samples, -CEILING, CEILING)


def calibrate(engine: TtsEngine, request: TtsRequest) -> float:
    """The gain for about -16 LUFS, measured on a real synthesis of about 3 s.

    Raises Internal when the engine yields no audio. This is also the model's warm-up.
    """
    pieces: list[NDArray[np.float32]] = []
    wanted = int(CALIBRATION_SECONDS * engine.sample_rate)
    chunks = engine.synthesize(request)
    for chunk in chunks:
        pieces.append(as_float(chunk.pcm))
        wanted -= chunk.pcm.size
        if wanted <= 0:
            break
    chunks.close()
    if not pieces:
        raise Internal("the engine gave no audio when the model was loaded")
    return gain_for(np.concatenate(pieces), engine.sample_rate)


def words_json(words: Iterable[Word]) -> str:
    """The WORDS tensor of a TTS response."""
    return json.dumps(
        [
            {
                "word": word.word,
                "start_ms": word.start_ms,
                "end_ms": word.end_ms,
                "char_start": word.char_start,
                "char_end": word.char_end,
            }
            for word in words
        ],
        separators=(",", ":"),
    )
