"""The merged decoder as it is released: with a mask of the sound, one value a sample."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from triton_backends.moonshine.decoder import MergedDecoder
from triton_backends.shared.network import Tensor

SIZE, VOCABULARY = 4, 6
PASTS = [
    f"past_key_values.0.{kind}.{part}"
    for kind in ("decoder", "encoder")
    for part in ("key", "value")
]


class Released:
    """In place of the network: it takes every 384th value of the mask, one for each frame."""

    name = "decoder_model_merged.ort"

    def __init__(self) -> None:
        kept = {name: Tensor(name, (None, 1, None, SIZE), np.float32) for name in PASTS}
        self.inputs = {
            "input_ids": Tensor("input_ids", (None, None), np.int64),
            "encoder_hidden_states": Tensor(
                "encoder_hidden_states", (None, None, SIZE), np.float32
            ),
            "encoder_attention_mask": Tensor("encoder_attention_mask", (None, None), np.int64),
            "use_cache_branch": Tensor("use_cache_branch", (1,), np.bool_),
            **kept,
        }
        self.outputs = {"logits": Tensor("logits", (None, None, VOCABULARY), np.float32)}

    def input(self, name: str, *_: int | None) -> Tensor:
        return self.inputs[name]

    def output(self, name: str, *_: int | None) -> Tensor:
        return self.outputs.get(name, self.inputs[PASTS[0]])

    def __call__(
        self, inputs: Mapping[str, NDArray[np.generic]], outputs: Sequence[str]
    ) -> list[NDArray[np.float32]]:
        frames = inputs["encoder_hidden_states"].shape[1]
        mask = inputs["encoder_attention_mask"][:, ::384][:, :frames]
        scores = np.zeros((1, frames), np.float32) + mask  # fails where neither fits
        count = inputs["input_ids"].shape[1]
        logits = np.full((1, count, VOCABULARY), scores.sum(), np.float32)
        keys = np.zeros((1, 1, count, SIZE), np.float32)
        return [logits, *[keys] * (len(outputs) - 1)]


@pytest.mark.parametrize("frames", [10, 384, 385, 1000])
def test_all_of_a_long_window_is_attended_to(frames: int) -> None:
    """From 9.2 s of sound on it has more frames than one value of the mask stands for."""
    decoder = MergedDecoder(Released())  # type: ignore[arg-type]
    cache = decoder.start(np.zeros((1, frames, SIZE), np.float32))
    answer = decoder.run([decoder.begin, 3], cache)
    assert answer.scores.tolist() == [[float(frames)] * VOCABULARY] * 2
    assert decoder.run([4], answer.cache).scores.tolist() == [[float(frames)] * VOCABULARY]
