"""Tells what a file or folder is a model of, by the names in it.

Whether it is sound the family says, which loads it once (`load_check.py`).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import ModuleType

from vdx.core.errors import InvalidVoicepack, UnknownName
from vdx.serving.voicepacks import (
    moonshine,
    piper,
    smart_turn,
    speaker_embedding,
    transducer,
    whisper,
)
from vdx.serving.voicepacks.declared import declared_families
from vdx.serving.voicepacks.files import PICKLES
from vdx.serving.voicepacks.model_files import Facts, Parts

FAMILY_MODULES: dict[str, ModuleType] = {
    moonshine.FAMILY: moonshine,
    piper.FAMILY: piper,
    smart_turn.FAMILY: smart_turn,
    speaker_embedding.FAMILY: speaker_embedding,
    transducer.FAMILY: transducer,
    whisper.FAMILY: whisper,
}
"""Families that the frontend knows, because patterns of names are not enough to tell their files.

Each finds its models among names, and describes one; others bring a `family.yaml`.
"""

TAKEN = (
    "a Piper voice (NAME.onnx with NAME.onnx.json)",
    "a Whisper model of CTranslate2 (a folder with model.bin, config.json and vocabulary.json)",
    "a streaming model (tokens.txt with encoder*.onnx, decoder*.onnx, joiner*.onnx, or CTC's one)",
    "Moonshine (streaming_config.json and its networks, or encoder_model, decoder_model_merged)",
    "Smart Turn (smart-turn-….onnx)",
    "a speaker network (wespeaker….onnx, 3dspeaker….onnx, campplus….onnx, …)",
)
MOST_FILES = 100_000


def describe(folder: Path, parts: Parts) -> Facts | None:
    """What the files say of the model; raises InvalidVoicepack where they do not.

    None for a family that tells it itself, when it loads them.
    """
    module = FAMILY_MODULES.get(parts.family)
    facts: Facts | None = module.describe(folder, parts) if module else None
    return facts


def identify(path: Path) -> tuple[Path, Parts]:
    """The folder and the parts of the one model that `path`, a file or a folder, stands for.

    Raises:
        UnknownName: there is nothing at `path`.
        InvalidVoicepack: it is no model, or more than one.
    """
    if not path.exists():
        raise UnknownName(f"there is no file or folder {path}", param="path")
    if path.is_dir():
        folder, only = path, ""
    else:
        folder, only = path.parent, path.name
    names = _names_in(folder)
    found = pick(names, only, str(path))
    # A model at the top of a folder is called after it.
    return folder, found if found.name else replace(found, name=folder.resolve().name)


def _names_in(folder: Path) -> list[str]:
    """Of the files of a folder, and of those folders in it that a family has files in."""
    names = [each.name for each in folder.iterdir()]
    inner = {name for family in declared_families().values() for name in family.folders}
    for name in sorted(inner.intersection(names)):
        if (folder / name).is_dir():
            names += [f"{name}/{each.name}" for each in (folder / name).iterdir()]
    return names


def pick(names: Iterable[str], only: str, where: str) -> Parts:
    """The one model among `names`; `only` names one of its files where there are several.

    Raises:
        InvalidVoicepack: there is none, or more than one; `where` is what is looked at.
    """
    there = list(names)
    if len(there) > MOST_FILES:
        raise InvalidVoicepack(f"{where} holds {len(there)} files")
    found: list[Parts] = [
        parts for module in FAMILY_MODULES.values() for parts in module.find(there)
    ]
    for family, declared in declared_families().items():
        found += declared.find(family, there)
    if only:
        found = [parts for parts in found if only in parts.files]
        found = [parts for parts in found if parts.files[0] == only] or found
    # A model that is a part of another, such as the speaker network that a voice brings along.
    found = [each for each in found if not any(set(each.files) < set(p.files) for p in found)]
    if not found:
        raise InvalidVoicepack(f"{where}: {_why_not(there, only)}; vdx takes {_taken()}")
    if len(found) > 1:
        several = ", ".join(parts.files[0] for parts in found[:6])
        raise InvalidVoicepack(f"{where} holds several models; name one: {several} …")
    return found[0]


def _taken() -> str:
    return ", or ".join((*TAKEN, *(each.takes for each in declared_families().values())))


def _why_not(names: list[str], only: str) -> str:
    """The most telling reason why there is no model among the names."""
    seen = {PurePosixPath(name).name for name in names}
    lone = [name for name in sorted(seen) if name.endswith(".onnx") and f"{name}.json" not in seen]
    if lone and only in ("", lone[0]):
        return f"{lone[0]} has no {lone[0]}.json beside it"
    if whisper.MODEL in seen and only in ("", whisper.MODEL):
        needed = [whisper.CONFIG]
        if not seen & set(whisper.VOCABULARIES):
            needed.append(whisper.VOCABULARIES[0])
        missing = [name for name in needed if name not in seen]
        if missing:
            return f"beside {whisper.MODEL} there is no {missing[0]}"
    pickles = sorted(name for name in seen if PurePosixPath(name).suffix in PICKLES)
    if pickles and only in ("", *pickles):
        return f"{only or pickles[0]} may be a pickle, which runs code when it is read"
    return "no model is there"


def suggested_id(parts: Parts) -> str:
    """The id a model gets unless another is asked for: the name it goes by, in plain letters."""
    name = whisper.model_id(parts.name) if parts.family == whisper.FAMILY else parts.name
    return plain_id(name) or parts.family


def plain_id(name: str) -> str:
    """A name in the letters that an id may have; empty where it has none of them."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", plain).strip("-._+")[:100]
