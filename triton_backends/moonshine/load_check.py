"""What `vdx voices` asks of the family about files that it is given: whether they are a model."""

from contextlib import closing
from pathlib import Path

import numpy as np

from triton_backends.moonshine.engine import MoonshineEngine
from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.parameters import Parameters


def check(parameters: Parameters, folder: Path) -> None:
    """Loads the model and hears a second of noise; raises InvalidArgument where it fails.

    The languages are in no file of it.
    """
    noise = np.random.default_rng(0).normal(0, 1000, ASR_RATE).astype(np.int16)
    try:
        with closing(MoonshineEngine.of(parameters, folder)) as engine:
            utterance = engine.start(AsrRequest(audio=noise))
            utterance.accept(noise)
            utterance.finish()
            utterance.close()
    except Internal as error:
        # While a model is added, a network that fails is a fault of its files.
        raise InvalidArgument(f"the model does not run: {error}") from None
