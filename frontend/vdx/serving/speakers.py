"""The speakers and styles of a voice on this machine, read from its files without loading it.

Its own, and what was added to voices that are here: adapters, and voices of recordings.
"""

import json
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from vdx.core.errors import InvalidInput, ModelFailed
from vdx.core.names import unknown_name
from vdx.core.paths import Paths
from vdx.serving.model_config import read_entry, voicepack_of
from vdx.serving.models import ModelInfo
from vdx.serving.voicepacks.declared import declared_families
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.serving.voicepacks.store import VoicepackStore

LARGEST_CONFIG = 16 * 1024 * 1024
STYLES = ("voices*.npz", "voices*.bin")
XTTS_VOICES = "speakers.safetensors"
XTTS_LATENTS = "gpt/"
CSM_SPEAKERS = tuple("0123456789")
ESPEAK_VARIANTS = "lib/python*/site-packages/espeakng_loader/espeak-ng-data/voices/!v/*"


@dataclass(frozen=True, slots=True)
class Speakers:
    """What SPEAKER of a voice may be; both are empty for a voice of one speaker."""

    names: tuple[str, ...]
    """Each speaker once, as people choose one."""
    also: tuple[str, ...] = ()
    """Other names of the same speakers."""

    @property
    def known(self) -> tuple[str, ...]:
        """Every name that the voice understands."""
        return (*self.names, *self.also)


def speakers_here(
    model: str, paths: Paths, parts: Iterable[Voicepack] | None = None
) -> tuple[str, ...] | None:
    """The speakers or styles of a voice, sorted as its files have them; empty where it has one.

    Behind its own are those of `parts`, by default what was added here, that it speaks with.
    None: its files are not on this machine, or do not name them.
    """
    for repository in paths.model_repositories:
        folder = repository / model
        if not folder.is_dir():
            continue
        try:
            info = read_entry(folder)
        except ModelFailed:
            return None  # Triton says what is wrong with it when it is asked to load it
        own = _own(info, folder, paths)
        added = speaks_with(info, kept_parts(paths) if parts is None else parts)
        added = tuple(each for each in added if each not in (own or ()))
        return own if own is None and not added else (*(own or ()), *added)
    return None


def own_speakers(model: ModelInfo, paths: Paths) -> tuple[str, ...]:
    """Those that a voice has by itself; empty where it has one, or its files do not name them."""
    folder = _folder(model, paths)
    return (_own(model, folder, paths) or ()) if folder is not None else ()


def _folder(model: ModelInfo, paths: Paths) -> Path | None:
    """Where its files are on this machine."""
    folders = (repository / model.name for repository in paths.model_repositories)
    return next((each for each in folders if each.is_dir()), None)


def _own(info: ModelInfo, folder: Path, paths: Paths) -> tuple[str, ...] | None:
    if info.family == "csm":
        return CSM_SPEAKERS
    found = _known(info, folder, paths)
    return None if found is None else found.names


def kept_parts(paths: Paths) -> list[Voicepack]:
    """What was added to voices here: adapters, and voices of recordings."""
    return VoicepackStore(paths).parts()


def speaks_with(info: ModelInfo, parts: Iterable[Voicepack]) -> tuple[str, ...]:
    """Which of `parts` a voice has as speakers, by id."""
    return tuple(pack.id for pack in parts if _speaks_with(info, pack))


def _speaks_with(info: ModelInfo, pack: Voicepack) -> bool:
    if pack.clone is None:
        return pack.part == "adapter" and pack.family == info.family
    return info.can("zero_shot") and bool(pack.clone.text or not needs_text(info.family))


def needs_text(family: str) -> bool:
    """Whether a voice of the family has to know what a recording says, to speak with its voice."""
    declared = declared_families().get(family)
    return declared is not None and declared.reference_text


def require_speaker(model: ModelInfo, speaker: str, paths: Paths) -> None:
    """Checks the speaker or style that a voice is asked for; an empty one is its usual one.

    What was added to it here counts too. Voices whose files are not here, or do not name their
    speakers, are not checked: their model refuses.

    Raises:
        UnknownName: the voice has no such speaker or style; the message suggests the nearest.
        InvalidInput: the voice has one speaker only.
    """
    if not speaker or (folder := _folder(model, paths)) is None:
        return
    added = speaks_with(model, kept_parts(paths))
    if speaker in added or (found := _known(model, folder, paths)) is None:
        return
    if not found.names and speaker != "0":
        raise InvalidInput(
            f"voice {model.name!r} has one speaker: {speaker!r} is not known to it", param="voice"
        )
    for part in _parts(model.family, speaker) if found.names else ():
        if part not in found.known:
            known = (*found.names, *added)
            raise unknown_name(f"speaker of {model.name}", part, known, param="voice")


def _known(info: ModelInfo, folder: Path, paths: Paths) -> Speakers | None:
    """Those that its files name; None where they name none."""
    if info.family == "espeak":
        return _espeak(paths.triton_venv)
    return _speakers(info, folder)


def _speakers(info: ModelInfo, folder: Path) -> Speakers | None:
    """Those of a voice that was made of a voicepack; None where they are not known."""
    find = FAMILIES.get(info.family)
    if find is None or (voicepack := voicepack_of(folder)) is None:
        return None
    return find(voicepack)


def _parts(family: str, speaker: str) -> list[str]:
    """A blend of styles names several, with weights."""
    if family != "kokoro":
        return [speaker]
    return [part.partition(":")[0].strip() for part in speaker.split("+")]


def _piper(voicepack: Path) -> Speakers | None:
    """By name, or by number where one has no name; none for a voice of one."""
    for file in sorted(voicepack.glob("*.onnx.json")):
        try:
            if file.stat().st_size > LARGEST_CONFIG:
                return None
            table = json.loads(file.read_text(encoding="utf-8"))
            count = int(table.get("num_speakers", 1))
            named = {str(name): int(n) for name, n in (table.get("speaker_id_map") or {}).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return None  # the model tells what is wrong with it when it is loaded
        if count <= 1:
            return Speakers(())
        numbered = set(named.values())
        nameless = (str(number) for number in range(count) if number not in numbered)
        return Speakers((*named, *nameless), tuple(str(n) for n in sorted(numbered)))
    return None


def _kokoro(voicepack: Path) -> Speakers | None:
    """The names of the arrays of styles."""
    for file in sorted(chain.from_iterable(map(voicepack.glob, STYLES))):
        try:
            with zipfile.ZipFile(file) as archive:
                return Speakers(tuple(name.removesuffix(".npy") for name in archive.namelist()))
        except (OSError, zipfile.BadZipFile):
            return None
    return None


def _xtts(voicepack: Path) -> Speakers | None:
    """The names of the tensors, which the head of a safetensors file lists as JSON."""
    try:
        with (voicepack / XTTS_VOICES).open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            head = json.loads(file.read(min(size, LARGEST_CONFIG)))
    except (OSError, ValueError, struct.error):
        return None
    if not isinstance(head, dict):
        return None
    latents = sorted(key for key in head if key.startswith(XTTS_LATENTS))
    return Speakers(tuple(key.removeprefix(XTTS_LATENTS) for key in latents))


def _espeak(triton_venv: Path) -> Speakers | None:
    """The variants of espeak-ng, which lie beside its library in the environment of the models."""
    names = sorted(file.name for file in triton_venv.glob(ESPEAK_VARIANTS))
    return Speakers(tuple(names), tuple(f"+{name}" for name in names)) if names else None


FAMILIES: Mapping[str, Callable[[Path], Speakers | None]] = MappingProxyType(
    {"piper": _piper, "kokoro": _kokoro, "xtts": _xtts}
)
"""How the speakers of a family are found; None where its files cannot be read."""
