"""The networks of a voice as child models in Triton, which batches the windows of all sessions.

A child is called CHILD_PREFIX, its parent, when this process started, and its part. The prefix
keeps it out of listings; parent and time tell a child that a crashed process left from one in use.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from triton_backends.piper.cut import CutVoice
from triton_backends.piper.networks import Array, Prepared, text_inputs
from triton_backends.shared.errors import Internal

CHILD_PREFIX = "_vdx_child_"
HEURISTIC = "1"
MAX_BATCH = 8

Tensor = tuple[str, str, list[int]]


class ChildNetworks:
    """Loads the three parts into this server, runs them there, and unloads them."""

    def __init__(self, voice: CutVoice, parent: str, threads: int) -> None:
        self._voice = voice
        self._stem = f"{CHILD_PREFIX}{parent}-{time.time_ns():x}"
        self._loaded: list[str] = []
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

    def text(self, ids: NDArray[np.int64], scales: Array, speaker: int | None) -> Prepared:
        return Prepared(*self._run("text", text_inputs(ids, scales, speaker)))

    def flow(self, latent: Array, mask: Array, speaker: Array | None) -> Array:
        inputs = {self._voice.latent: latent, self._voice.mask: mask}
        return self._run("flow", self._with_speaker(inputs, speaker))[0]

    def decoder(self, decoded: Array, speaker: Array | None) -> Array:
        inputs = self._with_speaker({self._voice.decoded: decoded}, speaker)
        return self._run("decoder", inputs)[0].reshape(-1)

    def close(self) -> None:
        """Unloads what was loaded; also called when loading fails half-way."""
        while self._loaded:
            pb_utils.unload_model(self._loaded.pop())

    def _load(self, part: str, model: bytes, config: dict[str, Any], threads: int) -> None:
        name = f"{self._stem}-{part}"
        parameters = {"cudnn_conv_algo_search": HEURISTIC, "intra_op_thread_count": str(threads)}
        whole = {
            **config,
            "name": name,
            "backend": "onnxruntime",
            "instance_group": [{"count": 1, "kind": "KIND_AUTO"}],
            "parameters": {key: {"string_value": value} for key, value in parameters.items()},
        }
        pb_utils.load_model(name, config=json.dumps(whole), files={"file:1/model.onnx": model})
        self._loaded.append(name)

    def _with_speaker(self, inputs: dict[str, Array], speaker: Array | None) -> dict[str, Array]:
        return inputs if speaker is None else {**inputs, self._voice.speaker: speaker}

    def _run(self, part: str, inputs: Mapping[str, NDArray[Any]]) -> list[Array]:
        outputs = self._parts[part]
        response = pb_utils.InferenceRequest(
            model_name=f"{self._stem}-{part}",
            requested_output_names=outputs,
            inputs=[pb_utils.Tensor(name, array) for name, array in inputs.items()],
            preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
        ).exec()
        if response.has_error():
            raise Internal(f"{part} network: {response.error().message()}")
        found = [pb_utils.get_output_tensor_by_name(response, name) for name in outputs]
        # The memory is the response's, which ends here.
        return [np.array(tensor.as_numpy(), copy=True) for tensor in found]


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
