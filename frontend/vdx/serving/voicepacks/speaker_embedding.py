"""Speaker networks of WeSpeaker and 3D-Speaker: one ONNX file, told by its name."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vdx.serving.voicepacks.model_files import NOTES, Facts, Parts

FAMILY = "speaker_embedding"
SAMPLE_RATE = 16_000

_NETWORK = re.compile(
    r"(?i)[\w.+-]*(wespeaker|3d-?speaker|campplus|cam\+\+|ecapa|eres2net|voxceleb|cnceleb|speaker)"
    r"[\w.+-]*\.onnx"
)
"""What WeSpeaker, 3D-Speaker and sherpa-onnx call theirs."""


def find(names: Iterable[str]) -> list[Parts]:
    """Every network among the files of a folder; a voice has a description beside it."""
    there = set(names)
    models = sorted(name for name in there if _NETWORK.fullmatch(PurePosixPath(name).name))
    return [
        Parts(FAMILY, PurePosixPath(model).stem, (model, *_notes(model, there)))
        for model in models
        if f"{model}.json" not in there
    ]


def _notes(model: str, there: set[str]) -> list[str]:
    folder = PurePosixPath(model).parent
    return [str(folder / note) for note in NOTES if str(folder / note) in there]


def describe(_folder: Path, _parts: Parts) -> Facts:
    """A voice is one in any language; whether the network is sound the family says."""
    return Facts(("*",), SAMPLE_RATE)
