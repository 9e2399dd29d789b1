"""What `load_check.py` of a family of voices asks of one: whether it gives a sound."""

from contextlib import closing
from typing import Any, Protocol

import numpy as np

from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import TtsEngine
from triton_backends.shared.errors import InvalidArgument


class CheckedEngine(TtsEngine, Protocol):
    """A voice that says what it is to be tried with, and in which languages."""

    @property
    def languages(self) -> tuple[str, ...]: ...

    @property
    def calibration_request(self) -> TtsRequest: ...


def speaks(voice: CheckedEngine) -> dict[str, Any]:
    """Computes the first sound of a voice, and closes it; returns its languages and sample rate.

    Raises InvalidArgument where it gives no sound.
    """
    with closing(voice) as engine, closing(engine.synthesize(engine.calibration_request)) as chunks:
        if not any(np.any(chunk.pcm) for chunk in chunks):
            raise InvalidArgument("the voice gives no sound")
        return {"languages": list(engine.languages), "sample_rate": engine.sample_rate}
