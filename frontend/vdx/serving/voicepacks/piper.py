"""Piper voices: `NAME.onnx` beside `NAME.onnx.json`, as piper's training exports them."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vdx.core.errors import InvalidVoicepack
from vdx.core.language_tags import parse_tag
from vdx.serving.voicepacks.files import read_json
from vdx.serving.voicepacks.model_files import NOTES, Facts, Loose, Parts, parse_loose

FAMILY = "piper"


class _Audio(Loose):
    sample_rate: int


class _Espeak(Loose):
    voice: str = ""


class _Language(Loose):
    code: str = ""


class _Config(Loose):
    audio: _Audio
    espeak: _Espeak = _Espeak()
    language: _Language = _Language()


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
    """What the configuration says; raises InvalidVoicepack that names the file and the key.

    Whether network and configuration are sound the family says when it loads them.
    """
    config_name = parts.files[1]
    path = folder / config_name
    config = parse_loose(_Config, read_json(folder, config_name), path)
    return Facts((_language(config, parts.name, path),), config.audio.sample_rate)


def _language(config: _Config, name: str, path: Path) -> str:
    """BCP-47: older configurations name only espeak's voice, the oldest only the file does."""
    found = config.language.code or config.espeak.voice or name.partition("-")[0]
    tag = parse_tag(found)
    if tag is None or not tag.language.isalpha():
        raise InvalidVoicepack(f"{path}: language.code: {found[:80]!r} is no language")
    return f"{tag.language}-{tag.territory}" if tag.territory else tag.language
