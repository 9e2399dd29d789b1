"""Installs a pinned, hashed list of packages into a folder of its own, with uv or else pip."""

import shutil
import subprocess
import sys
from pathlib import Path

from vdx.core.errors import SetupError
from vdx.core.paths import Paths


def install_pinned(pinned: Path, target: Path, paths: Paths, mend: str) -> None:
    """Installs what the list `pinned` names into `target`; nothing else is drawn in.

    Raises:
        SetupError: there is no such list, or a package could not be fetched; ends with `mend`.
    """
    if not pinned.exists():
        raise SetupError(f"no requirement list {pinned}; install vdx again")
    options: list[str | Path] = ["--quiet", "--require-hashes", "--target", target, "-r", pinned]
    uv = find_uv(paths)
    command: list[str | Path] = [sys.executable, "-m", "pip", "install", "--no-deps", *options]
    if uv is not None:
        command = [uv, "pip", "install", "--no-deps", "--python", sys.executable, *options]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise SetupError(mend)


def find_uv(paths: Paths) -> Path | None:
    """The program uv, on PATH or where `make setup` and `vdx setup` put it."""
    places = (paths.data / ".tools" / "bin", paths.home / "tools" / "bin")
    found = [place / "uv" for place in places if (place / "uv").exists()]
    on_path = shutil.which("uv")
    return Path(on_path) if on_path else next(iter(found), None)
