"""Models small enough for a unit test: their files, with networks that no family would load."""

import json
from pathlib import Path
from typing import Any


def onnx() -> bytes:
    """Stands for a network, which the frontend copies and never reads."""
    return b"\x08\x08" + bytes(100)


def piper_config(**changes: Any) -> dict[str, Any]:
    return {
        "audio": {"sample_rate": 22050, "quality": "medium"},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US"},
        "phoneme_type": "espeak",
        "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [3]},
        "num_symbols": 256,
        "num_speakers": 1,
        "speaker_id_map": {},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        **changes,
    }


def write_piper(
    folder: Path, name: str = "en_US-test-medium", *, network: bytes | None = None, **config: Any
) -> Path:
    """Writes a voice and returns the path of its network."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / f"{name}.onnx"
    model.write_bytes(onnx() if network is None else network)
    (folder / f"{name}.onnx.json").write_text(json.dumps(piper_config(**config)))
    return model


def whisper_files(words: int = 8) -> dict[str, bytes]:
    """The files of a Whisper model; from 51,865 words on it is multilingual."""
    languages = ["<|en|>", "<|de|>", "<|yue|>", "<|transcribe|>", "<|0.00|>"]
    plain = [f"w{number}" for number in range(words - len(languages))]
    return {
        "model.bin": b"\6\0\0\0" + bytes(100),
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "vocabulary.json": json.dumps(languages + plain).encode(),
    }


def write_whisper(folder: Path, words: int = 8) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in whisper_files(words).items():
        (folder / name).write_bytes(raw)
    return folder
