"""Families that say in a `family.yaml` of their own folder which files are a model of theirs.

What the files hold (languages, sample rate, whether they are sound) is told by the family's
`load_check.py`, which runs in the environment of the models.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from vdx.core.paths import locate
from vdx.serving.models import ModelKind
from vdx.serving.voicepacks.model_files import NOTES, Parts

FILE = "family.yaml"


class DeclaredFamily(BaseModel):
    """`model` and `beside` are patterns of file names; one file of `beside` at least is needed.

    All files of `needs` must be there too: names that tell this family from others. `published` and
    `published_beside` are those of the files that others give out, where the family makes its own
    of them (`convert.py`). `adapter` is a file that changes how models of the family speak; beside
    it must be all of `adapter_beside`. `extra` is the extra of the models' environment that the
    family needs, `terms` what the licence of its models asks of whoever uses them.
    `folders`: folders beside `model` whose files belong to it too. `reference_text`: of a
    recording to clone it has to know what it says. `expressive`: it takes words on how to speak.
    `sounds`: tags in a text that it makes sounds of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ModelKind
    takes: str
    model: str
    beside: Annotated[tuple[str, ...], Field(min_length=1)]
    folders: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    published: str = ""
    published_beside: tuple[str, ...] = ()
    adapter: str = ""
    adapter_beside: tuple[str, ...] = ()
    extra: str = ""
    cloning: bool = False
    expressive: bool = False
    sounds: tuple[str, ...] = ()
    reference_text: bool = False
    word_times: bool = True
    licence: str = ""
    terms: str = ""

    def find(self, family: str, names: Iterable[str]) -> list[Parts]:
        """Every model among the files of a folder."""
        there = sorted(names)
        found = []
        for name in there:
            path = PurePosixPath(name)
            near = self._near(path, there)
            beside: list[str] = []
            if fnmatchcase(path.name, self.model):
                beside = _matching(near, self.beside)
            elif self.is_published(name):
                beside = _matching(near, self.published_beside)
            notes = [each for each in near if PurePosixPath(each).name in NOTES]
            plain = {PurePosixPath(each).name for each in near}
            if beside and plain.issuperset(self.needs):
                # One kind of model in a folder of many files goes by the name of the folder.
                own = "" if "*" not in self.model else path.stem
                found.append(Parts(family, own, (name, *beside, *notes)))
            elif self.adapter == path.name and plain.issuperset(self.adapter_beside):
                own_files = _matching(near, self.adapter_beside)
                found.append(Parts(family, "", (name, *own_files, *notes), adapter=True))
        return found

    def _near(self, path: PurePosixPath, there: list[str]) -> list[str]:
        """The files of the same folder, and of `folders` in it; each name once."""
        places = (path.parent, *(path.parent / folder for folder in self.folders))
        near: dict[str, str] = {}
        for place in places:
            for each in there:
                if PurePosixPath(each).parent == place:
                    near.setdefault(PurePosixPath(each).name, each)
        return sorted(near.values())

    def is_published(self, name: str) -> bool:
        """Whether a file is one that the family makes its own of."""
        return bool(self.published) and fnmatchcase(PurePosixPath(name).name, self.published)


def _matching(names: list[str], patterns: tuple[str, ...]) -> list[str]:
    return [
        name
        for name in names
        if any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in patterns)
    ]


@cache
def declared_families() -> dict[str, DeclaredFamily]:
    """By the name of the folder; a `family.yaml` that is wrong is a fault of this vdx."""
    files = sorted(locate().triton_backends.glob(f"*/{FILE}"))
    return {
        file.parent.name: DeclaredFamily.model_validate(yaml.safe_load(file.read_bytes()))
        for file in files
    }
