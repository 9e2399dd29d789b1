"""The silence between two clauses is that of the one table, whoever speaks them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.kokoro_voice import make_voice
from tests.unit.backends.piper import voices
from triton_backends.espeak.engine import EspeakEngine
from triton_backends.kokoro import voicepack as kokoro
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import TtsEngine
from triton_backends.shared.levelling import FixedGain
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.silence import (
    CLAUSE_MS,
    LINE_MS,
    PARAGRAPH_MS,
    PHRASE_MS,
    SENTENCE_MS,
    SOUND,
    pause_after,
)
from triton_backends.shared.speech import Voice, calibrate, stream_speech

TOLERANCE_MS = 25
"""A frame of 20 ms is filled up with silence, and a fade may end a little earlier."""
RATE = 48_000
PAUSES = {
    "hello there": PHRASE_MS,
    "hello there,": CLAUSE_MS,
    "hello there.": SENTENCE_MS,
    "Hello there?": SENTENCE_MS,
    "hello there\n": LINE_MS,
    "Hello there.\n\n": PARAGRAPH_MS,
    "Go, she said:": CLAUSE_MS,
    "Dr. Lin is there.": SENTENCE_MS,
}


def espeak(_: Path) -> TtsEngine:
    return EspeakEngine()


def piper(folder: Path) -> TtsEngine:
    return voices.load("tiny-speakers", folder, **voices.QUIET)


def tiny_kokoro(folder: Path) -> TtsEngine:
    make_voice(folder / "voice")
    return kokoro.load_engine(Parameters({"voicepack": "voice", "threads": "1"}), folder)


def spoken(engine: TtsEngine, text: str) -> np.ndarray:
    """int16 at 48 kHz, trimmed and framed as a client gets it, at one gain all the time."""
    gain = calibrate(engine, TtsRequest("Hello there, this is how loud it is."))
    voice = Voice(engine.sample_rate, gain, trim_start_ms=1_000)
    chunks = engine.synthesize(TtsRequest(text.rstrip("\n")))
    responses = stream_speech(chunks, voice, pause_after(text, 1.0), FixedGain(gain))
    return np.concatenate([response.audio.reshape(-1) for response in responses])


def silence_after(pcm: np.ndarray) -> float:
    """Milliseconds after the last sound."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > SOUND * 32_768)
    return (pcm.size - 1 - int(loud[-1])) * 1000 / RATE


@pytest.mark.parametrize("family", [espeak, piper, tiny_kokoro], ids=["espeak", "piper", "kokoro"])
def test_pauses_are_those_of_the_table(family: Callable[[Path], TtsEngine], tmp_path: Path) -> None:
    engine = family(tmp_path)
    found = {text: silence_after(spoken(engine, text)) for text in PAUSES}
    engine.close()
    assert {
        text: (round(ms), wanted)
        for text, wanted in PAUSES.items()
        if not wanted - TOLERANCE_MS <= (ms := found[text]) <= wanted + TOLERANCE_MS
    } == {}


@pytest.mark.parametrize("family", [espeak, piper, tiny_kokoro], ids=["espeak", "piper", "kokoro"])
def test_a_clause_begins_with_sound(family: Callable[[Path], TtsEngine], tmp_path: Path) -> None:
    engine = family(tmp_path)
    pcm = spoken(engine, "hello there.")
    engine.close()
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > SOUND * 32_768)
    assert loud[0] * 1000 / RATE <= TOLERANCE_MS
