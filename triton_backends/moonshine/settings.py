"""`streaming_config.json`: the sizes of a streaming Moonshine.

Keys: moonshine-ai/moonshine core/moonshine-streaming-model.h `MoonshineStreamingConfig`.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import read_json

FILE = "streaming_config.json"
MAX_BYTES = 64 << 10
MOST = 1 << 20
LONGEST_TEXT = 448
"""Tokens that a decoder was made for, where the file does not say."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes and tokens; `frame_len` in samples at 16 kHz, `total_lookahead` in features."""

    encoder_dim: int
    decoder_dim: int
    depth: int
    nheads: int
    head_dim: int
    vocab_size: int
    bos_id: int
    eos_id: int
    frame_len: int
    total_lookahead: int
    d_model_frontend: int
    c1: int
    max_seq_len: int = LONGEST_TEXT


MAY_BE_ZERO = frozenset({"bos_id", "eos_id", "total_lookahead"})


def read_settings(folder: Path) -> Settings:
    """Raises InvalidArgument naming the key and the value that is wrong."""
    tree = read_json(folder, FILE, MAX_BYTES)
    if not isinstance(tree, dict):
        raise InvalidArgument(f"{FILE} is no object")
    found = {"max_seq_len": LONGEST_TEXT} | tree
    numbers = {each.name: _number(each.name, found) for each in fields(Settings)}
    settings = Settings(**numbers)
    for key in ("bos_id", "eos_id"):
        if numbers[key] >= settings.vocab_size:
            raise InvalidArgument(f"{FILE}: {key} {numbers[key]} is beyond the vocabulary")
    return settings


def _number(key: str, tree: dict[str, Any]) -> int:
    if key not in tree:
        raise InvalidArgument(f"{FILE} has no {key!r}")
    value = tree[key]
    least = 0 if key in MAY_BE_ZERO else 1
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < MOST:
        raise InvalidArgument(f"{FILE}: {key} {str(value)[:40]!r} cannot be")
    return value
