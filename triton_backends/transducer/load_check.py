"""What `vdx voices` asks of the family about files that it is given: whether they are a model."""

from contextlib import closing
from pathlib import Path
from typing import Any

from triton_backends.shared.contract import ASR_RATE
from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.transducer.engine import TransducerEngine


def check(parameters: Parameters, folder: Path) -> dict[str, Any] | None:
    """Loads the model and computes one step; returns its languages where a network says them."""
    try:
        with closing(TransducerEngine.of(parameters, folder)) as engine:
            model = engine.model
            if not model.languages:
                return None
            return {
                "languages": list(model.languages),
                "sample_rate": ASR_RATE,
                "turn_marks": bool(model.marks),
                "punctuates": bool(model.tokens.numbers((".", "▁.", "。"))),
            }
    except Internal as error:
        # While a model is added, a network that fails is a fault of its files.
        raise InvalidArgument(f"the model does not run: {error}") from None
