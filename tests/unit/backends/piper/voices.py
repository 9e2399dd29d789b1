"""Piper voices for the tests: exact networks, random weights."""

from pathlib import Path
from typing import Any

from benchmarks.piper_voice import make_voice
from triton_backends.piper.engine import PiperEngine
from triton_backends.piper.voicepack import load_engine
from triton_backends.shared.parameters import Parameters

QUIET = {"inference": {"noise_scale": 0.0, "noise_w": 0.0}}
"""Changes that leave the noise out: the same text gives the same audio every time."""


def load(
    graph: str, folder: Path, parameters: dict[str, str] | None = None, **changes: Any
) -> PiperEngine:
    """Makes a voice in `folder` and loads it, as Triton would."""
    make_voice(graph, folder / "voice", **changes)
    return load_engine(Parameters({"voicepack": "voice", **(parameters or {})}), folder)
