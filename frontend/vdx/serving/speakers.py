"""The speakers and styles of a voice on this machine, read from its files without loading it."""

import json
import zipfile
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from vdx.core.errors import InvalidInput
from vdx.core.names import unknown_name
from vdx.serving.model_config import voicepack_of
from vdx.serving.models import ModelInfo

LARGEST_CONFIG = 16 * 1024 * 1024
STYLES = ("voices*.npz", "voices*.bin")


def check_speaker(info: ModelInfo, speaker: str, folder: Path) -> None:
    """Checks the speaker that a voice in `folder` is asked for; an empty one is its usual one.

    Families whose files do not name their speakers are not checked: their model refuses.

    Raises:
        UnknownName: the voice has no such speaker or style; the message suggests the nearest.
        InvalidInput: the voice has one speaker only.
    """
    names = _names(info, folder) if speaker else None
    if names is None:
        return
    if not names and speaker != "0":
        raise InvalidInput(
            f"voice {info.name!r} has one speaker: {speaker!r} is not known to it", param="voice"
        )
    for part in _parts(info.family, speaker) if names else ():
        if part not in names:
            raise unknown_name(f"speaker of {info.name}", part, names, param="voice")


def speakers_of(info: ModelInfo, folder: Path) -> tuple[str, ...]:
    """The speakers or styles of a voice; none where it has one, or its files do not tell."""
    return _names(info, folder) or ()


def _names(info: ModelInfo, folder: Path) -> tuple[str, ...] | None:
    find = FAMILIES.get(info.family)
    if find is None or (voicepack := voicepack_of(folder)) is None:
        return None
    return find(voicepack)


def _parts(family: str, speaker: str) -> list[str]:
    """A blend of styles names several, with weights."""
    if family != "kokoro":
        return [speaker]
    return [part.partition(":")[0].strip() for part in speaker.split("+")]


def _piper(voicepack: Path) -> tuple[str, ...] | None:
    """Names and numbers; empty for a voice of one, whose number may be left out."""
    for file in sorted(voicepack.glob("*.onnx.json")):
        try:
            if file.stat().st_size > LARGEST_CONFIG:
                return None
            table = json.loads(file.read_text(encoding="utf-8"))
            count = int(table.get("num_speakers", 1))
            named = table.get("speaker_id_map") or {}
        except (OSError, ValueError, TypeError, AttributeError):
            return None  # the model tells what is wrong with it when it is loaded
        return tuple(chain(named, map(str, range(count)))) if count > 1 else ()
    return None


def _kokoro(voicepack: Path) -> tuple[str, ...] | None:
    """The names of the arrays of styles."""
    for file in sorted(chain.from_iterable(map(voicepack.glob, STYLES))):
        try:
            with zipfile.ZipFile(file) as archive:
                return tuple(name.removesuffix(".npy") for name in archive.namelist())
        except (OSError, zipfile.BadZipFile):
            return None
    return None


FAMILIES: Mapping[str, Callable[[Path], tuple[str, ...] | None]] = MappingProxyType(
    {"piper": _piper, "kokoro": _kokoro}
)
"""How the speakers of a family are found; None where its files cannot be read."""
