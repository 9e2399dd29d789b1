"""One network as a child model in Triton's own onnxruntime backend.

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

from triton_backends.shared.errors import Internal

CHILD_PREFIX = "_vdx_child_"
HEURISTIC = "1"


def child_stem(parent: str) -> str:
    """What the names of this process's children begin with."""
    return f"{CHILD_PREFIX}{parent}-{time.time_ns():x}"


class ChildModel:
    """Loads a network into this server, runs it there, and unloads it."""

    def __init__(
        self, stem: str, part: str, model: bytes, config: Mapping[str, Any], threads: int
    ) -> None:
        """`config` says batching, inputs and outputs; 0 threads leaves their number open."""
        self._part = part
        self._name = f"{stem}-{part}"
        self._outputs: list[str] = [each["name"] for each in config["output"]]
        parameters = {"cudnn_conv_algo_search": HEURISTIC, "intra_op_thread_count": str(threads)}
        whole = {
            **config,
            "name": self._name,
            "backend": "onnxruntime",
            "instance_group": [{"count": 1, "kind": "KIND_AUTO"}],
            "parameters": {key: {"string_value": value} for key, value in parameters.items()},
        }
        pb_utils.load_model(
            self._name, config=json.dumps(whole), files={"file:1/model.onnx": model}
        )

    def run(
        self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str] = ()
    ) -> list[NDArray[np.float32]]:
        """The named outputs, or all; raises Internal when the network fails."""
        wanted = list(outputs) or self._outputs
        response = pb_utils.InferenceRequest(
            model_name=self._name,
            requested_output_names=wanted,
            inputs=[pb_utils.Tensor(name, array) for name, array in inputs.items()],
            preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
        ).exec()
        if response.has_error():
            raise Internal(f"{self._part} network: {response.error().message()}")
        found = [pb_utils.get_output_tensor_by_name(response, name) for name in wanted]
        # The memory is the response's, which ends here.
        return [np.array(tensor.as_numpy(), copy=True) for tensor in found]

    def close(self) -> None:
        """Unloads it."""
        pb_utils.unload_model(self._name)
