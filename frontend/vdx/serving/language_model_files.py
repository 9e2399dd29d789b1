"""The files of a local language model: llama.cpp and a GGUF file, fetched on first use."""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from vdx.core.config import LocalConfig
from vdx.core.errors import ConfigError, SetupError
from vdx.core.paths import Paths, expanded
from vdx.serving.pinned import install_pinned
from vdx.serving.voicepacks.hub import Hub
from vdx.serving.voicepacks.language_models import fetch_language_model, place_of
from vdx.serving.voicepacks.starters import language_model

Tell = Callable[[str], None]

STAMP = "vdx-requirements.sha256"
"""File beside the packages with the digest of their list."""
GGUF = b"GGUF"
"""The first bytes of such a file."""


def packages_folder(paths: Paths) -> Path:
    """Where llama.cpp (the package xllamacpp) is installed."""
    return paths.home / "llama"


def packages_current(paths: Paths) -> bool:
    """Whether llama.cpp is there as the list pins it now."""
    stamp = packages_folder(paths) / STAMP
    return stamp.exists() and stamp.read_text() == _digest(paths)


def model_file(paths: Paths, local: LocalConfig) -> Path:
    """The GGUF file that the configuration names, else the starter's place.

    Raises:
        ConfigError: the home folder in `responder.local.path` is that of nobody.
    """
    if local.path is None:
        return place_of(paths, language_model())
    return expanded(local.path, "responder.local.path")


def require_language_model(paths: Paths, local: LocalConfig, tell: Tell) -> Path:
    """The model's file, after fetching what is not there; blocks on the network.

    Raises:
        ConfigError: `responder.local.path` is no GGUF file.
        SetupError, RegistryError: llama.cpp or the starter could not be fetched.
    """
    file = model_file(paths, local)
    if local.path is not None:
        check_gguf(file)
    _require_packages(paths, tell)
    if local.path is None and not file.exists():
        fetch_language_model(Hub(), paths, language_model(), tell)
    return file


def check_gguf(file: Path) -> None:
    """Raises ConfigError for a file that is not there or is no GGUF model."""
    try:
        with file.open("rb") as stream:
            start = stream.read(len(GGUF))
    except OSError as error:
        raise ConfigError(f"responder.local.path: {file}: {error.strerror}") from None
    if start != GGUF:
        raise ConfigError(f"responder.local.path: {file} is no GGUF file")


def _require_packages(paths: Paths, tell: Tell) -> None:
    """Installs llama.cpp aside and moves it into place whole; others wait for the first."""
    folder = packages_folder(paths)
    if packages_current(paths):
        return
    try:
        paths.home.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(paths.home / ".llama.lock"),
            tempfile.TemporaryDirectory(dir=paths.home, prefix="llama-") as aside,
        ):
            if packages_current(paths):
                return
            tell("installing llama.cpp (package xllamacpp), 34 MB to download, once …")
            new = Path(aside) / "packages"
            mend = "llama.cpp could not be fetched; try again with: vdx setup --llm"
            install_pinned(_list(paths), new, paths, mend)
            (new / STAMP).write_text(_digest(paths))
            shutil.rmtree(folder, ignore_errors=True)
            new.rename(folder)
    except OSError as error:
        raise SetupError(f"{error.filename or folder}: {error.strerror}") from error


def _list(paths: Paths) -> Path:
    return paths.requirements / "llm.txt"


def _digest(paths: Paths) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(_list(paths).read_bytes()).hexdigest()
    return ""
