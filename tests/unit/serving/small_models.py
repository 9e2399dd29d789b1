"""Models small enough for a unit test: of the right format, with weights of no meaning."""

import json
import struct
from pathlib import Path
from typing import Any

from vdx.serving.voicepacks.onnx_file import _model_class

INPUTS = ("input", "input_lengths", "scales")


def onnx(
    inputs: tuple[str, ...] = INPUTS,
    *,
    ir_version: int = 8,
    external: str = "",
    inner_external: str = "",
    domain: str = "",
) -> bytes:
    """An ONNX file with one node."""
    model = _model_class()()
    model.ir_version = ir_version
    model.opset_import.add(domain="", version=15)
    for name in inputs:
        model.graph.input.add(name=name)
    model.graph.output.add(name="output")
    node = model.graph.node.add(op_type="Identity", domain=domain)
    if external:
        tensor = model.graph.initializer.add(data_location=1)
        tensor.external_data.add(key="location", value=external)
    if inner_external:
        graph = node.attribute.add().g
        tensor = graph.node.add(op_type="Constant").attribute.add().t
        tensor.external_data.add(key="location", value=inner_external)
    # Weights lie in fields that the excerpt of the schema leaves out.
    return bytes(model.SerializeToString() + b"\x32\x20" + bytes(32))


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


def _text(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def ct2(
    rows: int = 8, *, version: int = 6, specification: str = "WhisperSpec", revision: int = 3
) -> bytes:
    """A `model.bin` of CTranslate2 with one table of int8 [rows, 4]."""
    head = struct.pack("<I", version) + _text(specification) + struct.pack("<I", revision)
    table = _text("decoder/embeddings/weight") + struct.pack("<BII", 2, rows, 4)
    variables = struct.pack("<I", 1) + table + struct.pack("<BI", 1, rows * 4) + bytes(rows * 4)
    aliases = struct.pack("<I", 1) + _text("decoder/projection/weight")
    return head + variables + aliases + _text("decoder/embeddings/weight")


def whisper_files(words: int = 8, **binary: Any) -> dict[str, bytes]:
    """The files of a Whisper model; from 51,865 words on it is multilingual."""
    languages = ["<|en|>", "<|de|>", "<|yue|>", "<|transcribe|>", "<|0.00|>"]
    plain = [f"w{number}" for number in range(words - len(languages))]
    return {
        "model.bin": ct2(words, **binary),
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "vocabulary.json": json.dumps(languages + plain).encode(),
    }


def write_whisper(folder: Path, words: int = 8, **binary: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in whisper_files(words, **binary).items():
        (folder / name).write_bytes(raw)
    return folder
