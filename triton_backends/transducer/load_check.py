"""What `vdx voices` asks of the family about files that it is given: whether they are a model."""

from contextlib import closing
from pathlib import Path
from typing import Any

from triton_backends.shared.contract import ASR_RATE
from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.transducer.engine import TransducerEngine


def check(parameters: Parameters, folder: Path) -> dict[str, Any]:
    """Loads the model and computes one step; returns its languages, `*` where no file says them."""
    try:
        with closing(TransducerEngine.of(parameters, folder)) as engine:
            languages = engine.languages or engine.model.languages or ("*",)
            return {"languages": list(languages), "sample_rate": ASR_RATE}
    except Internal as error:
        # While a model is added, a network that fails is a fault of its files.
        raise InvalidArgument(f"the model does not run: {error}") from None
