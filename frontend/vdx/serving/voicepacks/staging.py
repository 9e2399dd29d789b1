"""Makes a voicepack and its model out of files, aside, before anybody can see them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from vdx.core.errors import InvalidVoicepack
from vdx.serving import model_config
from vdx.serving.voicepacks.declared import declared_families
from vdx.serving.voicepacks.files import copy_inside, digest_inside
from vdx.serving.voicepacks.metadata import Voicepack, parse_metadata
from vdx.serving.voicepacks.model_files import Facts, Parts, licence_in, limit_of

LoadCheck = Callable[[Parts, Path, Mapping[str, str]], Facts | None]
"""Loads a model from its folder once, with parameters; an InvalidVoicepack says why it does not.

Returns what the family says of the files, None where the frontend reads that itself.
"""


TRUSTED = "trusted"
"""A parameter of models whose files may run code: "true" where a person said that they may."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is said about a model by whoever brings it; empty means: see its files."""

    source: str
    id: str = ""
    licence: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """For the family, written into the model's configuration: device, threads …"""
    languages: tuple[str, ...] = ()


def take(folder: Path, parts: Parts, target: Path, *, move: bool) -> tuple[Path, Parts]:
    """The files side by side in `target`, and the parts under the names they have there."""
    target.mkdir()
    for name in parts.files:
        place = target / PurePosixPath(name).name
        if move:
            (folder / name).rename(place)
        else:
            copy_inside(folder, name, place, limit_of(name))
    return target, replace(parts, files=tuple(PurePosixPath(name).name for name in parts.files))


def give_back(staged: Path, folder: Path, parts: Parts) -> None:
    """Moves what `take` moved to where it was, `parts` as they were there."""
    for name in parts.files:
        place = staged / PurePosixPath(name).name
        if place.exists():
            place.rename(folder / name)


def made(
    name: str, parts: Parts, facts: Facts, origin: Origin, staged: Path, given: Voicepack | None
) -> Voicepack:
    """The metadata of staged files; `given` is what came with them, where it is one."""
    digests = {file: digest_inside(staged, file, limit_of(file)) for file in parts.files}
    if given is not None:
        for file, digest in given.files.items():
            if digests.get(file, digest) != digest:
                raise InvalidVoicepack(f"{file} is not the file its sha256 was taken of")
    declared = declared_families().get(parts.family)
    tree = {
        "id": name,
        "family": parts.family,
        "languages": list(origin.languages or facts.languages),
        "sample_rate": facts.sample_rate,
        "cpu_ok": True,
        "expressive": given.expressive if given else bool(declared and declared.expressive),
        "cloning": given.cloning
        if given
        else bool(declared and declared.cloning) and not parts.adapter,
        "lora": given.lora if given else parts.adapter,
        "licence": origin.licence
        or (given.licence if given else licence_in(staged, parts.files))
        or (declared.licence if declared else "")
        or "unknown",
        "source": given.source if given else origin.source,
        # Never because the files say so: those are untrusted.
        "trusted": True if origin.parameters.get(TRUSTED) == "true" else None,
        "part": "adapter" if parts.adapter else None,
        "files": digests,
    }
    return parse_metadata(tree, name)


def write_entry(
    pack: Voicepack, folder: Path, parameters: Mapping[str, str], can: Mapping[str, bool]
) -> None:
    (folder / model_config.VERSION).mkdir(parents=True)
    # Relative, so that the whole of VDX_HOME can be mounted elsewhere.
    place = f"../../voicepacks/{pack.family}/{pack.id}"
    text = model_config.entry_text(pack, place, parameters, can)
    (folder / model_config.CONFIG).write_text(text, encoding="utf-8")
