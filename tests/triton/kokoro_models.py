"""A small Kokoro voice of random weights for the tests, made in the models' environment."""

import subprocess
from pathlib import Path

from tests.triton import repository as repo
from vdx.core.paths import locate

MAKER = repo.ROOT / "benchmarks" / "kokoro_voice.py"


def make_kokoro(folder: Path) -> Path:
    """Writes network and styles; returns the folder."""
    command = [str(locate().triton_python), "-I", str(MAKER), str(folder)]
    subprocess.run(command, check=True, timeout=300)
    return folder
