"""Piper voices: `NAME.onnx` beside `NAME.onnx.json`, as piper's training exports them."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pydantic import Field

from vdx.core.errors import InvalidVoicepack
from vdx.core.language_tags import parse_tag
from vdx.serving.voicepacks.files import read_inside, read_json
from vdx.serving.voicepacks.model_files import NOTES, Facts, Loose, Parts, limit_of, parse_loose
from vdx.serving.voicepacks.onnx_file import read_onnx

FAMILY = "piper"
INPUTS = frozenset({"input", "input_lengths", "scales"})
SPEAKER_INPUT = "sid"


class _Audio(Loose):
    sample_rate: int = Field(ge=8_000, le=48_000)


class _Espeak(Loose):
    voice: str = ""


class _Language(Loose):
    code: str = ""


class _Config(Loose):
    audio: _Audio
    espeak: _Espeak = _Espeak()
    language: _Language = _Language()
    phoneme_id_map: dict[str, list[int]] = Field(min_length=1, max_length=10_000)
    num_symbols: int = Field(ge=1, le=1_000_000)
    num_speakers: int = Field(1, ge=0, le=100_000)
    speaker_id_map: dict[str, int] = Field(default_factory=dict)


def find(names: Iterable[str]) -> list[Parts]:
    """Every voice among the files of a folder."""
    there = set(names)
    models = sorted(name for name in there if name.endswith(".onnx") and f"{name}.json" in there)
    return [Parts(FAMILY, PurePosixPath(model).stem, _files(model, there)) for model in models]


def _files(model: str, there: set[str]) -> tuple[str, ...]:
    folder = PurePosixPath(model).parent
    notes = [str(folder / note) for note in NOTES if str(folder / note) in there]
    return model, f"{model}.json", *notes


def describe(folder: Path, parts: Parts) -> Facts:
    """Checks that the network and its configuration are a Piper voice and fit each other.

    Raises:
        InvalidVoicepack: they are not; names the file and the reason.
    """
    model, config_name = parts.files[:2]
    path = folder / config_name
    config = parse_loose(_Config, read_json(folder, config_name), path)
    for phoneme, ids in config.phoneme_id_map.items():
        if any(not 0 <= number < config.num_symbols for number in ids):
            raise InvalidVoicepack(
                f"{path}: phoneme_id_map: {phoneme!r} has an id outside 0 to num_symbols "
                f"({config.num_symbols})"
            )
    for speaker, number in config.speaker_id_map.items():
        if not 0 <= number < max(config.num_speakers, 1):
            raise InvalidVoicepack(
                f"{path}: speaker_id_map: {speaker!r} has the id {number}, and there are "
                f"{config.num_speakers} speakers"
            )
    _check_network(folder / model, read_inside(folder, model, limit_of(model)), config)
    return Facts((_language(config, parts.name, path),), config.audio.sample_rate)


def _check_network(path: Path, raw: bytes, config: _Config) -> None:
    facts = read_onnx(raw, path)
    wanted = INPUTS | ({SPEAKER_INPUT} if config.num_speakers > 1 else set())
    if missing := sorted(wanted - set(facts.inputs)):
        raise InvalidVoicepack(
            f"{path} is no Piper voice: it has no input {missing[0]!r} (it has: "
            f"{', '.join(facts.inputs) or 'none'})"
        )
    if surplus := sorted(set(facts.inputs) - INPUTS - {SPEAKER_INPUT}):
        raise InvalidVoicepack(f"{path} is no Piper voice: it wants an input {surplus[0]!r}")
    if len(facts.outputs) < 1:
        raise InvalidVoicepack(f"{path} is no Piper voice: it has no output")


def _language(config: _Config, name: str, path: Path) -> str:
    """BCP-47: older configurations name only espeak's voice, the oldest only the file does."""
    found = config.language.code or config.espeak.voice or name.partition("-")[0]
    tag = parse_tag(found)
    if tag is None or not tag.language.isalpha():
        raise InvalidVoicepack(f"{path}: language.code: {found[:80]!r} is no language")
    return f"{tag.language}-{tag.territory}" if tag.territory else tag.language
