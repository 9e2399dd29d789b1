"""What frontends tell each other of updates of models, as JSON; see `shared_updates.py`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vdx.serving.update_trial import REMEMBERED


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class VersionEntry(_Told):
    """Which model serves a name. Of two entries of a name the higher revision counts, of two with
    the same one the greater model: no clock takes part.
    """

    name: str = Field(min_length=1)
    model: str = Field(min_length=1)
    revision: int = Field(ge=0)

    @property
    def rank(self) -> tuple[int, str]:
        """The greatest one counts."""
        return self.revision, self.model


class UpdateEntry(_Told):
    """An update, as the frontend tells it that decides what becomes of it.

    `revision` is that of the version once it is promoted.
    """

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    old: str = Field(min_length=1)
    new: str = Field(min_length=1)
    share: float = Field(gt=0, le=1)
    state: Literal["loading", "trial", "promoted", "rolled back"]
    why: str = ""
    revision: int = Field(0, ge=0)

    @property
    def is_over(self) -> bool:
        return self.state in ("promoted", "rolled back")


class VersionCounts(_Told):
    """The requests of one version that were served by the frontend that tells of them."""

    requests: int = Field(0, ge=0)
    errors: int = Field(0, ge=0)
    times_ms: tuple[float, ...] = Field((), max_length=REMEMBERED)


class UpdateFigures(_Told):
    """What a frontend that takes part in an update has seen of it; the last ones count.

    A `problem` has it go back: the frontend cannot load the new version, or was told to end it.
    """

    id: str = Field(min_length=1)
    by: str = Field(min_length=1)
    old: VersionCounts = VersionCounts()
    new: VersionCounts = VersionCounts()
    problem: str = ""
