"""Describes in one line which file or folder a command could not use, and how to repair it."""

import os
import shutil
import tempfile
from pathlib import Path

from vdx.core.errors import VdxError
from vdx.core.paths import locate


def describe(error: OSError) -> str:
    """One line about a failed system call: path, reason, and the setting the path came from."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        _source, target, why = error.args[0][0]  # the first of those that could not be copied
        return f"{target}: {why}{_mend(str(target))}"
    if not error.filename:
        text = error.strerror or str(error) or type(error).__name__
        return text + ("; set TMPDIR to one" if "temporary directory" in text else "")
    path = os.fsdecode(error.filename)
    return f"{path}: {error.strerror}{_mend(path)}"


def _mend(path: str) -> str:
    try:
        home = locate().home
    except VdxError:
        return ""
    if Path(path).is_relative_to(home):
        return f"; VDX_HOME ({home}) must be a folder that this user can write to"
    if Path(path).is_relative_to(tempfile.gettempdir()):
        return "; TMPDIR names the folder for temporary files"
    return ""


def cause(error: BaseException) -> BaseException:
    """The first error in a group of them, as tasks that run together raise; else the error."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
