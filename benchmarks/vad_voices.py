"""The speakers in the corpus of the vad study: users and bots, in two halves.

A scene belongs to one of two halves by a fixed rule: recordings, bot voices and variants of a noise
are numbered in the order of their names, even numbers are for tuning, odd ones are held back. No
recording, voice or noise is in both.
"""

import zlib
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from benchmarks.recordings import studied
from benchmarks.vad_noises import Signal
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE

Half = Literal["tune", "held"]
HALVES: Final[tuple[Half, Half]] = ("tune", "held")

RECORDINGS: Final = (
    "ljspeech_0002.wav",
    "ljspeech_0008.wav",
    "ps_cards_001.wav",
    "ps_cards_002.wav",
    "ps_goforward.wav",
    "ps_librivox_0870.wav",
    "ps_librivox_0880.wav",
    "ps_librivox_0930.wav",
    "ps_something.wav",
    "ps_tidigits_2934z.wav",
    "rhasspy_lamp.wav",
)
LONG_RECORDING: Final = "silero_test.wav"
BOTS: Final = ("bot_a.flac", "bot_b.flac")

VOICE_RMS: Final = 2000.0
"""int16 RMS of a user at the microphone, while speaking."""
BOT_RMS: Final = 4000.0
"""int16 RMS of what vdx plays, about -16 LUFS."""


def chance_of(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def half_of(index: int) -> Half:
    return HALVES[index % 2]


def read(name: str) -> Signal:
    import soundfile

    samples, rate = soundfile.read(studied(name), dtype="float64")
    if rate != LISTEN_RATE:
        raise ValueError(f"{name} is at {rate} Hz")
    return np.asarray(samples) * 32768


def levels_of(signal: Signal) -> Signal:
    """RMS of each 20 ms frame."""
    whole = signal[: signal.size // LISTEN_FRAME * LISTEN_FRAME]
    found: Signal = np.sqrt(np.mean(whole.reshape(-1, LISTEN_FRAME) ** 2, axis=1))
    return found


def active_rms(signal: Signal) -> float:
    """RMS over the louder frames: pauses do not count."""
    levels = levels_of(signal)
    loud = levels[levels > 0.12 * np.percentile(levels, 95)]
    return float(np.sqrt(np.mean(loud**2)))


def trimmed(signal: Signal) -> Signal:
    """From the first loud 20 ms to the last one."""
    levels = levels_of(signal)
    loud = np.flatnonzero(levels > max(150.0, 0.12 * float(np.percentile(levels, 95))))
    return signal[loud[0] * LISTEN_FRAME : (loud[-1] + 1) * LISTEN_FRAME]


def split(signal: Signal, pause_s: float = 0.5, longest_s: float = 5.0) -> list[Signal]:
    """A long recording at its pauses; pieces of 0.8 s to `longest_s`."""
    levels = levels_of(signal)
    loud = np.flatnonzero(levels > 0.12 * np.percentile(levels, 95))
    cuts = np.flatnonzero(np.diff(loud) > pause_s * 50)
    starts = [loud[0], *loud[cuts + 1]]
    ends = [*loud[cuts], loud[-1]]
    limit = int(longest_s * LISTEN_RATE)
    pieces = [
        signal[a * LISTEN_FRAME : (b + 1) * LISTEN_FRAME][:limit]
        for a, b in zip(starts, ends, strict=True)
    ]
    return [piece for piece in pieces if piece.size > 0.8 * LISTEN_RATE]


@lru_cache(maxsize=1)
def voices() -> list[tuple[str, Signal]]:
    """Every utterance of a speaker at VOICE_RMS, in a fixed order."""
    found = [(name.split(".")[0], trimmed(read(name))) for name in RECORDINGS]
    pieces = split(read(LONG_RECORDING))
    found += [(f"silero_{index:02}", trimmed(piece)) for index, piece in enumerate(pieces)]
    return [(name, signal * VOICE_RMS / active_rms(signal)) for name, signal in sorted(found)]


@lru_cache(maxsize=2)
def voices_of(half: Half) -> list[tuple[str, Signal]]:
    return [pair for index, pair in enumerate(voices()) if half_of(index) == half]


@lru_cache(maxsize=2)
def bot(index: int) -> Signal:
    signal = read(BOTS[index])
    return signal * BOT_RMS / active_rms(signal)


@lru_cache(maxsize=2)
def bots_of(half: Half) -> list[tuple[str, Signal]]:
    """The bot's audio: espeak-ng, and speakers of the same half at the bot's loudness."""
    speakers = np.concatenate([signal for _, signal in voices_of(half)])
    human = speakers * BOT_RMS / active_rms(speakers)
    return [("espeak", bot(HALVES.index(half))), ("human", human)]
