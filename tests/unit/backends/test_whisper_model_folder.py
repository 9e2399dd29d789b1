"""Files of a Whisper model are untrusted: whatever is wrong with them is said, never loaded."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.backends.speech import MODEL
from triton_backends.shared.errors import BackendError, InvalidArgument
from triton_backends.whisper.engine import WhisperEngine
from triton_backends.whisper.model_bin import read_variables
from triton_backends.whisper.model_folder import open_model_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL, tmp_path / "pack"))


def edit(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    file = folder / name
    value = json.loads(file.read_text())
    file.write_text(json.dumps(change(value) or value))


def patch(folder: Path, name: str, old: bytes, new: bytes) -> None:
    """Replace what follows the variable `name` in model.bin."""
    raw = (folder / "model.bin").read_bytes()
    at = raw.index(name.encode() + b"\0" + old) + len(name) + 1
    (folder / "model.bin").write_bytes(raw[:at] + new + raw[at + len(new) :])


def scalar(dtype: int, value: bytes) -> bytes:
    return struct.pack("<BBI", 0, dtype, len(value)) + value


def test_a_whole_model_is_taken() -> None:
    pack = open_model_folder(MODEL)
    assert (pack.architecture.mels, pack.architecture.window) == (80, 600)
    assert len(pack.tokens) == pack.architecture.vocabulary == 1766


@pytest.mark.parametrize("name", ["model.bin", "config.json", "vocabulary.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InvalidArgument, match=name.replace("json", "(json|txt)")):
        open_model_folder(folder)


def test_optional_files_may_be_missing(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    (folder / "tokenizer.json").unlink()
    engine = WhisperEngine(folder)
    engine.close()
    assert engine.recogniser.vocabulary.text([ord("H") - 33, ord("i") - 33]).strip()


def test_truncated_anywhere(folder: Path) -> None:
    raw = (folder / "model.bin").read_bytes()
    cuts = np.random.default_rng(0).integers(0, len(raw), 150).tolist()
    for cut in [0, 1, 3, 4, 10, 17, 25, len(raw) - 1, *cuts]:
        (folder / "model.bin").write_bytes(raw[:cut])
        with pytest.raises(InvalidArgument):
            open_model_folder(folder)


def test_bytes_changed_anywhere_never_crash(folder: Path) -> None:
    """Changed weights are still a network; anything else is refused. Nothing else may happen."""
    raw = bytearray((folder / "model.bin").read_bytes())
    random = np.random.default_rng(1)
    refused = 0
    for at in [*range(120), *random.integers(0, len(raw), 200).tolist()]:
        changed = bytearray(raw)
        changed[at] ^= 1 << int(random.integers(8))
        (folder / "model.bin").write_bytes(changed)
        try:
            open_model_folder(folder)
        except InvalidArgument:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("encoder/num_heads", scalar(2, b"\x04\0"), scalar(2, b"\0\0"), "0 attention heads"),
        ("decoder/num_heads", scalar(2, b"\x04\0"), scalar(2, b"\x05\0"), "5 attention heads"),
        ("decoder/activation", scalar(1, b"\x03"), scalar(1, b"\x63"), "decoder/activation"),
        ("encoder/conv1/bias", struct.pack("<BI", 1, 96), struct.pack("<BI", 1, 95), "380|384"),
        ("encoder/conv1/bias", b"\x01", b"\xff", "rank 255"),
    ],
)
def test_a_network_that_would_crash_is_refused(
    folder: Path, name: str, old: bytes, new: bytes, said: str
) -> None:
    patch(folder, name, old, new)
    with pytest.raises(InvalidArgument, match=said):
        open_model_folder(folder)


def test_another_version_says_what_to_do(folder: Path) -> None:
    raw = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(struct.pack("<I", 9) + raw[4:])
    with pytest.raises(InvalidArgument, match=r"version 9.*convert the model again"):
        open_model_folder(folder)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("config.json", lambda c: c.update(alignment_heads=[[7, 0]]), "alignment_heads"),
        ("config.json", lambda c: c.update(alignment_heads=[[0]]), "alignment_heads"),
        ("config.json", lambda c: c.update(suppress_ids=[999_999]), "suppress_ids.*999999"),
        ("config.json", lambda c: c.update(lang_ids=["en"]), "lang_ids"),
        ("config.json", lambda c: [c], "no object"),
        ("vocabulary.json", lambda v: v.extend(["x"] * 3), "not all different"),
        ("vocabulary.json", lambda v: v[:100], "lacks"),
        ("vocabulary.json", lambda v: v.__setitem__(5, 5), "list of strings"),
        ("preprocessor_config.json", lambda p: p.update(feature_size=128), "feature_size"),
        ("tokenizer.json", lambda t: {"version": "1.0"}, "tokenizer.json"),
    ],
)
def test_what_a_file_says_is_checked(
    folder: Path, name: str, change: Callable[[Any], Any], said: str
) -> None:
    edit(folder, name, change)
    with pytest.raises(InvalidArgument, match=said):
        WhisperEngine(folder)


def test_nesting_without_end_is_no_json(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 200_000)
    with pytest.raises(InvalidArgument, match=r"config\.json"):
        open_model_folder(folder)


def test_no_file_may_lie_outside(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere.bin"
    (folder / "model.bin").rename(outside)
    (folder / "model.bin").symlink_to(outside)
    with pytest.raises(InvalidArgument, match="leads out"):
        open_model_folder(folder)


def test_too_large_is_refused_unread(folder: Path) -> None:
    os.truncate(folder / "model.bin", 9 << 30)  # sparse
    os.truncate(folder / "config.json", 40 << 20)
    with pytest.raises(InvalidArgument, match=r"model\.bin has"):
        open_model_folder(folder)
    shutil.copy(MODEL / "model.bin", folder)
    with pytest.raises(InvalidArgument, match=r"config\.json has"):
        open_model_folder(folder)


def test_a_directory_or_a_pipe_is_no_file(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(InvalidArgument, match=r"config\.json is not a file"):
        open_model_folder(folder)


def test_the_directory_of_variables_is_read_without_the_weights() -> None:
    variables = read_variables(MODEL / "model.bin")
    assert variables["decoder/projection/weight"].shape == (1766, 96)
    assert all(len(variable.value) <= 2 for variable in variables.values())


def test_a_hostile_model_is_an_error_of_the_backend(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(BackendError, match=r"\[invalid_argument\] model.bin"):
        WhisperEngine(folder)
