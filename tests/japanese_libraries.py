"""The libraries of requirements/japanese.txt, in a folder of the user's cache."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "requirements" / "japanese.txt"
INSTALL_S = 600.0


def japanese_libraries() -> Path:
    """A folder for `sys.path`, of this interpreter's version; filled once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vdx-tests"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(LIST.read_bytes()).hexdigest()[:12]
    folder = cache / f"japanese-{version}-{digest}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        uv = shutil.which("uv") or ROOT / ".tools" / "bin" / "uv"
        with tempfile.TemporaryDirectory(dir=cache) as place:
            made = Path(place) / "libraries"
            command = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
            command += ["--python", sys.executable, "--target", made, "-r", LIST]
            subprocess.run(command, check=True, timeout=INSTALL_S)
            made.rename(folder)
    return folder
