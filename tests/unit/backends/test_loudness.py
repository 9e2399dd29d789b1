"""Every family's voice over ten sentences, as Triton's clients hear it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest

from tests.unit.backends.piper.voices import QUIET, load
from triton_backends.espeak.engine import EspeakEngine
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import TtsEngine
from triton_backends.shared.speech import CALIBRATION_TEXT, Voice, calibrate, stream_speech
from triton_backends.tone.engine import ToneEngine, ToneOptions

SENTENCES = (
    "Good morning, how can I help you today?",
    "Your table for four is booked at half past seven.",
    "No, that is not what I said!",
    "The train to the coast leaves from platform nine in ten minutes.",
    "Yes.",
    "I have found three hotels near the station, and two of them serve breakfast.",
    "Could you spell your name for me, please?",
    "It costs 25 dollars and 90 cents.",
    "We are sorry for the delay; thank you for waiting so patiently.",
    "Goodbye, and have a wonderful day.",
)

# Random weights make of a voice's noise a level of its own, which no trained voice has.
VOICES: dict[str, Callable[[Path], TtsEngine]] = {
    "tone": lambda _: ToneEngine(ToneOptions()),
    "espeak": lambda _: EspeakEngine(),
    "espeak, another speaker": lambda _: EspeakEngine("de"),
    "piper": lambda folder: load("tiny", folder, **QUIET),
    "piper, several speakers": lambda folder: load("tiny-speakers", folder, **QUIET),
    "piper, high": lambda folder: load("tiny-high", folder, **QUIET),
}


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_plays_at_minus_16_lufs_and_never_clips(name: str, tmp_path: Path) -> None:
    engine = VOICES[name](tmp_path)
    voice = Voice(engine.sample_rate, calibrate(engine, TtsRequest(CALIBRATION_TEXT)))
    spoken = [
        response.audio.reshape(-1)
        for sentence in SENTENCES
        for response in stream_speech(engine.synthesize(TtsRequest(sentence)), voice)
    ]
    engine.close()
    samples = np.concatenate(spoken)
    assert np.abs(samples.astype(np.int32)).max() < 32767
    loudness = pyloudnorm.Meter(48_000).integrated_loudness(samples / 32768)
    assert loudness == pytest.approx(-16.0, abs=1.0)
