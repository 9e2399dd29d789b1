"""The official code: imported out of a checkout that the user names, never carried along."""

import os
import sys
from pathlib import Path

from triton_backends.shared.errors import Unavailable

VARIABLE = "COSYVOICE_HOME"
SOURCE = "https://github.com/FunAudioLLM/CosyVoice"
MATCHA = "third_party/Matcha-TTS"
_NEEDED = ("cosyvoice/cli/model.py", "cosyvoice/cli/frontend.py", f"{MATCHA}/matcha/__init__.py")


def use_checkout() -> Path:
    """Makes `cosyvoice` and `matcha` importable; returns the folder that VARIABLE names.

    Raises Unavailable where it names none, or one that lacks a part.
    """
    told = os.environ.get(VARIABLE, "")
    if not told:
        raise Unavailable(
            f"CosyVoice 2 runs its own code, which does not come with vdx: set {VARIABLE} to a "
            f"checkout of {SOURCE}, cloned with --recurse-submodules"
        )
    home = Path(told).expanduser().absolute()
    for part in _NEEDED:
        if not (home / part).is_file():
            raise Unavailable(
                f"{VARIABLE}={told} has no {part}: it must be a checkout of {SOURCE}, cloned with "
                "--recurse-submodules"
            )
    for place in (home, home / MATCHA):
        if str(place) not in sys.path:
            # Behind everything: nothing of a checkout takes the place of a library.
            sys.path.append(str(place))
    return home
