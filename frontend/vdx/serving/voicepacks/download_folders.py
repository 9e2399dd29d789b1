"""Where files gather while they are fetched, kept so that a download can be gone on with."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from vdx.core.errors import SetupError

SPARE_BYTES = 64 * 1024 * 1024


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Two that fetch the same would write into each other's files."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout:
        raise SetupError("another `vdx voices pull` is fetching the same") from None


def download_folder(home: Path, stem: str, version: str, size: int) -> Path:
    """Where files gather; what is left of another version of them is removed."""
    root = home / "downloads"
    folder = root / f"{stem}{version}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for other in root.glob(f"{stem}*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise SetupError(f"{error.filename or root}: {error.strerror}") from error
    if free < size + SPARE_BYTES:
        raise SetupError(
            f"{size / 1e6:.0f} MB are to be fetched, and {root} has {free / 1e6:.0f} MB free"
        )
    return folder
