"""Voices of made-up people: a pitch and formants of their own, syllables that come and go."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 16_000


class Person(NamedTuple):
    """The pitch of the voice and its formants, in Hz."""

    pitch: float
    formants: tuple[float, ...]


MAN = Person(110.0, (450.0, 1_150.0, 2_300.0))
WOMAN = Person(215.0, (900.0, 1_950.0, 3_600.0))


def voice(person: Person, seconds: float = 2.0, seed: int = 0) -> NDArray[np.int16]:
    """Syllables of 200 to 300 ms with short gaps, of a loudness and pitch that vary."""
    random = np.random.default_rng(seed)
    count = int(seconds * RATE)
    wave = random.normal(0, 6.0, count)
    at = 0
    while at < count:
        length = min(int(random.uniform(0.2, 0.3) * RATE), count - at)
        time = np.arange(length) / RATE
        pitch = person.pitch * random.uniform(0.95, 1.05)
        syllable = np.zeros(length)
        for number in range(1, int(7_000 / pitch)):
            hertz = number * pitch
            level = sum(np.exp(-(((hertz - each) / 180.0) ** 2)) for each in person.formants)
            syllable += level * np.sin(2 * np.pi * hertz * time + random.uniform(0, 6.28))
        loud = random.uniform(2_000, 4_000)
        wave[at : at + length] += loud * np.hanning(length) * syllable / 2
        at += length + int(0.04 * RATE)
    return wave.clip(-32_768, 32_767).astype(np.int16)
