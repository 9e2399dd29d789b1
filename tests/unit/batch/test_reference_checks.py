"""Recordings that no voice can be taken from are refused with the reason; people are not."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vdx.batch.reference import RATE, decode_reference
from vdx.batch.reference_checks import require_fit
from vdx.core.errors import InvalidInput

Samples = NDArray[np.float32]
READ = Path(__file__).parents[2] / "data" / "audio" / "ps_librivox_0870.wav"


def read(file: Path) -> Samples:
    with file.open("rb") as opened:
        return decode_reference(opened, file.name, "file")


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Seven seconds of somebody who reads."""
    return read(READ)


def spectrum_cut(heard: Samples, above_hz: float) -> Samples:
    spectrum = np.fft.rfft(heard)
    spectrum[int(above_hz * heard.size / RATE) :] = 0
    return np.fft.irfft(spectrum, heard.size).astype(np.float32)


def music(seconds: float = 8.0) -> Samples:
    """Chords of four notes that fade, one each half second, with a pause behind each."""
    times = np.arange(int(0.5 * RATE)) / RATE
    notes = [(220, 277, 330, 440), (196, 247, 294, 392), (165, 208, 247, 330)]
    chords = [
        sum(np.sin(2 * np.pi * note * times * k) / k for note in chord for k in (1, 2, 3))
        for chord in notes
    ]
    fades = np.exp(-times * 4) * 0.1
    parts = [chords[n % 3] * fades for n in range(int(seconds * 2))]
    noise = np.random.default_rng(1).normal(0, 0.001, int(seconds * 2) * times.size)
    return (np.concatenate(parts) + noise).astype(np.float32)


def test_people_are_taken(speech: Samples) -> None:
    require_fit(speech, "it")
    require_fit(speech * 0.05, "it, softly spoken")


def test_a_sound_as_soft_as_silence_is_refused(speech: Samples) -> None:
    with pytest.raises(InvalidInput, match=r"it is silent \(-\d+ dB at its loudest\)"):
        require_fit(speech * 0.002, "it")


def test_a_clipped_one_is_refused(speech: Samples) -> None:
    loud = np.clip(speech / np.abs(speech).max() * 6, -0.99, 0.99).astype(np.float32)
    with pytest.raises(InvalidInput, match=r"it is clipped \([\d.]+% of it at full"):
        require_fit(loud, "it")


def test_one_with_a_word_alone_is_refused(speech: Samples) -> None:
    short = np.concatenate([np.zeros(4 * RATE, np.float32), speech[: int(1.2 * RATE)]])
    with pytest.raises(InvalidInput, match=r"has only [\d.]+ s of sound"):
        require_fit(short, "it")


def test_how_much_sound_there_is_says_no_more_than_is_needed() -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, round(1.98 * RATE)).astype(np.float32)
    with pytest.raises(InvalidInput, match=r"has only 1\.98 s of sound, fewer than 2;"):
        require_fit(np.concatenate([sound, np.zeros(3 * RATE, np.float32)]), "it")


def test_music_and_noise_are_refused() -> None:
    with pytest.raises(InvalidInput, match="as music"):
        require_fit(music(), "it")
    noise = np.random.default_rng(2).normal(0, 0.1, 5 * RATE).astype(np.float32)
    with pytest.raises(InvalidInput, match="hardly a pause"):
        require_fit(noise, "it")


def test_a_telephone_is_refused(speech: Samples) -> None:
    with pytest.raises(InvalidInput, match="nothing above 4 kHz"):
        require_fit(spectrum_cut(speech, 3600), "it")


def test_two_people_of_different_levels_are_refused(speech: Samples) -> None:
    pause = np.zeros(RATE // 2, np.float32)
    far = speech[: 3 * RATE] * 10 ** (-16 / 20)
    with pytest.raises(InvalidInput, match=r"phrases of two levels, \d+ dB apart"):
        require_fit(np.concatenate([speech, pause, far, pause, far]), "it")
