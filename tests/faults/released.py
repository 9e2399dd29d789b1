"""`vdx up` with a released Piper voice, the only voice it has."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.released_voice import NAME, released_voice
from tests.server.processes import WAIT_LIMIT_S, Vdx, running


@contextlib.contextmanager
def speaking_released(place: Path, config: dict[str, Any] | None = None) -> Iterator[Vdx]:
    """A whole `vdx up`, ready, for the length of a block; its files are in `place`."""
    environ = {"VDX_HOME": str(place / "home")}
    added = subprocess.run(
        [sys.executable, "-m", "vdx.cli", "voices", "add", str(released_voice())],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * WAIT_LIMIT_S,
    )
    assert added.returncode == 0, added.stderr
    chosen = ("--voice", NAME, "--recogniser", "canned", "--no-proof")
    with running("up", "--port=0", *chosen, home=place, config=config, environ=environ) as vdx:
        vdx.url()
        yield vdx
