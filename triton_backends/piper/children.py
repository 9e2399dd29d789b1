"""The networks of a voice as child models in Triton, which batches the windows of all sessions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.piper.cut import CutVoice
from triton_backends.piper.networks import Array, Prepared, text_inputs
from triton_backends.shared.child_model import ChildModel, child_stem

MAX_BATCH = 8

Tensor = tuple[str, str, list[int]]


class ChildNetworks:
    """Loads the three parts into this server, runs them there, and unloads them.

    What is urgent is batched with the rest: Triton has one instance of each.
    """

    def __init__(self, voice: CutVoice, parent: str, threads: int) -> None:
        self._voice = voice.without_models()
        self._stem = child_stem(parent)
        self._children: dict[str, ChildModel] = {}
        speaker = [voice.speaker] if voice.speaker else []
        self._parts = {
            "text": [voice.latent, voice.mask, voice.durations, *speaker],
            "flow": [voice.decoded],
            "decoder": [voice.output],
        }
        try:
            self._load("text", voice.text, _text_config(voice, self._parts["text"]), threads)
            flow = _window_config([voice.latent, voice.mask, *speaker], voice.decoded, 2)
            self._load("flow", voice.flow, flow, threads)
            decoder = _window_config([voice.decoded, *speaker], voice.output, 3)
            self._load("decoder", voice.decoder, decoder, threads)
        except BaseException:
            self.close()
            raise

    def text(
        self,
        ids: NDArray[np.int64],
        scales: Array,
        speaker: int | None,
        *,
        urgent: bool = False,  # noqa: ARG002
    ) -> Prepared:
        return Prepared(*self._run("text", text_inputs(ids, scales, speaker)))

    def flow(
        self,
        latent: Array,
        mask: Array,
        speaker: Array | None,
        *,
        urgent: bool = False,  # noqa: ARG002
    ) -> Array:
        inputs = {self._voice.latent: latent, self._voice.mask: mask}
        return self._run("flow", self._with_speaker(inputs, speaker))[0]

    def decoder(self, decoded: Array, speaker: Array | None, *, urgent: bool = False) -> Array:  # noqa: ARG002
        inputs = self._with_speaker({self._voice.decoded: decoded}, speaker)
        return self._run("decoder", inputs)[0].reshape(-1)

    def close(self) -> None:
        """Unloads what was loaded; also called when loading fails half-way."""
        while self._children:
            self._children.popitem()[1].close()

    def _load(self, part: str, model: bytes, config: dict[str, Any], threads: int) -> None:
        self._children[part] = ChildModel(self._stem, part, model, config, threads)

    def _with_speaker(self, inputs: dict[str, Array], speaker: Array | None) -> dict[str, Array]:
        return inputs if speaker is None else {**inputs, self._voice.speaker: speaker}

    def _run(self, part: str, inputs: Mapping[str, NDArray[Any]]) -> list[Array]:
        return self._children[part].run(inputs, self._parts[part])


def _text_config(voice: CutVoice, outputs: Sequence[str]) -> dict[str, Any]:
    inputs: list[Tensor] = [
        ("input", "TYPE_INT64", [1, -1]),
        ("input_lengths", "TYPE_INT64", [1]),
        ("scales", "TYPE_FP32", [3]),
    ]
    if voice.speaker:
        inputs.append(("sid", "TYPE_INT64", [1]))
    tensors: list[Tensor] = [(name, "TYPE_FP32", [-1, -1, -1]) for name in outputs]
    return {"max_batch_size": 0, "input": _tensors(inputs), "output": _tensors(tensors)}


def _window_config(inputs: Sequence[str], output: str, output_dims: int) -> dict[str, Any]:
    taken: list[Tensor] = [(name, "TYPE_FP32", [-1, -1]) for name in inputs]
    return {
        "max_batch_size": MAX_BATCH,
        "dynamic_batching": {},
        "input": _tensors(taken),
        "output": _tensors([(output, "TYPE_FP32", [-1] * output_dims)]),
    }


def _tensors(tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    return [{"name": name, "data_type": kind, "dims": dims} for name, kind, dims in tensors]
