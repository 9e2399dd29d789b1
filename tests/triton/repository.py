"""A model repository for tests: the real one, and variants with other parameters."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from vdx.serving.model_config import config_text

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "model_repository"


def model_names() -> list[str]:
    """Every model that comes with vdx."""
    return sorted(path.parent.name for path in MODELS.glob("*/config.pbtxt"))


def read_config(folder: Path) -> model_config_pb2.ModelConfig:
    config = model_config_pb2.ModelConfig()
    text_format.Parse((folder / "config.pbtxt").read_text(), config)
    return config


def parameters_of(model: str) -> dict[str, str]:
    config = read_config(MODELS / model)
    return {key: value.string_value for key, value in config.parameters.items()}


def models_of_kind(kind: str) -> list[str]:
    return [name for name in model_names() if parameters_of(name)["kind"] == kind]


def add_variant(
    repository: Path,
    name: str,
    base: str,
    parameters: Mapping[str, str],
    *,
    idle_ms: int | None = None,
    instances: int | None = None,
    backend: str = "",
) -> None:
    """Write model `name`: `base` with these parameters set, of another family if `backend` says."""
    config = read_config(MODELS / base)
    config.name = name
    config.backend = backend or config.backend
    for key, value in parameters.items():
        config.parameters[key].string_value = value
    if idle_ms is not None:
        config.sequence_batching.max_sequence_idle_microseconds = idle_ms * 1000
    if instances is not None:
        config.instance_group[0].count = instances
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))


def copy_repository(target: Path) -> Path:
    shutil.copytree(MODELS, target)
    return target


ENDPOINTERS = ROOT / "tests" / "data" / "endpointers"
"""Networks of a few hundred bytes in the form of Smart Turn; see the README beside them."""


def add_endpointer(repository: Path, name: str, network: str, **parameters: str) -> None:
    """Write model `name` of the smart_turn family over one of those networks."""
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    (folder / "voicepack").mkdir()
    shutil.copy(ENDPOINTERS / f"smart-turn-{network}.onnx", folder / "voicepack")
    values = {"kind": "endpointer", "languages": "*", "sample_rate": "16000", **parameters}
    (folder / "config.pbtxt").write_text(config_text("smart_turn", "endpointer", values))


SPEAKERS = ROOT / "tests" / "data" / "speakers"
"""A network that tells voices apart without weights; see the README beside it."""


def add_speaker_model(repository: Path, name: str) -> None:
    """Write model `name` of the speaker_embedding family over that network."""
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    (folder / "voicepack").mkdir()
    shutil.copy(SPEAKERS / "wespeaker-spread.onnx", folder / "voicepack")
    values = {"kind": "speaker", "languages": "*", "sample_rate": "16000"}
    (folder / "config.pbtxt").write_text(config_text("speaker_embedding", "speaker", values))


WHISPER = ROOT / "tests" / "data" / "whisper-micro-int8"
"""A trained model of a megabyte that knows twenty sentences; see the README beside it."""


def add_whisper(repository: Path, name: str, voicepack: Path | str, **parameters: str) -> None:
    """Write model `name` of the whisper family over the files in `voicepack`."""
    values = {"voicepack": str(voicepack), "languages": "*", "max_utterances": "64"}
    values |= parameters
    add_variant(repository, name, "pocketsphinx-en", values, backend="whisper", instances=1)
