"""The starter language model: fetched as the other starters are, kept as a file under VDX_HOME."""

import shutil
from collections.abc import Callable
from pathlib import Path

from vdx.core.errors import SetupError
from vdx.core.paths import Paths
from vdx.serving.voicepacks.download_folders import alone, download_folder
from vdx.serving.voicepacks.hub import Hub
from vdx.serving.voicepacks.pull import fetch_starter
from vdx.serving.voicepacks.starters import Starter


def place_of(paths: Paths, starter: Starter) -> Path:
    """The file of a language model; it is there once the model was fetched whole."""
    (name,) = starter.files
    return paths.home / "language_models" / starter.id / name


def fetch_language_model(
    hub: Hub, paths: Paths, starter: Starter, tell: Callable[[str], None]
) -> Path:
    """Downloads the model unless it is there; a download that is cut off is gone on with.

    Raises:
        HubError, RegistryError: neither place gave it.
        InvalidVoicepack: the file is not the released one.
        SetupError: another process fetches it, or VDX_HOME cannot be written to.
    """
    file = place_of(paths, starter)
    if file.exists():
        return file
    folder = download_folder(paths.home, f"{starter.id}@", "starter", starter.size)
    with alone(folder):
        fetch_starter(hub, paths, starter, folder, tell)
        starter.require_whole(folder)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            (folder / file.name).replace(file)
        except OSError as error:
            raise SetupError(f"{error.filename or file}: {error.strerror}") from error
        shutil.rmtree(folder, ignore_errors=True)
    return file
