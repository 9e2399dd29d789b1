"""Reads and writes `config.pbtxt`, the configuration of a model in Triton.

Configurations are made here only, and as protobuf messages, not by joining text.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from vdx.core.errors import InvalidInput, ModelFailed
from vdx.serving.models import ASKED, CAPABILITIES, ModelInfo, ModelKind, describe
from vdx.serving.voicepacks.metadata import Voicepack

CONFIG = "config.pbtxt"
VERSION = "1"
"""The version folder without which Triton does not see a model; in vdx it is empty."""
LARGEST_CONFIG = 1024 * 1024
MOST_PARSED = 1024
"""Configurations that are remembered."""

_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,60}")

TOGETHER = {"whisper": {"max_batch": "8"}}
"""By family, how many utterances a model decodes as one batch; the number may be edited."""

PUNCTUATES = frozenset({"whisper"})
DETECTING = frozenset({"whisper"})
"""Whose models of several languages tell them apart, and translate into English."""
PROMPTED = frozenset({"moonshine", "transducer", "whisper"})
"""Families whose transcripts have full stops, and families that take words to expect."""

HEARING = frozenset({"csm"})
"""Families of voices that take what the person said last, its sound and its words."""

SEQUENCE_IDLE_US = 5_000_000
MOST_SEQUENCES = 64

Tensor = tuple[str, str, list[int], bool]
"""Tensors of a contract: name, type, dimensions, whether it may be left out."""

TTS_INPUTS: tuple[Tensor, ...] = (
    ("TEXT", "TYPE_STRING", [1], False),
    ("SPEAKER", "TYPE_STRING", [1], True),
    ("LANGUAGE", "TYPE_STRING", [1], True),
    ("SPEED", "TYPE_FP32", [1], True),
    ("REFERENCE_AUDIO", "TYPE_INT16", [-1], True),
    ("REFERENCE_TEXT", "TYPE_STRING", [1], True),
)
HEARD: tuple[Tensor, ...] = (
    ("HEARD_AUDIO", "TYPE_INT16", [-1], True),
    ("HEARD_TEXT", "TYPE_STRING", [1], True),
)
"""Of voices that hear the person."""
TTS_OUTPUTS: tuple[Tensor, ...] = (
    ("AUDIO", "TYPE_INT16", [-1, 960], False),
    ("WORDS", "TYPE_STRING", [1], False),
)
ASR_INPUTS: tuple[Tensor, ...] = (
    ("AUDIO", "TYPE_INT16", [-1], False),
    ("LANGUAGE", "TYPE_STRING", [1], True),
    ("SESSION", "TYPE_STRING", [1], True),
    ("FLUSH", "TYPE_BOOL", [1], True),
    ("CANCEL", "TYPE_BOOL", [1], True),
)
ASR_OUTPUTS: tuple[Tensor, ...] = (
    ("TEXT", "TYPE_STRING", [1], False),
    ("STABLE", "TYPE_INT32", [1], False),
    ("AUDIO_MS", "TYPE_INT32", [1], False),
    ("STATE", "TYPE_UINT8", [1], False),
    ("CONFIDENCE", "TYPE_FP32", [1], False),
    ("WORDS", "TYPE_STRING", [1], False),
)
PROMPT: Tensor = ("PROMPT", "TYPE_STRING", [1], True)
"""Of recognisers that take words to expect."""
MARKS: Tensor = ("MARKS", "TYPE_STRING", [1], False)
"""Of recognisers that tell when the person is done."""
TRANSLATE: Tensor = ("TRANSLATE", "TYPE_BOOL", [1], True)
"""Of recognisers that translate into English."""
DETECTED: tuple[Tensor, ...] = (
    ("LANGUAGE", "TYPE_STRING", [1], False),
    ("LANGUAGE_PROBABILITY", "TYPE_FP32", [1], False),
)
"""Of recognisers that tell which language they hear."""
ENDPOINTER_INPUTS: tuple[Tensor, ...] = (("AUDIO", "TYPE_INT16", [-1], False),)
ENDPOINTER_OUTPUTS: tuple[Tensor, ...] = (("PROBABILITY", "TYPE_FP32", [1], False),)
SPEAKER_OUTPUTS: tuple[Tensor, ...] = (("EMBEDDING", "TYPE_FP32", [-1], False),)
TENSORS: dict[ModelKind, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]] = {
    "tts": (TTS_INPUTS, TTS_OUTPUTS),
    "asr": (ASR_INPUTS, ASR_OUTPUTS),
    "endpointer": (ENDPOINTER_INPUTS, ENDPOINTER_OUTPUTS),
    "speaker": (ENDPOINTER_INPUTS, SPEAKER_OUTPUTS),
}
"""What the models of each kind take and give."""


def entry_text(
    pack: Voicepack, voicepack: str, more: Mapping[str, str], can: Mapping[str, bool] | None = None
) -> str:
    """The `config.pbtxt` of a voicepack that lies at `voicepack`, seen from the model's folder.

    `more` are parameters of the family; `can` has capabilities that its files tell.

    Raises:
        InvalidInput: a parameter of `more` cannot be set for the family.
    """
    parameters = _parameters(pack, voicepack)
    parameters |= {capability: str(told).lower() for capability, told in (can or {}).items()}
    for key, value in more.items():
        if key in parameters or not _PARAMETER.fullmatch(key):
            raise InvalidInput(f"parameter {key!r} cannot be set", param="parameter")
        parameters[key] = value
    parameters = {**TOGETHER.get(pack.family, {}), **parameters}
    return config_text(pack.family, pack.kind, parameters)


def config_text(family: str, kind: ModelKind, parameters: Mapping[str, str]) -> str:
    """A `config.pbtxt` with the tensors of its kind's contract."""
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2 as pb

    config = pb.ModelConfig(backend=family)
    config.model_transaction_policy.decoupled = kind not in ASKED
    config.instance_group.add(count=1, kind=pb.ModelInstanceGroup.KIND_CPU)
    if kind == "asr":
        batching = config.sequence_batching
        batching.max_sequence_idle_microseconds = SEQUENCE_IDLE_US
        batching.oldest.max_candidate_sequences = MOST_SEQUENCES
    inputs, outputs = TENSORS[kind]
    if parameters.get("prompts") == "true":
        inputs = (*inputs, PROMPT)
    if parameters.get("hears_user") == "true":
        inputs = (*inputs, *HEARD)
    if parameters.get("turn_marks") == "true":
        outputs = (*outputs, MARKS)
    if parameters.get("language_detection") == "true":
        outputs = (*outputs, *DETECTED)
    if parameters.get("translation") == "true":
        inputs = (*inputs, TRANSLATE)
    for name, dtype, dims, optional in inputs:
        data_type = pb.DataType.Value(dtype)
        config.input.add(name=name, data_type=data_type, dims=dims, optional=optional)
    for name, dtype, dims, _ in outputs:
        config.output.add(name=name, data_type=pb.DataType.Value(dtype), dims=dims)
    for key, value in parameters.items():
        config.parameters[key].string_value = value
    text: str = text_format.MessageToString(config, as_utf8=True)
    return text


def _parameters(pack: Voicepack, voicepack: str) -> dict[str, str]:
    multilingual = len(pack.languages) > 1 or "*" in pack.languages
    can = {
        "streaming": pack.kind not in ASKED,
        "zero_shot": pack.cloning,
        "lora": pack.lora,
        "cpu_ok": pack.cpu_ok,
        "emotive_zero_prompt": pack.expressive,
        "hears_user": pack.family in HEARING,
        "word_times": pack.kind not in ASKED and pack.word_times,
        # What a network thinks of its own words is no measure of whether anybody spoke them.
        "calibrated_confidence": False,
        "punctuation": pack.family in PUNCTUATES,
        "prompts": pack.family in PROMPTED,
        "turn_marks": False,
        "language_detection": pack.family in DETECTING and multilingual,
        "translation": pack.family in DETECTING and multilingual,
    }
    return {
        "kind": pack.kind,
        "languages": ",".join(pack.languages),
        "sample_rate": str(pack.sample_rate),
        **{capability: str(can[capability]).lower() for capability in CAPABILITIES},
        **({"sounds": ",".join(pack.sounds)} if pack.sounds else {}),
        "voicepack": voicepack,
    }


def read_entry(folder: Path) -> ModelInfo:
    """The description in the `config.pbtxt` of a model's folder, parsed where it has changed.

    Raises:
        ModelFailed: there is none, or it is not a configuration of vdx.
    """
    try:
        found = (folder / CONFIG).stat()
    except OSError as error:
        raise ModelFailed(f"{folder / CONFIG}: {error.strerror}", model=folder.name) from error
    return _parsed(folder, (found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=MOST_PARSED)
def _parsed(folder: Path, _version: tuple[int, int, int]) -> ModelInfo:
    """Parsing takes 2 ms, and every second each server of a process is looked at."""
    from google.protobuf import text_format

    try:
        raw = (folder / CONFIG).read_bytes()[:LARGEST_CONFIG]
        config = text_format.Parse(raw, _config_class()())
    except OSError as error:
        raise ModelFailed(f"{folder / CONFIG}: {error.strerror}", model=folder.name) from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ModelFailed(f"{folder / CONFIG}: {error}", model=folder.name) from error
    parameters = {key: value.string_value for key, value in config.parameters.items()}
    return describe(folder.name, config.backend, parameters)


def voicepack_of(folder: Path) -> Path | None:
    """The voicepack that the model in `folder` was made of; None where it has none."""
    from google.protobuf import text_format

    try:
        raw = (folder / CONFIG).read_bytes()[:LARGEST_CONFIG]
        config = text_format.Parse(raw, _config_class()())
    except (OSError, text_format.ParseError, UnicodeDecodeError):
        return None
    if "voicepack" not in config.parameters:
        return None
    return folder / str(config.parameters["voicepack"].string_value)


def read_repository(repository: Path) -> dict[str, ModelInfo]:
    """Every model of a repository that can be read, by name; empty where there is none."""
    found = {}
    for config in sorted(repository.glob(f"*/{CONFIG}")):
        try:
            found[config.parent.name] = read_entry(config.parent)
        except ModelFailed:
            continue  # Triton says what is wrong with it when it is asked to load it
    return found


def _config_class() -> Any:
    from tritonclient.grpc import model_config_pb2 as pb

    return pb.ModelConfig
