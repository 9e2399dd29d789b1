"""The folder of a CTranslate2 Whisper model: untrusted files, checked before they are loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import exists, read_json, regular_file
from triton_backends.whisper.model_bin import read_variables
from triton_backends.whisper.network import Architecture, check_network

GIGABYTE = 1 << 30
MAX_WEIGHTS_BYTES = 8 * GIGABYTE  # large-v3 in float32 has 6.2
MAX_TEXT_BYTES = 32 << 20
MAX_TOKENS = 1 << 20
PADDING = 8
"""A converter rounds the table up to a multiple of it."""
LISTS = ("suppress_ids", "suppress_ids_begin", "lang_ids")
NEEDED_TOKENS = ("<|endoftext|>", "<|startoftranscript|>", "<|transcribe|>", "<|notimestamps|>")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that is safe to load; `tokens` is the vocabulary in the order of its numbers."""

    folder: Path
    architecture: Architecture
    tokens: tuple[str, ...]
    tokenizer: Path | None


def open_model_folder(folder: Path) -> ModelFolder:
    """Check model.bin, config.json, the vocabulary and what else CTranslate2 or vdx would read.

    Raises InvalidArgument that names the file and what is wrong with it. Nothing is loaded, and
    nothing outside `folder` is opened.
    """
    if not folder.is_dir():
        raise InvalidArgument(f"voicepack: no folder at {folder}")
    weights = regular_file(folder, "model.bin", MAX_WEIGHTS_BYTES)
    architecture = check_network(read_variables(weights))
    tokens = _vocabulary(folder)
    if not len(tokens) <= architecture.vocabulary < len(tokens) + PADDING:
        raise InvalidArgument(
            f"the vocabulary has {len(tokens)} tokens, model.bin {architecture.vocabulary}"
        )
    _check_config(_read_object(folder, "config.json"), architecture)
    _check_features(folder, architecture)
    tokenizer = folder / "tokenizer.json"
    if exists(tokenizer):
        regular_file(folder, tokenizer.name, MAX_TEXT_BYTES)
        return ModelFolder(folder, architecture, tokens, tokenizer)
    return ModelFolder(folder, architecture, tokens, None)


def _read_object(folder: Path, name: str) -> dict[str, Any]:
    value = read_json(folder, name, MAX_TEXT_BYTES)
    if not isinstance(value, dict):
        raise InvalidArgument(f"{name} holds no object")
    return value


def _vocabulary(folder: Path) -> tuple[str, ...]:
    """The tokens of vocabulary.json, or of vocabulary.txt as older converters wrote it."""
    if exists(folder / "vocabulary.json"):
        tokens = read_json(folder, "vocabulary.json", MAX_TEXT_BYTES)
    else:
        text = regular_file(folder, "vocabulary.txt", MAX_TEXT_BYTES).read_bytes()
        try:
            tokens = text.decode().removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise InvalidArgument(f"vocabulary.txt is not UTF-8: {error}") from None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise InvalidArgument("the vocabulary is no list of strings")
    if len(tokens) > MAX_TOKENS or len(set(tokens)) != len(tokens):
        raise InvalidArgument(
            f"the vocabulary: {len(tokens)} tokens, too many or not all different"
        )
    for token in NEEDED_TOKENS:
        if token not in tokens:
            raise InvalidArgument(f"the vocabulary lacks {token}: not a Whisper model")
    return tuple(tokens)


def _check_config(config: dict[str, Any], architecture: Architecture) -> None:
    """Numbers that CTranslate2 would use as they are, as indices."""
    for key in LISTS:
        for number in _list(config, key):
            if type(number) is not int or not 0 <= number < architecture.vocabulary:
                raise InvalidArgument(f"config.json: {key} names the token {number!r:.40}")
    for pair in _list(config, "alignment_heads"):
        if not (isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)):
            raise InvalidArgument(f"config.json: alignment_heads has {pair!r:.40}")
        layer, head = pair
        if not (0 <= layer < architecture.decoder_layers and 0 <= head < architecture.heads):
            raise InvalidArgument(f"config.json: alignment_heads names head {pair}")


def _list(config: dict[str, Any], key: str) -> list[Any]:
    value = config.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidArgument(f"config.json: {key} is no list")
    return value


def _check_features(folder: Path, architecture: Architecture) -> None:
    """preprocessor_config.json is optional, but must describe the same model."""
    if not exists(folder / "preprocessor_config.json"):
        return
    features = _read_object(folder, "preprocessor_config.json")
    wanted = {"feature_size": architecture.mels, "sampling_rate": 16_000, "hop_length": 160}
    for key, value in {**wanted, "n_fft": 400}.items():
        if features.get(key, value) != value:
            raise InvalidArgument(
                f"preprocessor_config.json: {key} is {features[key]!r:.40}, not {value}"
            )
