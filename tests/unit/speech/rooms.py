"""Sounds of a room that are no speech, and the bot's echo, for tests of the listening stages."""

import numpy as np

from tests.unit.speech.signals import RATE, Signal


def fan(ms: float, rms: float, seed: int = 3) -> Signal:
    """Noise that falls with frequency, over a hum."""
    size = int(ms * RATE / 1000)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=size))
    hz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 120)
    signal = np.fft.irfft(spectrum * hz**-0.7, size)
    return scaled(
        signal + 0.3 * np.std(signal) * np.sin(2 * np.pi * 50 * np.arange(size) / RATE), rms
    )


def keys(ms: float, rms: float, seed: int = 4) -> Signal:
    """Fourteen strokes a second, each a burst that rings."""
    chance = np.random.default_rng(seed)
    signal = np.zeros(int(ms * RATE / 1000))
    stroke = int(0.05 * RATE)
    decay = np.exp(-np.arange(stroke) / (0.02 * RATE))
    for start in range(0, signal.size - stroke, RATE // 14):
        signal[start : start + stroke] += decay * chance.normal(size=stroke)
    return scaled(signal, rms)


def organ(ms: float, rms: float, hz: float = 220.0) -> Signal:
    """A chord that stands still."""
    time = np.arange(int(ms * RATE / 1000)) / RATE
    tones = (hz * ratio * n for ratio in (1, 1.25, 1.5) for n in range(1, 6))
    return scaled(np.sum([np.sin(2 * np.pi * tone * time) / (tone / hz) for tone in tones], 0), rms)


def echo_of(played: Signal, delay_ms: float, level_db: float, seed: int = 5) -> Signal:
    """What a microphone hears of it: later, quieter, and reverberant."""
    tail = np.exp(-6.9 * np.arange(int(0.08 * RATE)) / (0.3 * RATE))
    tail *= np.random.default_rng(seed).normal(size=tail.size)
    tail *= 0.7 / np.sqrt(np.sum(tail**2))
    tail[0] += 0.7
    path = np.concatenate([np.zeros(int(delay_ms * RATE / 1000)), tail]) * 10 ** (level_db / 20)
    return np.convolve(played, path)[: played.size]


def scaled(signal: Signal, rms: float) -> Signal:
    return signal * rms / np.sqrt(np.mean(signal**2))
