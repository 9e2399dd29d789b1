"""Which model a name stands for since it was updated, kept on disk for the next start.

A new version of a model is a model of its own, under a second name. Once it has taken the place of
the old one, everything that names the old one means it.
"""

import fcntl
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from vdx.core.logs import logger

log = logger(__name__)


class ModelVersions:
    """Name -> the model that serves it; without a `file` it is forgotten with the process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._versions = _read(file) if file is not None else {}
        self._changed: dict[str, str] = {}
        """What was put since the file was read or written; a name that means itself is no entry."""

    def of(self, name: str) -> str:
        """The model that serves a name: itself where it was not updated."""
        seen = {name}
        while (newer := self._versions.get(name, name)) not in seen:
            seen.add(newer)
            name = newer
        return name

    def name_of(self, model: str) -> str:
        """The name that a model was loaded for; itself where it is no new version."""
        return next((name for name in self._versions if self.of(name) == model), model)

    @property
    def all(self) -> Mapping[str, str]:
        """Every name that another model serves."""
        return {name: self.of(name) for name in self._versions}

    def put(self, name: str, model: str) -> None:
        """Has a model serve a name from now on; its own name ends that. See `save`."""
        _put(self._versions, name, model)
        self._changed.pop(name, None)
        self._changed[name] = model  # the last one

    def require(self, models: Collection[str]) -> None:
        """Forgets versions that are no models any more: their names mean themselves again."""
        for name, model in list(self._versions.items()):
            if model not in models:
                log.warning("new version is gone; the old one serves", model=name, version=model)
                self.put(name, name)

    def save(self) -> None:
        """Writes what was put here to the file, blocking; where that fails a warning is logged.

        Several processes of one VDX_HOME may do so: each keeps what the others wrote.
        """
        if self._file is None:
            return
        changed, self._changed = self._changed, {}
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._file.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # held for the time of one small write
                kept = _read(self._file)
                for name, model in changed.items():
                    _put(kept, name, model)
                new = self._file.with_suffix(".new")
                new.write_text(json.dumps(kept, indent=1, sort_keys=True))
                new.replace(self._file)
        except OSError as error:
            self._changed = {**changed, **self._changed}  # for the next time
            log.warning("versions of models not remembered", error=str(error))


def _put(versions: dict[str, str], name: str, model: str) -> None:
    versions.pop(model, None)  # a model that comes back is no longer replaced
    versions.pop(name, None)
    if name != model:
        versions[name] = model


def _read(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("versions of models not known", file=str(file), error=str(error))
        return {}
    if not isinstance(found, dict):
        log.warning("versions of models not known", file=str(file), error="no object")
        return {}
    return {str(name): model for name, model in found.items() if isinstance(model, str)}
