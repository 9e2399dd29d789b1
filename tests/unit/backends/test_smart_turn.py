"""Smart Turn's features against those of the reference, and what its engine refuses."""

import json
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from triton_backends.shared.contract import MAX_TURN_SECONDS, decode_turn
from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.smart_turn.engine import InlineGraph, SmartTurnEngine, load_engine
from triton_backends.smart_turn.features import FRAMES, MELS, SAMPLES, TurnFeatures

DATA = Path(__file__).parents[2] / "data"
NETWORKS = DATA / "endpointers"
EVERY = 16
"""The file has every sixteenth frame of the reference's features."""


def recording() -> NDArray[np.int16]:
    with wave.open(str(DATA / "audio" / "ps_something.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def engine(name: str) -> SmartTurnEngine:
    return SmartTurnEngine(InlineGraph((NETWORKS / f"smart-turn-{name}.onnx").read_bytes()))


@pytest.mark.parametrize(("name", "times"), [("short", 1), ("long", 6)])
def test_the_features_are_the_references(name: str, times: int) -> None:
    """Made by the extractor of pipecat-ai 1.14.0; "long" is longer than eight seconds."""
    with np.load(DATA / "smart_turn_features.npz") as file:
        expected = file[name]
    found = TurnFeatures()(np.tile(recording(), times))
    assert (found.shape, found.dtype) == ((MELS, FRAMES), np.float32)
    np.testing.assert_allclose(found[:, ::EVERY], expected, atol=1e-6)


def test_the_last_eight_seconds_count() -> None:
    features, pcm = TurnFeatures(), np.tile(recording(), 6)
    np.testing.assert_array_equal(features(pcm), features(pcm[-SAMPLES:]))


@pytest.mark.parametrize("samples", [0, 1, 160, 199, 200, 201, SAMPLES - 1, SAMPLES, SAMPLES + 1])
def test_audio_of_any_length_has_features(samples: int) -> None:
    noise = np.random.default_rng(1).normal(0, 1000, samples).astype(np.int16)
    found = TurnFeatures()(noise)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, TurnFeatures()(np.pad(noise, (max(0, 40 - samples), 0))))


def test_a_network_judges() -> None:
    judge = engine("level")
    silence = np.zeros(16_000, np.int16)
    assert judge.probability(np.concatenate([recording(), silence])) > judge.probability(
        recording()
    )
    assert engine("done").probability(silence) == pytest.approx(0.99)


def test_nan_is_no_probability() -> None:
    with pytest.raises(Internal, match="nan as a probability"):
        engine("nan").probability(recording())


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot be loaded"):
        InlineGraph(b"no network")
    with pytest.raises(InvalidArgument, match=r"must hold one \.onnx file, not 0"):
        load_engine(Parameters({"voicepack": "."}), tmp_path)
    shutil.copy(NETWORKS / "smart-turn-nan.onnx", tmp_path)
    with pytest.raises(Internal):
        load_engine(Parameters({"voicepack": "."}), tmp_path)
    shutil.copy(NETWORKS / "smart-turn-done.onnx", tmp_path)
    with pytest.raises(InvalidArgument, match="not 2"):
        load_engine(Parameters({"voicepack": "."}), tmp_path)


def test_the_contract_of_a_turn() -> None:
    assert decode_turn({"AUDIO": np.arange(5, dtype=np.int16)}).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(InvalidArgument, match="AUDIO is missing"):
        decode_turn({})
    with pytest.raises(InvalidArgument, match="must be INT16"):
        decode_turn({"AUDIO": np.zeros(3, np.float32)})
    with pytest.raises(InvalidArgument, match="more than 30 s"):
        decode_turn({"AUDIO": np.zeros(MAX_TURN_SECONDS * 16_000 + 1, np.int16)})


def test_a_question_is_timed_beside_its_graph(tmp_path: Path) -> None:
    """`python -m benchmarks smart-turn` runs this program."""
    shutil.copy(NETWORKS / "smart-turn-level.onnx", tmp_path)
    command = [sys.executable, "-m", "benchmarks.smart_turn_compute", str(tmp_path), "2"]
    done = subprocess.run(command, cwd=DATA.parents[1], capture_output=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [set(line) for line in lines] == [{"graph_ms", "question_ms"}] * 2
    assert all(min(line.values()) > 0 for line in lines)
