"""Finds a Python that the embedded Triton can run models with.

It must be CPython 3.11 or 3.12 (Triton's Python backend needs NumPy 1.26) and must have its shared
library, which the model processes link against: pyenv and uv bring it, Debian packages it alone.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vdx.core.errors import SetupError

VERSIONS = ("3.12", "3.11")

_PROBE = """
import json, os, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
name = "libpython%s.so.1.0" % version
libdir = sysconfig.get_config_var("LIBDIR") or ""
multiarch = sysconfig.get_config_var("MULTIARCH") or ""
folders = [libdir, os.path.join(libdir, multiarch), "/usr/lib64"]
found = [f for f in folders if os.path.exists(os.path.join(f, name))]
print(json.dumps({"version": version, "libpython": os.path.join(found[0], name) if found else ""}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python on this machine."""

    executable: Path
    version: str
    libpython: Path | None

    @property
    def fits(self) -> bool:
        return self.version in VERSIONS and self.libpython is not None


def probe(executable: Path) -> Interpreter | None:
    """Ask an interpreter for its version and library; None where it does not run."""
    try:
        answer = subprocess.run(
            [executable, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=30, check=True
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, json.JSONDecodeError):
        return None
    library = Path(facts["libpython"]) if facts["libpython"] else None
    return Interpreter(executable, facts["version"], library)


def candidates() -> Iterator[Path]:
    """Interpreters to try: the one that runs vdx, those on PATH, pyenv's."""
    yield Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for version in VERSIONS:
        if found := shutil.which(f"python{version}"):
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in VERSIONS:
        yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)


def find_interpreter(uv: Path | None) -> Interpreter:
    """The first candidate that fits, else one that uv fetches.

    Raises:
        SetupError: none fits and uv cannot fetch one; the message has the command that installs
        one.
    """
    seen: list[Interpreter] = []
    for candidate in candidates():
        interpreter = probe(candidate)
        if interpreter is not None and interpreter.fits:
            return interpreter
        if interpreter is not None:
            seen.append(interpreter)
    fetched = _fetch(uv) if uv is not None else None
    if fetched is not None:
        return fetched
    raise SetupError(_advice(seen))


def require_interpreter(executable: Path) -> Interpreter:
    """The interpreter given by the user; raises SetupError with what it lacks."""
    interpreter = probe(executable)
    if interpreter is None:
        raise SetupError(f"{executable} is not a Python that runs")
    if not interpreter.fits:
        raise SetupError(f"{executable} does not do: {_advice([interpreter])}")
    return interpreter


def _fetch(uv: Path) -> Interpreter | None:
    wanted = VERSIONS[0]
    if subprocess.run([uv, "python", "install", wanted], check=False).returncode != 0:
        return None
    found = subprocess.run(
        [uv, "python", "find", "--managed-python", "--no-project", wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    interpreter = probe(Path(found.stdout.strip())) if found.returncode == 0 else None
    return interpreter if interpreter is not None and interpreter.fits else None


def _advice(seen: list[Interpreter]) -> str:
    """What is missing, and the command that installs it on Debian and Ubuntu."""
    for interpreter in seen:
        if interpreter.version in VERSIONS:
            return (
                f"libpython{interpreter.version}.so is missing for {interpreter.executable}; "
                f"run: sudo apt install libpython{interpreter.version}"
            )
    here = ", ".join(f"{i.version} at {i.executable}" for i in seen) or "none"
    return (
        "models need Python 3.11 or 3.12 with its shared library; found: "
        f"{here}; run: sudo apt install python3.11 python3.11-venv libpython3.11"
    )
