"""Smart Turn: one network, `smart-turn-VERSION.onnx`, which hears whether a person is done."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vdx.serving.voicepacks.model_files import NOTES, Facts, Parts

FAMILY = "smart_turn"
SAMPLE_RATE = 16_000
LANGUAGES = (
    *("ar", "bn", "da", "de", "en", "es", "fi", "fr", "hi", "id", "it", "ja"),
    *("ko", "mr", "nl", "no", "pl", "pt", "ru", "tr", "uk", "vi", "zh"),
)
"""Those that version 3 was trained on, by its README."""

_NETWORK = re.compile(r"smart-turn-[\w.-]+\.onnx")
_DEVICE = re.compile(r"-(cpu|gpu)$")


def find(names: Iterable[str]) -> list[Parts]:
    """Every network among the files of a folder."""
    there = set(names)
    models = sorted(name for name in there if _NETWORK.fullmatch(PurePosixPath(name).name))
    return [
        Parts(FAMILY, _DEVICE.sub("", PurePosixPath(model).stem), (model, *_notes(model, there)))
        for model in models
        if f"{model}.json" not in there
    ]


def _notes(model: str, there: set[str]) -> list[str]:
    folder = PurePosixPath(model).parent
    return [str(folder / note) for note in NOTES if str(folder / note) in there]


def describe(_folder: Path, _parts: Parts) -> Facts:
    """The network says nothing about itself; whether it is one the family says on loading it."""
    return Facts(LANGUAGES, SAMPLE_RATE)
