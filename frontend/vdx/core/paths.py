"""The folders in which vdx finds its data and keeps downloads.

A checkout is its own data folder and holds `.venv-triton`. An installed wheel carries the data in
`vdx/_data` and keeps the second environment under `VDX_HOME`, by default
`$XDG_DATA_HOME/vdx` or `~/.local/share/vdx`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vdx.core.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT_MARKS = ("pyproject.toml", "triton_backends", "requirements")


@dataclass(frozen=True, slots=True)
class Paths:
    """Every folder vdx uses; nothing is created here."""

    data: Path
    """Read only: model_repository, triton_backends, voicepacks, requirements."""
    home: Path
    """Written to: voices that were pulled, the tools that build environments."""
    triton_venv: Path
    """The environment that model processes run in."""
    recordings: Path
    """WAV recordings of speech, for the proof turn and the benches."""
    is_checkout: bool

    @property
    def model_repository(self) -> Path:
        return self.data / "model_repository"

    @property
    def pulled_models(self) -> Path:
        """The second model repository: one entry for each voicepack that was pulled or added."""
        return self.home / "model_repository"

    @property
    def model_repositories(self) -> tuple[Path, Path]:
        """All models that a Triton of vdx can load: the bundled, then the pulled ones."""
        return self.model_repository, self.pulled_models

    @property
    def triton_backends(self) -> Path:
        return self.data / "triton_backends"

    @property
    def page(self) -> Path:
        """The built page: index.html and assets/."""
        return self.data / ("frontend/web/dist" if self.is_checkout else "web")

    @property
    def requirements(self) -> Path:
        return self.data / "requirements"

    @property
    def voicepacks(self) -> tuple[Path, ...]:
        """Searched in this order: the pulled, then the bundled ones."""
        return self.home / "voicepacks", self.data / "voicepacks"

    @property
    def triton_python(self) -> Path:
        return self.triton_venv / "bin" / "python"


def locate(environ: Mapping[str, str] | None = None, package: Path = PACKAGE) -> Paths:
    """The paths for this process; `environ` defaults to the process's own environment.

    Raises:
        ConfigError: VDX_HOME is no usable path, or there is none and this user has no home.
    """
    env = os.environ if environ is None else environ
    root = package.parent.parent
    if all((root / mark).exists() for mark in CHECKOUT_MARKS):
        return Paths(
            data=root,
            home=_home(env) or root / ".vdx",
            triton_venv=root / ".venv-triton",
            recordings=root / "tests" / "data" / "audio",
            is_checkout=True,
        )
    data = package / "_data"
    home = _home(env) or _user_data(env) / "vdx"
    return Paths(
        data=data,
        home=home,
        triton_venv=home / "venv-triton",
        recordings=data / "recordings",
        is_checkout=False,
    )


def _home(env: Mapping[str, str]) -> Path | None:
    named = env.get("VDX_HOME")
    if not named:
        return None
    try:
        return Path(named).expanduser().absolute()
    except (RuntimeError, OSError):  # ~nobody, or a working directory that was removed
        raise ConfigError(f"VDX_HOME {named!r} is no path: name a folder from / on") from None


def _user_data(env: Mapping[str, str]) -> Path:
    named = env.get("XDG_DATA_HOME")
    if named:
        return Path(named)
    try:
        return Path.home() / ".local" / "share"
    except RuntimeError:
        raise ConfigError("this user has no home: set VDX_HOME to a folder") from None


def expanded(path: Path, key: str) -> Path:
    """`path` with a home folder in place of `~` or `~USER`.

    Raises:
        ConfigError: there is no such user; the message names the setting `key`.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{key}: {path}: {error}") from error
