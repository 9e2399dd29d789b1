"""Speaker networks: their features against a plain computation, and what their loading refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.speaker_model import write_model
from tests.voices import MAN, WOMAN, voice
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.speaker_embedding.engine import SpeakerEngine, load_engine
from triton_backends.speaker_embedding.features import LENGTH, N_FFT, SHIFT, Features, Recipe


def loaded(folder: Path, **changes: Any) -> SpeakerEngine:
    write_model(folder / "voicepack" / "net.onnx", **changes)
    return load_engine(Parameters({}), folder)


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(40, "hamming", unit_range=True)])
def test_features_are_kaldis(recipe: Recipe) -> None:
    """Frame by frame and filter by filter, as Kaldi's documentation has it."""
    pcm = voice(MAN, seconds=0.6)
    found = Features(recipe)(pcm)
    frames = 1 + (pcm.size - LENGTH) // SHIFT
    assert (found.shape, found.dtype) == ((frames, recipe.mels), np.float32)
    expected = np.stack([_banks(pcm, frame, recipe) for frame in range(frames)])
    np.testing.assert_allclose(found, expected - expected.mean(axis=0), atol=2e-3)


def _banks(pcm: NDArray[np.int16], frame: int, recipe: Recipe) -> NDArray[np.float64]:
    wave = pcm[frame * SHIFT :][:LENGTH].astype(np.float64)
    wave = wave / 32768 if recipe.unit_range else wave
    wave -= wave.mean()
    wave = np.array([wave[n] - 0.97 * wave[max(n - 1, 0)] for n in range(LENGTH)])
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(LENGTH) / (LENGTH - 1))
    povey = np.hanning(LENGTH) ** 0.85
    spectrum = np.fft.rfft(wave * (hamming if recipe.window == "hamming" else povey), N_FFT)
    power = np.abs(spectrum) ** 2

    def mel(hertz: float) -> float:
        return float(1127 * np.log(1 + hertz / 700))

    edges = np.linspace(mel(20), mel(8000), recipe.mels + 2)
    banks = np.zeros(recipe.mels)
    for band in range(recipe.mels):
        left, middle, right = edges[band : band + 3]
        for number, value in enumerate(power):
            at = mel(number * 16_000 / N_FFT)
            if left < at < right:
                slope = (
                    (at - left) / (middle - left)
                    if at <= middle
                    else (right - at) / (right - middle)
                )
                banks[band] += slope * value
    return np.log(np.maximum(banks, np.finfo(np.float32).eps))


def test_two_voices_are_told_apart(tmp_path: Path) -> None:
    engine = loaded(tmp_path)
    assert engine.size == 80
    men = [engine.embedding(voice(MAN, seed=seed)) for seed in range(3)]
    women = [engine.embedding(voice(WOMAN, seed=seed)) for seed in range(3)]
    assert all(np.linalg.norm(each) == pytest.approx(1.0, abs=1e-5) for each in men + women)
    assert min(men[0] @ other for other in men[1:]) > 0.8
    assert min(women[0] @ other for other in women[1:]) > 0.8
    assert max(one @ other for one in men for other in women) < 0.4


@pytest.mark.parametrize("samples", [1, 200, 7_999, 480_000])
def test_audio_of_any_length_has_a_voice(tmp_path: Path, samples: int) -> None:
    engine = loaded(tmp_path)
    noise = np.random.default_rng(1).normal(0, 900, samples).astype(np.int16)
    assert np.isfinite(engine.embedding(noise)).all()
    with pytest.raises(InvalidArgument, match="AUDIO is empty"):
        engine.embedding(noise[:0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frames": 300}, r"net.onnx: input feats \[N, 300, 80\] takes pieces of one length"),
        ({"mels": 8}, r"input feats has the shape \[N, N, 8\], not \[N, N, mels\]"),
        ({"metadata": {"sample_rate": "8000"}}, "metadata sample_rate '8000' is not 16000"),
        (
            {"metadata": {"feature_normalize_type": "per_feature"}},
            "metadata feature_normalize_type 'per_feature' is not 'global-mean'",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        loaded(tmp_path, **changes)


def test_networks_that_are_something_else(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"must hold one \.onnx file, not 0"):
        load_engine(Parameters({}), tmp_path)
    (tmp_path / "voicepack").mkdir()
    (tmp_path / "voicepack" / "net.onnx").write_bytes(b"no network")
    with pytest.raises(InvalidArgument, match=r"net\.onnx cannot be loaded"):
        load_engine(Parameters({}), tmp_path)


@pytest.mark.parametrize(
    ("changes", "parameters", "recipe"),
    [
        ({}, {}, Recipe(80, "hamming")),
        ({"inputs": "feature", "outputs": "embedding"}, {}, Recipe(80, "povey", unit_range=True)),
        (
            {"inputs": "x", "metadata": {"framework": "wespeaker", "normalize_samples": "0"}},
            {},
            Recipe(80, "hamming"),
        ),
        ({}, {"window": "povey"}, Recipe(80, "povey")),
    ],
)
def test_the_recipe_follows_the_toolkit(
    tmp_path: Path, changes: dict[str, Any], parameters: dict[str, str], recipe: Recipe
) -> None:
    write_model(tmp_path / "voicepack" / "net.onnx", **changes)
    engine = load_engine(Parameters(parameters), tmp_path)
    pcm = voice(WOMAN, seconds=0.5)
    np.testing.assert_array_equal(engine._features(pcm), Features(recipe)(pcm))
