"""Triton entry of the stand-in for NVIDIA's onnxruntime backend."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import triton_python_backend_utils as pb_utils

from triton_backends.onnxruntime.engine import FILE, OnnxModel
from triton_backends.onnxruntime.options import SessionSettings
from triton_backends.shared.fault_log import FaultLog
from triton_backends.shared.model_info import ModelInfo
from triton_backends.shared.parent_watch import exit_with_parent
from triton_backends.shared.tensors import failure, origin_of, tensors_of


class TritonPythonModel:
    """Runs each request by itself; see the engine."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once."""
        import onnxruntime

        exit_with_parent()
        config: dict[str, Any] = json.loads(args["model_config"])
        model = ModelInfo.of(args)
        settings = SessionSettings.of(
            config,
            device=model.gpu,
            available=onnxruntime.get_available_providers(),
        )
        self._faults = FaultLog(model.name, pb_utils.Logger.log_error)
        self._outputs = [entry["name"] for entry in config["output"]]
        name = config.get("default_model_filename") or FILE
        self._model = OnnxModel(
            model.folder / model.version / name,
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
            found = self._model.run(tensors_of(request), wanted)
        except Exception as error:  # noqa: BLE001  (root of a request: the client must hear of it)
            return failure(self._faults.answer(error, origin_of(request)))
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, array) for name, array in zip(wanted, found, strict=True)]
        )
