"""Triton entry of the stand-in for NVIDIA's onnxruntime backend."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import triton_python_backend_utils as pb_utils

from triton_backends.onnxruntime.engine import FILE, OnnxModel
from triton_backends.onnxruntime.options import SessionSettings
from triton_backends.shared.fault_log import FaultLog, Origin
from triton_backends.shared.lifeline import follow_parent


class TritonPythonModel:
    """Runs each request by itself; see the engine."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once."""
        import onnxruntime

        follow_parent()
        config: dict[str, Any] = json.loads(args["model_config"])
        gpu = args["model_instance_kind"] == "GPU"
        settings = SessionSettings.of(
            config,
            device=int(args["model_instance_device_id"]) if gpu else None,
            available=onnxruntime.get_available_providers(),
        )
        self._faults = FaultLog(args["model_name"], pb_utils.Logger.log_error)
        self._outputs = [entry["name"] for entry in config["output"]]
        name = config.get("default_model_filename") or FILE
        self._model = OnnxModel(
            Path(args["model_repository"], args["model_version"], name),
            settings,
            [entry["name"] for entry in config["input"]],
            self._outputs,
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """Called by Triton with what its batcher gave; one answer for each."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        wanted = list(request.requested_output_names()) or self._outputs
        try:
            inputs = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
            found = self._model.run(inputs, wanted)
        except Exception as error:  # noqa: BLE001  (root of a request: the client must hear of it)
            origin = Origin(f"request {request.request_id() or 'without an id'}")
            told = self._faults.answer(error, origin)
            return pb_utils.InferenceResponse([], pb_utils.TritonError(str(told)))
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, array) for name, array in zip(wanted, found, strict=True)]
        )
