"""One update of a model, as a process knows it that decides it or takes part in it."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Literal

from vdx.serving.models import ModelInfo
from vdx.serving.update_trial import RequestStats, Trial

UpdateState = Literal["loading", "trial", "promoted", "rolled back"]


@dataclass(slots=True)
class Update:
    """One update of what `name` stands for, from the model `old` to the model `new`."""

    name: str
    old: str
    new: str
    trial: Trial
    state: UpdateState = "loading"
    why: str = ""
    info: ModelInfo | None = None
    """Of the new version, once it is loaded."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    led_here: bool = True
    """Whether it is decided in this process."""
    joins: bool = False
    """Whether this process takes part in one that is decided elsewhere."""
    given: set[str] = field(default_factory=set)
    """Open sessions that it gave the new version."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def is_over(self) -> bool:
        """Whether one version serves everybody again."""
        return self.state in ("promoted", "rolled back")

    def stats_of(self, model: str) -> RequestStats | None:
        """The requests of a version while the trial lasts."""
        if self.state != "trial":
            return None
        return {self.old: self.trial.old, self.new: self.trial.new}.get(model)
