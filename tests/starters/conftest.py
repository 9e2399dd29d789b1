"""`vdx up` as a user starts it: with the released starter models, fetched once and then kept."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import browsers, chromium, open_page, person
from tests.released_packages import pulled_home
from tests.server.conftest import http
from tests.server.processes import Http, Vdx, running

__all__ = ["browsers", "chromium", "http", "open_page", "person"]

FETCH_S = 600.0
"""A hundred and forty megabytes."""
MOONSHINE = "moonshine-v1-tiny-en"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VDX_HOME that has the starters; the files themselves are those of the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vdx-tests"
    kept, home = cache / "starters", tmp_path_factory.mktemp("starters") / "home"
    fetched = subprocess.run(
        [sys.executable, "-m", "vdx.cli", "voices", "pull"],
        env={**os.environ, "VDX_HOME": str(kept)},
        capture_output=True,
        text=True,
        check=False,
        timeout=FETCH_S,
    )
    assert fetched.returncode == 0, fetched.stderr
    for part in ("model_repository", "voicepacks"):
        shutil.copytree(kept / part, home / part, copy_function=os.link, symlinks=True)
    return home


@pytest.fixture(scope="session")
def up(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    """The second start: nothing is named on the command line, nothing is configured."""
    place, environ = tmp_path_factory.mktemp("up"), {"VDX_HOME": str(home)}
    with running("up", "--port=0", home=place, config={}, environ=environ) as vdx:
        vdx.url()
        yield vdx
        assert vdx.interrupt() == 0
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture(scope="session")
def server(up: Vdx) -> str:
    return up.url()


@pytest.fixture(scope="session")
def moonshine(home: Path, server: str) -> str:
    """The id of a released Moonshine, brought to the server that runs and loaded."""
    released = pulled_home(MOONSHINE, "moonshine-home")
    for part in ("model_repository", "voicepacks"):
        shutil.copytree(
            released / part, home / part, copy_function=os.link, symlinks=True, dirs_exist_ok=True
        )
    assert Http(server).post(f"/vdx/models/{MOONSHINE}/load")[0] == 200
    return MOONSHINE
