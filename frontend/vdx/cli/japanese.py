"""The extra libraries that Kokoro reads Japanese with, in the environment of the models.

A marker in the environment tells that they are wanted, so that building it again adds them again.
"""

import hashlib
from typing import TYPE_CHECKING

from vdx.core.language_tags import serves
from vdx.core.paths import Paths

if TYPE_CHECKING:
    from vdx.serving.voicepacks.metadata import Voicepack

COMMAND = "vdx setup --japanese"
MARKER = "vdx-japanese.sha256"
"""File in the environment with the digest of the list that was installed."""
_LIBRARY = "lib/python3*/site-packages/pyopenjtalk"


def is_installed(paths: Paths) -> bool:
    """Whether the libraries are in the environment."""
    return any(paths.triton_venv.glob(_LIBRARY))


def is_wanted(paths: Paths) -> bool:
    """Whether they were installed once, even if something has removed them since."""
    return (paths.triton_venv / MARKER).exists() or is_installed(paths)


def is_current(paths: Paths) -> bool:
    """Whether what is installed comes from the list as it is now; True where nothing is wanted."""
    marker = paths.triton_venv / MARKER
    return not marker.exists() or marker.read_text() == _digest(paths)


def mark_installed(paths: Paths) -> None:
    """Notes that the list has been installed."""
    (paths.triton_venv / MARKER).write_text(_digest(paths))


def mark_wanted(paths: Paths) -> None:
    """Notes that the list is to be installed, should the rest of a set-up fail before that."""
    (paths.triton_venv / MARKER).touch()


def lacks_japanese(pack: "Voicepack", paths: Paths) -> bool:
    """Whether a voice has Japanese styles that cannot speak without these libraries."""
    japanese = pack.family == "kokoro" and serves(pack.languages, "ja")
    return japanese and not is_installed(paths)


def _digest(paths: Paths) -> str:
    return hashlib.sha256((paths.requirements / "japanese.txt").read_bytes()).hexdigest()
