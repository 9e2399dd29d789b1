"""Loads a model once, in the environment of the models and in a process of its own.

What a file may hold is the family's to say, and is checked there alone, as when Triton loads it
(an ONNX file with the package `onnx`, which that environment has). A file made to crash the library
that reads it crashes nothing else here.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from vdx.core.errors import InvalidVoicepack, SetupError
from vdx.core.paths import Paths
from vdx.serving.voicepacks.declared import declared_families
from vdx.serving.voicepacks.model_files import Facts, Parts, one_line
from vdx.serving.voicepacks.staging import LoadCheck

TIMEOUT_S = 300
LACKS_LIBRARY = 3

_LOAD = """
import importlib, json, sys
root, family, folder, more = sys.argv[1:]
sys.path.insert(0, root)
from pathlib import Path
from triton_backends.shared.errors import BackendError
from triton_backends.shared.parameters import Parameters
try:
    check = importlib.import_module(f"triton_backends.{family}.load_check").check
    print(json.dumps(check(Parameters(json.loads(more) | {"voicepack": "."}), Path(folder))))
except BackendError as error:
    sys.exit(error.args[0])
except (RuntimeError, ValueError) as error:
    sys.exit(str(error))
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
"""
"""What the family itself says of the files, as it would when Triton loads them.

Its `load_check.py` has a function `check`, which returns the facts that the frontend cannot read
itself (`languages` and `sample_rate`), or None.
"""


_CONVERT = """
import importlib, sys
root, family, folder = sys.argv[1:]
sys.path.insert(0, root)
from pathlib import Path
from triton_backends.shared.errors import BackendError
try:
    importlib.import_module(f"triton_backends.{family}.convert").convert(Path(folder))
except BackendError as error:
    sys.exit(error.args[0])
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
"""
"""The family's `convert.py` has a function `convert`, which makes its own files of those that are
published, in the same folder, and removes what it made them of."""


def load_once(paths: Paths) -> LoadCheck | None:
    """The check, or None while the environment of the models is not built."""
    if not paths.triton_python.exists():
        return None

    def load_check(parts: Parts, folder: Path, parameters: Mapping[str, str]) -> Facts | None:
        more = json.dumps(dict(parameters))
        told = json.loads(_run(paths, _LOAD, parts, folder, more).rpartition("\n")[2] or "null")
        return told and Facts(**(told | {"languages": tuple(told["languages"])}))

    return load_check


def convert(paths: Paths, parts: Parts, folder: Path) -> None:
    """Makes a family's own files of published ones, in `folder`.

    Raises:
        SetupError: the environment of the models is not built, or lacks a library.
        InvalidVoicepack: a file is not what it is published as.
    """
    if not paths.triton_python.exists():
        raise SetupError("the environment of the models is not built; run: vdx setup")
    _run(paths, _CONVERT, parts, folder)


def _run(paths: Paths, program: str, parts: Parts, folder: Path, *more: str) -> str:
    """What a program prints, run in the environment of the models on a model's files."""
    file = folder / parts.files[0]
    # -I: nothing of the folder, which may hold a file called like a library, is imported.
    command = [str(paths.triton_python), "-I", "-c", program]
    command += [str(paths.data), parts.family, str(folder), *more]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TIMEOUT_S,
            cwd=folder,
            env={"PATH": os.defpath, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise InvalidVoicepack(f"{file} was not loaded within {TIMEOUT_S} s") from None
    why = one_line(done.stderr.strip().rpartition("\n")[2])
    if done.returncode == LACKS_LIBRARY:
        raise SetupError(
            f"the environment of the models lacks a library ({why}); `{_setup_of(parts.family)}` "
            "builds it"
        )
    if done.returncode != 0:
        raise InvalidVoicepack(f"{file} cannot be loaded: {why or _ended(done.returncode)}")
    return done.stdout.strip()


def _setup_of(family: str) -> str:
    declared = declared_families().get(family)
    return f"vdx setup --{declared.extra}" if declared and declared.extra else "vdx setup"


def _ended(status: int) -> str:
    return f"its library was ended by signal {-status}" if status < 0 else f"status {status}"
