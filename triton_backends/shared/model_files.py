"""Files that somebody else made: a model's weights and tables, checked before they are read."""

import json
import os
from pathlib import Path
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters


def voicepack_path(parameters: Parameters, model_folder: Path, default: str = "") -> Path:
    """Where a model's own files are: `voicepack`, absolute or relative to the model's folder.

    Raises InvalidArgument where neither the parameter nor `default` says it.
    """
    wanted = parameters.text("voicepack", default)
    if not wanted:
        raise InvalidArgument("parameter voicepack is missing")
    return Path(os.path.normpath(model_folder / wanted))


def exists(file: Path) -> bool:
    """Whether there is anything of this name, a broken link included."""
    return os.path.lexists(file)


def regular_file(folder: Path, name: str, max_bytes: int) -> Path:
    """`folder / name`, which is a file in that folder of at most `max_bytes`.

    Raises InvalidArgument for anything else, also for a link that leads out of the folder.
    """
    file = folder / name
    if not exists(file):
        raise InvalidArgument(f"{name} is missing in {folder}")
    real = file.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise InvalidArgument(f"{name} leads out of its folder, to {real}")
    if not real.is_file():
        raise InvalidArgument(f"{name} is not a file")
    if (size := real.stat().st_size) > max_bytes:
        raise InvalidArgument(f"{name} has {size} bytes, more than {max_bytes}")
    return file


def read_json(folder: Path, name: str, max_bytes: int) -> Any:
    """A JSON file of the folder, parsed; raises InvalidArgument as `regular_file` does."""
    file = regular_file(folder, name, max_bytes)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidArgument(f"{name} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{name} is not JSON: {error}") from None
