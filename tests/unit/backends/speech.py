"""Sentences of the trained Whisper test model, spoken by flite; see tests/data/whisper-speech."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parents[2] / "data"
MODEL = DATA / "whisper-micro-int8"

SPOKEN = {
    "what_time_is_it": "what time is it",
    "turn_on_the_kitchen_light": "turn on the kitchen light",
    "i_will_be_home": "i will be home at seven o'clock",
    "set_a_timer": "please set a timer for ten minutes",
    "tell_me_a_story": "tell me a short story about a dog",
    "stop_talking": "stop talking please",
}
"""Recordings and what they say."""


def spoken(name: str, before_ms: int = 300, after_ms: int = 100) -> NDArray[np.int16]:
    """A recording between silences: int16 mono 16 kHz, whole 20 ms frames."""
    with wave.open(str(DATA / "whisper-speech" / f"{name}.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    whole = np.pad(samples, (before_ms * 16, after_ms * 16))
    return whole[: whole.size // 320 * 320]
