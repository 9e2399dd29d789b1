"""Whether the files of a voicepack are what its metadata says."""

from pathlib import Path

from vdx.core.errors import InvalidVoicepack
from vdx.serving.voicepacks import identify
from vdx.serving.voicepacks.files import digest_inside
from vdx.serving.voicepacks.metadata import METADATA, Voicepack
from vdx.serving.voicepacks.model_files import limit_of


def check_pack(pack: Voicepack, folder: Path) -> None:
    """Digests, completeness and content of a voicepack's files; raises InvalidVoicepack."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if (path.is_symlink() or not path.is_dir()) and name not in {*pack.files, METADATA}:
            raise InvalidVoicepack(f"{path} is not listed in {METADATA}")
    for name, digest in pack.files.items():
        if digest_inside(folder, name, limit_of(name)) != digest:
            raise InvalidVoicepack(f"{folder / name} is not the file its sha256 was taken of")
    if pack.files and pack.part != "clone":
        parts = identify.pick(pack.files, "", str(folder))
        facts = identify.describe(folder, parts)
        rate = facts.sample_rate if facts else pack.sample_rate
        if (parts.family, rate) != (pack.family, pack.sample_rate):
            raise InvalidVoicepack(
                f"{folder / METADATA} says {pack.family} at {pack.sample_rate} Hz; the files are "
                f"{parts.family} at {rate} Hz"
            )


def check_place(pack: Voicepack, folder: Path) -> None:
    if (pack.family, pack.id) != (folder.parent.name, folder.name):
        raise InvalidVoicepack(
            f"{folder / METADATA} is of {pack.family}/{pack.id}, and lies in "
            f"{folder.parent.name}/{folder.name}"
        )
