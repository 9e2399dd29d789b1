"""What `vdx voices` asks of the family about files that it is given: whether they are a voice."""

from pathlib import Path
from typing import Any

from triton_backends.shared.parameters import Parameters
from triton_backends.shared.voice_check import speaks
from triton_backends.xtts.voicepack import load_engine


def check(parameters: Parameters, folder: Path) -> dict[str, Any]:
    """Loads the voice and computes its first sound; returns its languages and its sample rate.

    Raises InvalidArgument where the files are no voice or the network gives no sound.
    """
    return speaks(load_engine(parameters, folder))
