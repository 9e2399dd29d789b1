"""Released streaming recognisers: the file `data/recognisers.yaml`."""

from functools import cache
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from vdx.serving.voicepacks.starters import DATA, Digest
from vdx.serving.voicepacks.terms import Terms


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReleasedFile(_Part):
    """What is known of a file before it is fetched: bytes and sha256; None where neither is."""

    size: int | None = Field(default=None, gt=0)
    sha256: Digest | None = None


class Released(_Part):
    """One model: files of a hub's `repository`, or of the folder `url` of a web server."""

    id: str
    family: str
    languages: tuple[str, ...]
    licence: str
    commercial: bool = True
    """Whether the licence allows commercial use; else it is to be accepted."""
    about_mb: float = 0
    repository: str = ""
    url: Annotated[str, Field(pattern=r"^(https?://\S+[^/])?$")] = ""
    files: dict[str, ReleasedFile]

    @property
    def size(self) -> int:
        """Bytes, where not every file's size is known by what its authors round to."""
        sizes = [file.size for file in self.files.values() if file.size]
        return max(sum(sizes), round(self.about_mb * 1e6))

    @property
    def terms(self) -> Terms | None:
        """What is to be accepted before the model is fetched."""
        return None if self.commercial else Terms(self.licence, self.licence)


class _Catalogue(_Part):
    recognisers: tuple[Released, ...]


@cache
def released_recognisers() -> tuple[Released, ...]:
    """All of them; a catalogue that is wrong is a fault of this vdx."""
    raw = (DATA / "recognisers.yaml").read_bytes()
    return _Catalogue.model_validate(yaml.safe_load(raw)).recognisers


def find_released(name: str) -> Released | None:
    """One by its id, in any letters."""
    known = {each.id: each for each in released_recognisers()}
    return known.get(name.casefold())
