"""What `vdx voices` asks of the family about files that it is given: whether they are a voice."""

from pathlib import Path
from typing import Any

from triton_backends.csm.adapter_files import is_adapter, read_adapter
from triton_backends.csm.engine import LANGUAGES
from triton_backends.csm.network import SAMPLE_RATE
from triton_backends.csm.voicepack import load_engine
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.voice_check import speaks


def check(parameters: Parameters, folder: Path) -> dict[str, Any]:
    """Loads the voice and computes its first sound; returns its languages and its sample rate.

    Of an adapter only the files are read: whether it fits is known once there is a voice.

    Raises InvalidArgument where the files are no voice or the network gives no sound.
    """
    if is_adapter(folder):
        read_adapter(folder)
        return {"languages": list(LANGUAGES), "sample_rate": SAMPLE_RATE}
    return speaks(load_engine(parameters, folder))
