"""What `vdx voices` asks of the family about files that it is given: whether they are a voice."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from triton_backends.cosyvoice2.loading import SAMPLE_RATE
from triton_backends.cosyvoice2.voicepack import load_engine
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters


def check(parameters: Parameters, folder: Path) -> dict[str, Any]:
    """Loads the voice and computes its first sound; returns its languages and its sample rate.

    Raises InvalidArgument where the files are no voice or the network gives no sound.
    """
    with (
        closing(load_engine(parameters, folder)) as engine,
        closing(engine.synthesize(engine.calibration_request)) as chunks,
    ):
        if not any(np.any(chunk.pcm) for chunk in chunks):
            raise InvalidArgument("the voice gives no sound")
        return {"languages": list(engine.languages), "sample_rate": SAMPLE_RATE}
