"""Piper models for the tests: voicepacks beside a repository, made in the models' environment."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.triton import repository as repo
from vdx.core.paths import locate

MAKER = repo.ROOT / "benchmarks" / "piper_voice.py"
QUIET = {"inference": {"noise_scale": 0.0, "noise_w": 0.0}}
"""Without noise the same text gives the same audio every time."""


def make_voicepack(folder: Path, graph: str = "tiny", **changes: Any) -> Path:
    """Writes a voicepack of random weights; returns its folder."""
    options = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    command = [str(locate().triton_python), "-I", str(MAKER), graph, str(folder), *options]
    subprocess.run(command, check=True, timeout=120)
    return folder


def add_piper(repository: Path, name: str, voicepack: Path | str, **parameters: str) -> None:
    """Writes model `name` with these parameters, as `vdx voices` does."""
    add_voice(repository, name, "piper", voicepack, **parameters)


def add_voice(
    repository: Path, name: str, family: str, voicepack: Path | str, **parameters: str
) -> None:
    """Writes model `name` of a family whose voices are voicepacks."""
    config = repo.read_config(repo.MODELS / "espeak-en")
    config.backend = family
    for key in ("default_language", "max_streams"):
        del config.parameters[key]
    for key, value in {"voicepack": str(voicepack), **parameters}.items():
        config.parameters[key].string_value = value
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(repo.text_format.MessageToString(config))
