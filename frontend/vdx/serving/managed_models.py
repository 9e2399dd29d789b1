"""Remembers on disk which models a manager loaded, for the manager that takes its place.

Triton does not say who had a model loaded. What an earlier manager loaded may be evicted when it is
idle; what a frontend without a manager loaded may not, because what it does with it is not known.
"""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from vdx.core.logs import logger

log = logger(__name__)


class ManagedModels:
    """One small file for each Triton, by its gRPC address; without it nothing is remembered."""

    def __init__(self, folder: Path, url: str) -> None:
        self.file = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"

    def read(self) -> frozenset[str]:
        """The names that were last written; none where the file cannot be read."""
        try:
            names = json.loads(self.file.read_text())
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError) as error:
            log.warning("models of the earlier manager not known", error=str(error))
            return frozenset()
        return frozenset(each for each in names if isinstance(each, str))

    def write(self, names: Collection[str]) -> None:
        """Replaces the file."""
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(sorted(names)))
            new.replace(self.file)
        except OSError as error:
            log.warning("models of this manager not remembered", error=str(error))
