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
    """`model` and `beside` are patterns of file names; one file of `beside` at least is needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ModelKind
    takes: str
    model: str
    beside: Annotated[tuple[str, ...], Field(min_length=1)]

    def find(self, family: str, names: Iterable[str]) -> list[Parts]:
        """Every model among the files of a folder."""
        there = sorted(names)
        found = []
        for name in there:
            path = PurePosixPath(name)
            if fnmatchcase(path.name, self.model):
                near = [each for each in there if PurePosixPath(each).parent == path.parent]
                beside = [each for each in near if self._is_beside(each)]
                notes = [each for each in near if PurePosixPath(each).name in NOTES]
                if beside:
                    found.append(Parts(family, path.stem, (name, *beside, *notes)))
        return found

    def _is_beside(self, name: str) -> bool:
        return any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in self.beside)


@cache
def declared_families() -> dict[str, DeclaredFamily]:
    """By the name of the folder; a `family.yaml` that is wrong is a fault of this vdx."""
    files = sorted(locate().triton_backends.glob(f"*/{FILE}"))
    return {
        file.parent.name: DeclaredFamily.model_validate(yaml.safe_load(file.read_bytes()))
        for file in files
    }
