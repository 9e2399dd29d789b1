"""Sounds that are no interruption, synthesised: float64 mono at 16 kHz, RMS 1 while they sound.

Every maker takes the length in samples and a random generator, so that one seed gives one sound.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import LISTEN_RATE

Signal = NDArray[np.float64]
Maker = Callable[[int, np.random.Generator], Signal]


def _scaled(signal: Signal) -> Signal:
    return signal / max(1e-9, float(np.sqrt(np.mean(signal**2))))


def shaped(samples: int, chance: np.random.Generator, slope: float, floor_hz: float) -> Signal:
    """Noise whose power falls with frequency to the power of `slope` above `floor_hz`."""
    spectrum = np.fft.rfft(chance.normal(size=samples))
    hz = np.fft.rfftfreq(samples, 1 / LISTEN_RATE)
    return np.asarray(np.fft.irfft(spectrum * np.maximum(hz, floor_hz) ** (-slope / 2), samples))


def pink(samples: int, chance: np.random.Generator) -> Signal:
    return _scaled(shaped(samples, chance, 1.0, 40.0))


def fan(samples: int, chance: np.random.Generator) -> Signal:
    """Air (falling spectrum) under the hum of a motor and its blades, slowly swelling."""
    time = np.arange(samples) / LISTEN_RATE
    hum_hz = chance.uniform(45, 65)
    hum = sum(
        gain * np.sin(2 * np.pi * hum_hz * n * time + chance.uniform(0, 6))
        for n, gain in ((1, 1.0), (2, 0.7), (4, 0.4), (7, 0.3))
    )
    swell = 1 + 0.15 * np.sin(2 * np.pi * chance.uniform(0.2, 0.6) * time)
    air = _scaled(shaped(samples, chance, 1.4, 120.0))
    return _scaled((air + 0.4 * hum) * swell)


def _strokes(
    samples: int, chance: np.random.Generator, gap_s: tuple[float, float], ring_s: float
) -> Signal:
    """Short bursts of noise that ring through a resonance, at irregular times."""
    out = np.zeros(samples)
    at = int(chance.uniform(0, gap_s[1]) * LISTEN_RATE)
    while at < samples:
        length = min(samples - at, int(ring_s * 5 * LISTEN_RATE))
        time = np.arange(length) / LISTEN_RATE
        decay = np.exp(-time / ring_s)
        tone = np.sin(2 * np.pi * chance.uniform(900, 3500) * time)
        burst = decay * (chance.normal(size=length) + 0.7 * tone) * chance.uniform(0.4, 1.0)
        out[at : at + length] += burst
        at += int(chance.uniform(*gap_s) * LISTEN_RATE)
    return out


def keyboard(samples: int, chance: np.random.Generator) -> Signal:
    """Somebody types: press and release of each key, 6 to 14 strokes a second, with pauses."""
    press = _strokes(samples, chance, (0.06, 0.18), 0.006)
    release = 0.4 * np.roll(press, int(0.07 * LISTEN_RATE))
    time = np.arange(samples) / LISTEN_RATE
    typing = np.sin(2 * np.pi * time / chance.uniform(3, 5)) > -0.6
    return _scaled((press + release) * typing)


def clicks(samples: int, chance: np.random.Generator) -> Signal:
    """A mouse, a pen, a cup put down: hard and short, two or three a second."""
    return _scaled(_strokes(samples, chance, (0.25, 0.7), 0.012))


def music(samples: int, chance: np.random.Generator) -> Signal:
    """Chords and a melody of struck or sustained tones with harmonics; no voice."""
    out = np.zeros(samples)
    root = chance.uniform(110, 180)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    struck = chance.random() < 0.5
    for voice, (low, high) in enumerate(((0.25, 0.5), (0.5, 1.0), (1.0, 2.0))):
        at = 0
        while at < samples:
            length = int(chance.uniform(low, high) * LISTEN_RATE)
            semitones = int(chance.choice(scale)) + 12 * (1 - min(voice, 1))
            piece = _note(length, root * 2 ** (semitones / 12), chance, struck=struck)
            end = min(samples, at + length)
            out[at:end] += piece[: end - at] * (1.0 if voice == 0 else 0.6)
            at += length
    return _scaled(out)


def _note(length: int, hz: float, chance: np.random.Generator, *, struck: bool) -> Signal:
    time = np.arange(length) / LISTEN_RATE
    vibrato = 1 + 0.002 * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * hz * np.cumsum(vibrato) / LISTEN_RATE
    tilt = chance.uniform(0.8, 1.6)
    tone = sum(np.sin(n * phase) / n**tilt for n in range(1, 9))
    shape = np.exp(-time / 0.35) if struck else np.minimum(1, time / 0.04)
    return np.asarray(tone * shape * np.minimum(1, (length - np.arange(length)) / 200))


def room_response(
    chance: np.random.Generator, reverb_s: float, direct: float, length_s: float = 0.1
) -> Signal:
    """An impulse response: a direct path and an exponentially decaying tail, of energy 1.

    `direct` is the share of the energy that comes directly; `reverb_s` the time to fall 60 dB.
    """
    size = int(length_s * LISTEN_RATE)
    tail = chance.normal(size=size) * np.exp(-6.9 * np.arange(size) / (reverb_s * LISTEN_RATE))
    tail[: int(0.002 * LISTEN_RATE)] = 0
    tail *= np.sqrt((1 - direct) / np.sum(tail**2))
    tail[0] = np.sqrt(direct)
    return np.asarray(tail)


def through(signal: Signal, response: Signal) -> Signal:
    """`signal` heard through an impulse response; as long as it was."""
    size = signal.size + response.size
    spectrum = np.fft.rfft(signal, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(spectrum, size)[: signal.size])


def distant(voice: Signal, chance: np.random.Generator) -> Signal:
    """A voice from the next room: mostly reverberation, highs taken by distance and door."""
    response = room_response(chance, chance.uniform(0.5, 0.9), 0.15, 0.5)
    spectrum = np.fft.rfft(through(voice, response))
    hz = np.fft.rfftfreq(voice.size, 1 / LISTEN_RATE)
    return _scaled(np.fft.irfft(spectrum / np.sqrt(1 + (hz / 1100.0) ** 4), voice.size))


NOISES: Final[dict[str, Maker]] = {
    "fan": fan,
    "keyboard": keyboard,
    "clicks": clicks,
    "pink noise": pink,
    "music": music,
}
