"""Signals for the speech stages: rooms, vowels, clicks and the bundled recordings."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from vdx.core.events import SessionState, SpeechEvent
from vdx.speech.input.vad import SpeechDetector

RATE = 16_000
RECORDINGS = Path(__file__).parents[2] / "data" / "audio"

Signal = NDArray[np.float64]


def room(ms: float, rms: float = 30.0, seed: int = 0) -> Signal:
    return np.random.default_rng(seed).normal(0.0, rms, int(ms * RATE / 1000))


def vowel(ms: float, rms: float = 2000.0, pitch_hz: float = 120.0) -> Signal:
    """An "uh": harmonics of a voice under two formants, 10 ms of rise and fall.

    Its pitch and its formants glide as those of a person do; without it, it would be an organ.
    """
    time = np.arange(int(ms * RATE / 1000)) / RATE
    glide = np.sin(2 * np.pi * 2.5 * time)
    cycles = np.cumsum(pitch_hz * (1 + 0.12 * glide)) / RATE
    tone = np.zeros_like(time)
    for harmonic in range(1, 30):
        hz = harmonic * pitch_hz
        gain = sum(
            1.0 / (1.0 + ((hz - formant * (1 + 0.15 * glide)) / 120.0) ** 2)
            for formant in (620.0, 1200.0)
        )
        tone += gain * np.sin(2 * np.pi * harmonic * cycles + harmonic)
    edge = int(0.01 * RATE)
    tone[:edge] *= np.linspace(0, 1, edge)
    tone[-edge:] *= np.linspace(1, 0, edge)
    return tone * rms / np.sqrt(np.mean(tone**2))


def click(ms: float, rms: float = 5000.0) -> Signal:
    return np.random.default_rng(7).normal(0.0, rms, int(ms * RATE / 1000))


def recording(name: str) -> Signal:
    """A bundled recording as mono at 16 kHz, in int16 units."""
    samples, rate = soundfile.read(RECORDINGS / f"{name}.wav", always_2d=True)
    mono = samples.mean(axis=1) * 32767
    return mono if rate == RATE else soxr.resample(mono, rate, RATE)


def loud_span(signal: Signal) -> tuple[int, int]:
    """First and last sample of 50 ms windows above 12 % of the 95th percentile (at least 150)."""
    hop, window = RATE // 50, RATE // 20
    starts = range(0, max(1, len(signal) - window), hop)
    levels = np.array([np.sqrt(np.mean(signal[i : i + window] ** 2)) for i in starts])
    loud = np.flatnonzero(levels > max(150.0, 0.12 * np.percentile(levels, 95)))
    return int(loud[0]) * hop, int(loud[-1]) * hop + window


def frames(*parts: Signal) -> Iterator[bytes]:
    """The parts one after the other in whole 20 ms frames."""
    signal = np.clip(np.concatenate(parts), -32768, 32767).astype("<i2")
    for start in range(0, len(signal) - 319, 320):
        yield signal[start : start + 320].tobytes()


def listen(
    detector: SpeechDetector, *parts: Signal, state: SessionState = SessionState.LISTENING
) -> list[tuple[int, SpeechEvent]]:
    """Every event with the position at which it was decided."""
    return [
        (detector.position, event)
        for frame in frames(*parts)
        for event in detector.process(frame, state)
    ]
